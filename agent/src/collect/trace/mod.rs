//! `trace`: the activity of every thread over time, CPU samples and the runtimes' counters, streamed while they
//! are read.

#![cfg(native_engine)]

mod activity;
mod collector;
mod coverage;
mod pace;
mod runtimes;
#[cfg(test)]
mod tests;

pub(crate) use collector::collect;

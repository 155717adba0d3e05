//! `pprof-cpu`: samples of the CPU time of every thread, streamed while they are taken.

#![cfg(any(native_engine, pprof_engine))]

mod collector;
#[cfg(native_engine)]
mod notes;
mod sampling;

pub(crate) use collector::collect;
#[cfg(native_engine)]
pub(crate) use collector::{MAX_DURATION, MAX_HZ};
#[cfg(native_engine)]
pub(crate) use notes::notes;

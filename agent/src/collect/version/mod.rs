//! `version`: how the program was built, from the agent's own compilation and the executable.

#![cfg(target_os = "linux")]

mod collector;
mod scan;

pub(crate) use collector::collect;

//! `rgops completions SHELL`: a script that completes commands, options, and the pids of programs with an agent.
//!
//! | module | contents |
//! | --- | --- |
//! | `scripts` | the command and its scripts |
//! | `pprof` | what the scripts say of `rgops pprof`: options with one dash, and sources |

mod pprof;
mod scripts;

pub use scripts::Completions;
#[cfg(test)]
pub(crate) use scripts::{bash, fish, with_target, zsh};

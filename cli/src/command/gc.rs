//! `rgops gc`: the program's allocators give free memory back to the system.

use rgops_inspect::report::gc::{JsonGc, render};
use rgops_protocol::reply::Known;
use rgops_protocol::reply::gc::GcReply;
use rgops_protocol::request::{GcRequest, Request};

use super::single::{self, Single};
use crate::exit::{Exit, Failure};
use crate::terminal::{exit_of, print, print_json, print_notes};

/// What it does, in `rgops --help`, and its place there.
pub(super) const ABOUT: &str = "Have the allocators give free memory back to the system";
pub(super) const PLACE: usize = 130;

/// Arguments of the command.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Calls malloc_trim(3) of glibc, and what jemalloc and mimalloc have in its place, and shows the memory
before and after. Rust has no garbage collector: only memory that is free already is given back, which
the allocator keeps because it will soon be needed again. The program's threads may wait for the
allocator meanwhile.

It changes something in the program, so the program's author has to allow it:
  agent::listen(Options::default().allow(Command::Gc))?;

Examples:
  rgops gc 4711
  rgops memstats 4711                 what can be given back, before you do")]
pub struct Gc {
    #[command(flatten)]
    agent: super::AgentArguments,
}

impl Gc {
    /// Runs the command.
    ///
    /// # Errors
    /// When the agent cannot be asked, or refuses.
    pub fn run(&self) -> Result<Exit, Failure> {
        let Single { hello, reply, end } = single::ask::<GcReply>(&self.agent, &Request::Gc(GcRequest {}))?;
        let nothing = !reply.allocators.iter().any(|released| matches!(released.called, Known::Value(_)));
        let exit = if self.agent.json {
            print_json(&JsonGc::new(&hello, reply, &end))?;
            exit_of(&end)
        } else {
            print(&render(&reply))?;
            print_notes(&end)
        };
        Ok(if nothing { Exit::Refused } else { exit })
    }
}

//! The programs of this host that have an agent: those of this user, and of everybody if it is root's; also in containers.
//!
//! Nothing is looked for while nobody asks: [`Fleet::programs`] looks when the last look is older than a second. One looks
//! for all who ask meanwhile.

mod fleet_list;
mod names;
mod program;

pub use fleet_list::{Fleet, MAX_PROGRAMS, NotFound};
pub use program::Program;

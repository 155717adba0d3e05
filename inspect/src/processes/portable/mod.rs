//! Processes of systems other than Linux: not yet.

mod asked;
mod reader;

pub(super) use asked::{Asked, is_inside, local_pid, wait_for_binding};
pub(super) use reader::Portable;

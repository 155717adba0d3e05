//! What the frames of a stack alone tell. Threads with the same addresses have the same frames, so it is found out once
//! for all of them.

use std::collections::HashMap;

use super::parked::is_parked;
use super::poll::{is_in, poll};
use super::role::Role;
use crate::symbols::Frame;

/// What the frames tell.
#[derive(Debug, Clone)]
pub(in crate::report) struct Likeness {
    /// The role that its functions show, or the files of Tokio that contain them if the compiler inlined them and kept
    /// only the last part of their names.
    pub(super) role: Option<Role>,
    /// Whether functions of Rust have names.
    pub(super) has_rust: bool,
    /// The name of the task that is polled, where one is polled.
    pub(super) poll: Option<Option<String>>,
    /// Whether a runtime parked the thread, if its system call is one for that.
    pub(super) is_parked: bool,
}

/// Those of the stacks so far, by addresses.
#[derive(Debug, Default)]
pub(in crate::report) struct Likenesses(HashMap<Vec<u64>, Likeness>);

impl Likenesses {
    /// That of a stack.
    pub(super) fn of(&mut self, addresses: &[u64], frames: &[Frame]) -> Likeness {
        match self.0.get(addresses) {
            Some(known) => known.clone(),
            None => {
                let found = Likeness::of(frames);
                self.0.insert(addresses.to_vec(), found.clone());
                found
            }
        }
    }
}

impl Likeness {
    fn of(frames: &[Frame]) -> Likeness {
        Likeness {
            role: role(frames),
            has_rust: frames.iter().any(Frame::is_named_rust),
            poll: poll(frames).map(|poll| poll.name),
            is_parked: is_parked(frames),
        }
    }
}

fn role(frames: &[Frame]) -> Option<Role> {
    let scheduler = frames.iter().rev().find_map(|frame| {
        if is_worker(frame) {
            Some(Role::TokioWorker)
        } else if is_in(frame, "runtime::scheduler::current_thread", "scheduler/current_thread/mod.rs") {
            Some(Role::TokioCurrentThread)
        } else {
            None
        }
    });
    // Tokio starts its workers in the same pool: the other threads are for blocking work.
    let in_pool =
        |frame: &Frame| is_in(frame, "runtime::blocking::pool::Inner::run", "runtime/blocking/pool.rs");
    scheduler.or_else(|| frames.iter().any(in_pool).then_some(Role::TokioBlocking))
}

/// Any function of the module: which of them stay in the stack depends on how it is optimised.
fn is_worker(frame: &Frame) -> bool {
    let in_module =
        is_in(frame, "runtime::scheduler::multi_thread::worker::", "scheduler/multi_thread/worker.rs");
    // Every thread may call that one.
    in_module && !frame.function.as_deref().is_some_and(|name| name.contains("block_in_place"))
}

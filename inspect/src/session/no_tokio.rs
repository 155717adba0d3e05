//! What is said about a program without a Tokio runtime of its own, when one is asked for.

use rgops_protocol::reply::stack::StackPart;
use rgops_protocol::request::{Request, StackRequest};

use super::connect::Session;
use super::error::SessionError;
use crate::budget::Budget;
use crate::report::stack::{StackReport, Thread, executors, is_without_tokio};

/// Frames of a stack that are looked at.
const DEPTH: u32 = 256;

/// The error for a program whose threads show that it has no Tokio runtime of its own; `None` if they do not.
pub(super) fn no_tokio(threads: &[Thread], target: &str) -> Option<SessionError> {
    is_without_tokio(threads).then(|| SessionError::NoTokio {
        target: target.to_owned(),
        executors: executors(threads).into_keys().collect(),
    })
}

impl Session {
    /// The same, by the stacks of the program as they are now.
    pub(super) fn without_tokio(&self, budget: &Budget) -> Option<SessionError> {
        let request = Request::Stack(StackRequest { max_depth: DEPTH });
        let mut answer = self.connect_again(budget).ok()?.ask(&request).ok()?;
        let collected = answer.collect::<StackPart>(&mut |_| {});
        collected.end.ok()?;
        let symbols = &self.options().symbols;
        let report = StackReport::within(budget, self.hello(), self.local_pid(), symbols, collected.parts);
        no_tokio(&report.threads, self.typed())
    }
}

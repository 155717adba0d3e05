//! Profiles, searches and traces that a button starts: they run on threads of their own, end by themselves, and their
//! results are kept for a while.

mod job;
mod kind;
mod outcome;
mod run;
mod shelf;

pub(super) use job::Job;
pub(super) use kind::Kind;
pub(super) use outcome::Outcome;
pub(super) use shelf::Busy;
pub(crate) use shelf::Shelf;

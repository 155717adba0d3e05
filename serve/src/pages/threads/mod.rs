//! `/p/PROGRAM/threads`: what every thread does, and its stack.

mod answer;
mod groups;
mod model;
mod page;

pub(super) use answer::page;

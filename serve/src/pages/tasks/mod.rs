//! `/p/PROGRAM/tasks`: Tokio tasks in groups, and the wait-for graph, drawn.

mod answer;
mod groups;
mod model;
mod page;
mod picture;
mod words;

pub(super) use answer::page;

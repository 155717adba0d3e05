//! `rgops memstats`: the breakdown of resident memory, then the memory of the process, its cgroup and its
//! allocators in the layout of gops.

mod answer;
mod explain;
#[cfg(test)]
mod tests;

pub(super) use answer::json_field;
pub use answer::{JsonField, JsonMemstats, JsonSection, render};
pub use explain::{Explanation, JsonExplanation, JsonPart, Part, explain};

//! The JSON contract `rgops.tasks/1`.

mod document;
mod node;
mod resource;
mod task;

pub use document::JsonTasks;

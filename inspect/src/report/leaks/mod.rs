//! `rgops leaks`: by how much the heap grew, and the lines of the program whose memory keeps growing, by how much per
//! minute, and with which confidence.

mod json;
#[cfg(test)]
mod tests;
mod text;

pub use json::JsonLeaks;
pub use text::render;

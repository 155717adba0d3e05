//! Answers of `/debug/pprof/`, as Go's `net/http/pprof` writes them.
//!
//! Each has its whole body, and beside Go's headers those that keep a browser from doing anything with it:
//! [`protect()`].

mod debug_text;
mod delta;
mod escape;
mod failure;
mod head;
mod headers;
mod index;
mod made;
mod table;
#[cfg(test)]
mod tests;

pub use debug_text::debug_text;
pub use delta::{DeltaError, delta};
pub use escape::{html_escaped, without_controls};
pub use failure::{cancelled, cpu_busy, error, failed, refused, trace_busy, try_again, unavailable};
pub use head::head;
pub use headers::{Reply, STYLE, protect};
pub use index::{Index, index};
pub use made::{cmdline, file, html, json, moved, profile_file, redirect, symbol, text};

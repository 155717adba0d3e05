//! `rgops`: ask a running Rust program.
fn main() {}

//! Names and frames as Rust developers read them.

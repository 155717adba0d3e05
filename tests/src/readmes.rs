//! The examples in the READMEs compile: `cargo test --doc` builds them unchanged.

#[doc = include_str!("../../README.md")]
struct Main;

#[doc = include_str!("../../agent/README.md")]
struct Agent;

#[doc = include_str!("../../inspect/README.md")]
struct Inspect;

//! `rgops pprof` as people run it: files, standard input, HTTP servers, programs with an agent, terminals.

#![expect(clippy::unwrap_used, reason = "tests")]
#![cfg(target_os = "linux")]

mod arguments;
mod http;
mod pages;
#[path = "../program/mod.rs"]
mod program;
mod reports;
mod run;
mod server;
mod targets;
mod terminals;
mod tls;

#[test]
#[ignore = "started by the other tests"]
fn target() {
    program::run_target();
}

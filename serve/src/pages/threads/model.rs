//! The part of `rgops.stack/1` that is shown.

use serde::Deserialize;

use crate::pages::live::Known;

/// The threads of a program.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Stacks {
    pub(super) threads: Vec<Thread>,
    pub(super) locks: Vec<Lock>,
    pub(super) deadlocks: Vec<Ring>,
}

/// A thread.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Thread {
    pub(super) tid: u32,
    pub(super) name: String,
    pub(super) role: String,
    pub(super) activity: String,
    pub(super) state: String,
    pub(super) cpu_ns: Known,
    pub(super) not_captured_because: Option<String>,
    pub(super) frames: Vec<Frame>,
    pub(super) waiting_seconds: Option<f64>,
}

/// A frame, innermost first.
#[derive(Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(default)]
pub(super) struct Frame {
    pub(super) function: Option<String>,
    pub(super) file: Option<String>,
    pub(super) line: Option<u32>,
    pub(super) inlined: bool,
    pub(super) module: Option<String>,
    pub(super) module_offset: u64,
}

/// A lock that threads wait for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Lock {
    pub(super) kind: String,
    pub(super) address: Option<u64>,
    pub(super) threads: Vec<u32>,
    pub(super) held_by: Vec<u32>,
    pub(super) holder_unknown_because: Option<String>,
}

/// Threads that wait for each other.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Ring {
    pub(super) threads: Vec<u32>,
    pub(super) is_certain: bool,
}

impl Frame {
    /// Whether it is neither of a library nor of Rust's own.
    pub(super) fn is_own(&self) -> bool {
        let foreign =
            ["/rustc/", "/registry/src/", "/git/checkouts/", "/library/std/", "/library/core/", "/sysdeps/"];
        self.file
            .as_ref()
            .is_some_and(|file| file.starts_with('/') && !foreign.iter().any(|of| file.contains(of)))
    }
}

//! Answer of `words`: `Data` packets, each one [`WordsPart`]: where some words stand on the stacks of threads.
//!
//! The inspector searches for the addresses of locks: the thread that holds one has its address on its stack.

use super::Known;
use crate::codec::{Decode, Encode};
use crate::received::{fields, plain};

/// The maximum number of words in a request.
pub const MAX_WORDS: usize = 256;

/// The maximum number of threads in a request.
pub const MAX_SEARCHED_THREADS: usize = 1024;

/// The maximum number of bytes that are searched in each stack.
pub const MAX_SEARCHED_BYTES: u32 = 256 * 1024;

/// The maximum number of places that are reported of each thread.
pub const MAX_FOUND: usize = 64;

/// Arguments of `words`.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct WordsRequest {
    /// The words, at most [`MAX_WORDS`].
    pub words: Vec<u64>,
    /// The kernel thread ids, at most [`MAX_SEARCHED_THREADS`].
    pub threads: Vec<u32>,
    /// Bytes to search from each stack pointer upwards, at most [`MAX_SEARCHED_BYTES`].
    pub max_bytes: u32,
}

/// Some of the threads.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct WordsPart {
    /// The threads, in the order of the request.
    pub threads: Vec<ThreadWords>,
}

/// A thread, and what its stack has.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct ThreadWords {
    /// Its kernel thread id.
    pub tid: u32,
    /// Its stack, or why it was not searched: it is running, or has ended.
    pub stack: Known<SearchedStack>,
}

/// A searched stack of a thread that did not run meanwhile.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct SearchedStack {
    /// Its stack pointer.
    pub sp: u64,
    /// The number of bytes that were searched.
    pub bytes: u32,
    /// CPU time since it started, in nanoseconds: if it is the same later, the thread did not run.
    pub cpu_ns: u64,
    /// Where words were found, by address; at most [`MAX_FOUND`].
    pub found: Vec<FoundWord>,
}

/// A word on a stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct FoundWord {
    /// Where it stands.
    pub avma: u64,
    /// Its index in the request.
    pub word: u32,
}

fields! {
    WordsPart { threads }
    ThreadWords { tid, stack }
    SearchedStack { sp, bytes, cpu_ns, found }
}

plain!(FoundWord);

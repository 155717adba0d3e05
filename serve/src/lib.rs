//! `rgops serve` as a library: every Rust program of a host over HTTP.
//!
//! | module | contents |
//! | --- | --- |
//! | `fleet` | the programs with an agent, looked for when somebody asks |
//! | `pprof` | `/p/PROGRAM/debug/pprof/…`, as Go's `net/http/pprof` |
//! | `metrics` | `/metrics` |
//! | `discovery` | `/sd` |
//! | `config` | configurations of scrapers, for `rgops config` |
//! | `pages` | what a browser shows |
//! | `server` | connections, checks of a request, limits |

#![forbid(unsafe_code)]
#![warn(unused_crate_dependencies)]

// The tests in a browser need them.
#[cfg(test)]
use {base64 as _, rgops_tests as _};

pub mod config;
pub mod discovery;
pub mod fleet;
pub mod metrics;
pub mod pages;
pub mod pprof;
pub mod server;

pub use server::{DEFAULT_ADDRESS, ListenError, ServeError, ServeOptions, Server, random_token, serve};

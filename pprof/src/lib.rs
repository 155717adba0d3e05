//! Profiles in [pprof]'s format as data: build one, write it, read it, and sum it up like `go tool pprof`.
//!
//! Design constraints:
//!
//! * **No I/O.** Every function takes bytes or values and returns bytes or values.
//! * **Sizes in a file are not trusted.** [`read()`] accepts at most 512 MB after decompression, and a profile that
//!   it returns has everything it refers to.
//! * **The caller sets the limits of counting.** A profile of a megabyte can take hours to count: [`top::within`]
//!   checks the caller's [`model::Limits`] regularly, and returns a complete table or none, never partial sums.
//! * **The same numbers as `go tool pprof`**, to the digit: which functions are dropped, what is inlined, the unit
//!   of a column. The tests of rgops compare whole tables with the tool's.
//! * **No `protoc`.** The messages are written by hand, by their field numbers.
//!
//! This crate does not take samples and does not resolve names: the caller that builds a profile provides both.
//!
//! | module | contents |
//! | --- | --- |
//! | [`proto`] | the messages of `profile.proto` |
//! | [`read()`] | from the bytes of a file to a checked profile |
//! | [`mod@write`] | tables of a profile while it is built, and the bytes of a file |
//! | [`model`] | samples as stacks of functions, and their sums as a graph |
//! | [`top`] | the table of `go tool pprof -top` |
//! | [`measurement`], [`moment`] | values and times in the format of the tool |
//!
//! ```
//! use rgops_pprof::proto::{Function, Line, Location, Profile, Sample, ValueType};
//! use rgops_pprof::write::{Tables, encode};
//! use rgops_pprof::top;
//!
//! let mut tables = Tables::new();
//! let name = tables.text("shop::checkout");
//! let function_id = tables.add_function(Function { name, ..Function::default() });
//! let line = vec![Line { function_id, line: 12, column: 0 }];
//! let location = tables.add_location(Location { line, ..Location::default() });
//! let cpu = ValueType { r#type: tables.text("cpu"), unit: tables.text("nanoseconds") };
//! let sample = Sample { location_id: vec![location], value: vec![20_000_000], label: Vec::new() };
//! let profile = Profile { sample_type: vec![cpu], sample: vec![sample], ..tables.into_profile(None) };
//!
//! let file = encode(&profile);
//! let read = rgops_pprof::read(&file)?;
//! let top = top::top(&read, top::Options { sample_type: "cpu", rows: 20, by_cum: false });
//! assert_eq!((&*top.rows[0].function, top.rows[0].flat), ("shop::checkout", 20_000_000));
//! assert!(top.text().ends_with("      20ms   100%   100%       20ms   100%  shop::checkout\n"));
//! # Ok::<(), rgops_pprof::ReadError>(())
//! ```
//!
//! [pprof]: https://github.com/google/pprof

#![forbid(unsafe_code)]
#![warn(unused_crate_dependencies)]

mod check;
pub mod environment;
pub mod measurement;
pub mod model;
pub mod moment;
mod paths;
pub mod profile;
pub mod proto;
mod read;
pub mod report;
pub mod rust;
pub mod settings;
mod stop;
pub mod top;
pub mod write;

pub use profile::Profile;
pub use read::{ReadError, read, read_profile};
pub use settings::Settings;
pub use stop::{Stop, Stopped};

//! Profiles in [pprof]'s format as data: build one, write it, read it, count it as `go tool pprof` does.
//!
//! Constraints this crate was designed under:
//!
//! * **No I/O.** Every function takes bytes or values and returns bytes or values.
//! * **Nothing is allocated on the word of a file.** [`read()`] takes 512 MB when decompressed at most, and a profile it
//!   returns refers to nothing it does not have.
//! * **Counting has limits of the caller's own.** A profile of a megabyte can take hours to count: [`top::within`]
//!   asks the caller's [`model::Limits`] now and then, and gives all of a table or nothing, never half a sum.
//! * **The same numbers as `go tool pprof`**, to the digit: which functions are dropped, what is inlined, the unit of a
//!   column. The tests of rgops compare whole tables with the tool's.
//! * **No `protoc`.** The messages are written by hand, by their field numbers.
//!
//! It does not take samples and does not look up names: whoever builds a profile brings both.
//!
//! | module | has |
//! | --- | --- |
//! | [`proto`] | the messages of `profile.proto` |
//! | [`read()`] | bytes of a file to a checked profile |
//! | [`mod@write`] | tables of a profile while it is built, and the bytes of a file |
//! | [`model`] | samples as stacks of functions, and their sums as a graph |
//! | [`top`] | the table of `go tool pprof -top` |
//! | [`measurement`], [`moment`] | values and moments in the tool's form |
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
//! let top = top::top(&read, top::Options { sample_type: "cpu", rows: 20 });
//! assert_eq!((&*top.rows[0].function, top.rows[0].flat), ("shop::checkout", 20_000_000));
//! assert!(top.text().ends_with("      20ms   100%   100%       20ms   100%  shop::checkout\n"));
//! # Ok::<(), rgops_pprof::ReadError>(())
//! ```
//!
//! [pprof]: https://github.com/google/pprof

#![forbid(unsafe_code)]
#![warn(unused_crate_dependencies)]

mod check;
pub mod measurement;
pub mod model;
pub mod moment;
mod paths;
pub mod proto;
mod read;
pub mod top;
pub mod write;

pub use read::{ReadError, read};

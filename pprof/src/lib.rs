//! Profiles in [pprof]'s format as data: build one, write it, read it, and make the reports of `pprof` from it.
//!
//! Design constraints:
//!
//! * **No I/O.** Every function takes bytes or values and returns bytes or values.
//! * **Nothing in a file is trusted.** [`read_profile`] decodes into columns while it decompresses and keeps within the
//!   memory of its [`Limits`]; bombs and damage are refused with the reason. A profile that it returns has everything it
//!   refers to.
//! * **The caller sets the limits of counting.** Reports ask a [`Stop`] regularly whether to end, and charge the memory
//!   of a graph to its [`Work`](graph::Work); they are complete or an error, never partial sums.
//! * **The same text as `pprof`**, to the character: which functions are dropped, what is inlined, the unit of a column,
//!   the order of equals. The tests compare whole reports with the tool's.
//! * **Data first.** Each report is a type with rows, from which its text is written: [`report::top::Top`] and others.
//! * **No `protoc`.** The messages are written by hand, by their field numbers.
//!
//! This crate does not take samples and does not resolve names: the caller that builds a profile provides both.
//!
//! | module | contents |
//! | --- | --- |
//! | [`proto`] | the messages of `profile.proto` |
//! | [`profile`](mod@profile) | a profile in columns, every distinct stack once |
//! | [`read_profile`], [`read()`] | from the bytes of a file to a checked profile, in columns or as messages |
//! | [`mod@write`] | tables of a profile while it is built, and the bytes of a file |
//! | [`merge`] | one profile of several, and the difference to a base |
//! | [`settings`], [`refine`] | the options of reports, and the profile after its filters |
//! | [`graph`] | nodes with their values, and the calls between them |
//! | [`report`] | the reports, by [`report::write()`] or each by its type |
//! | [`measurement`], [`moment`] | values and times in the format of the tool |
//!
//! ```
//! use rgops_pprof::proto::{Function, Line, Location, Profile, Sample, ValueType};
//! use rgops_pprof::write::{Tables, encode};
//! use rgops_pprof::report::top::Top;
//! use rgops_pprof::{Settings, Stop, read_profile};
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
//! let top = Top::of(&read_profile(&file)?, &Settings::default(), Stop::never())?;
//! assert_eq!((&*top.rows[0].name, top.rows[0].flat), ("shop::checkout", 20_000_000));
//! let mut text = Vec::new();
//! top.write(&mut text)?;
//! assert!(text.ends_with(b"      20ms   100%   100%       20ms   100%  shop::checkout\n"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [pprof]: https://github.com/google/pprof

#![forbid(unsafe_code)]
#![warn(unused_crate_dependencies)]

mod argument;
mod check;
pub mod diff;
pub mod environment;
mod error;
pub mod export;
mod filter;
pub mod flame;
mod format;
pub mod graph;
pub mod layout;
pub mod measurement;
pub mod merge;
pub mod moment;
pub mod names;
mod paths;
mod pattern;
pub mod profile;
pub mod proto;
mod read;
pub mod refine;
pub mod report;
pub mod settings;
pub mod source;
mod stop;
pub mod timeline;
pub mod write;

pub use error::ReportError;
pub use format::Format;
pub use pattern::Pattern;
pub use profile::Profile;
pub use read::{Limits, ReadError, read, read_beginning, read_profile, read_profile_within};
pub use refine::Refined;
pub use settings::Settings;
pub use stop::{Stop, Stopped};

/// The example of the README compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

//! What got slower or larger between two profiles, and whether that is more than chance.
//!
//! [`diff()`] compares function by function. Values are compared per second if both profiles have a duration;
//! snapshots, such as memory in use, as they are; and otherwise by their shares of the total.
//!
//! A profile is a sample: profiles of the same program differ. [`probability`] is the test that both have the same
//! rate of samples; [`adjusted`] holds for all functions together. So of all changes that are called significant, with
//! a chance of 95 % none is by the chance of sampling. Other differences between two runs (load, machine, input) are
//! not known to a profile, and not in it.
//!
//! ```
//! use rgops_pprof::{Settings, Stop, diff};
//! # let (old, new) = (rgops_pprof::Profile::default(), rgops_pprof::Profile::default());
//! match diff::diff(&old, &new, &Settings::default(), Stop::never()) {
//!     Ok(diff) => println!("{} functions grew by more than 5 %", diff.above(5.0).len()),
//!     Err(error) => println!("{error}"),
//! }
//! ```

mod change;
mod compare;
mod counts;
mod poisson;
#[cfg(test)]
mod schema;
mod side;
#[cfg(test)]
mod tests;
mod text;

pub use change::{Change, Compared, Diff, LEVEL, SCHEMA, Trend};
pub use compare::diff;
pub use poisson::{adjusted, probability};

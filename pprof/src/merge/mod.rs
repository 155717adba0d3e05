//! From profiles that were read to the one that reports are made of, in pprof's order: [`with_program()`] for each,
//! [`combine()`] for several, [`subtract()`] a base, then symbolize, then [`finish()`].

mod combine;
mod compatible;
mod error;
mod finish;
mod merger;
mod scaling;
mod subtract;
#[cfg(test)]
mod tests;

pub use combine::{combine, compact};
pub use error::MergeError;
pub use finish::{finish, with_program};
pub use subtract::{Base, subtract};

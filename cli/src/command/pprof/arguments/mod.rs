//! The command line of `rgops pprof`: pprof's options with both spellings, and ours beside them.

mod clap_args;
mod parsed;
mod spelling;
mod table;
mod tips;

pub use parsed::{Arguments, Baseline};
pub(crate) use spelling::accept_spelling_of_pprof;
pub(crate) use tips::with_tip_of_pprof;

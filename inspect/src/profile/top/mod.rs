//! The table of `go tool pprof -top`, summed up within a budget.

mod counting;
#[cfg(test)]
mod tests;

pub use counting::{Options, Top, within};
pub use rgops_pprof::report::top::{Inlined, Row};

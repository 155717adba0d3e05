//! The table of `go tool pprof -top`, summed up within a budget.

mod counting;
#[cfg(test)]
mod tests;

pub use counting::within;
pub use rgops_pprof::model::Inlined;
pub use rgops_pprof::top::{Options, Row, Top, top};

//! Flat and cumulative values by function, trimmed and printed exactly like `go tool pprof -top`.
//!
//! The rules are those of google/pprof's `internal/report` and `internal/graph`: nodes below 0.5 %
//! of the total are dropped, a recursive function is counted once in the cum of a sample, the own value of a
//! dropped leaf is not in any flat value, and `(inline)` marks functions if every call to them was inlined.

mod count;
mod header;
mod table;
mod text;

pub use count::{top, within};
pub use table::{Options, Row, Top};

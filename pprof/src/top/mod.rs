//! Flat and cumulative values by function, trimmed and printed exactly as `go tool pprof -top` does.
//!
//! The rules are those of google/pprof's `internal/report` and `internal/graph`: nodes below 0.5 %
//! of the total are dropped, a recursive function is counted once in a sample's cum, what a dropped
//! leaf used is in nobody's flat, and `(inline)` is said of functions all of whose calls were inlined.

mod count;
mod header;
mod table;
mod text;

pub use count::{top, within};
pub use table::{Options, Row, Top};

//! What every answer is written with: text that is safe on a terminal, numbers as people read them, values that may
//! be missing, names of system calls. It lies below the modules that make answers and reports.

mod columns;
mod escaping;
pub mod known;
mod left_out;
mod printable;
pub mod system_call;
mod units;

pub use columns::{WIDEST_COLUMN, width};
pub use escaping::Escaping;
pub(crate) use left_out::reason;
pub use printable::{escape, label};
pub use rgops_pprof::moment::utc;
pub use units::{bytes, bytes_short, counted, duration, hex};

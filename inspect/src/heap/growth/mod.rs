//! Which lines of the program keep more and more memory, and how sure that is.
//!
//! Only blocks older than a tenth of the window count, at its beginning as at its end: what a program
//! allocates and soon frees is as often young as it is old, and would look like growth at a bad moment.
//! Between two snapshots a line then *gained* the sampled blocks that became old and live, and *lost*
//! those that were old and live and are no more. Blocks that are in both are in neither, so their
//! number, however large, adds no noise.
//!
//! Whether a line grew is a question about counts. Samples are independent of each other, so where
//! memory only goes round (a full cache) a changed block is as likely a gain as a loss. The probability
//! of at least so many gains by chance is that of so many heads of a fair coin, exactly; the level of
//! 5 % is divided by the number of lines that could reach it (Bonferroni), so that it holds for the
//! whole list. It must hold, undivided, for the second half of the window as well: a cache that filled
//! in the first half is no leak.

mod chance;
mod compare;
mod grown;
#[cfg(test)]
mod tests;
mod work;

pub use compare::growth;
pub use grown::{Grown, Growth, NoGrowth};

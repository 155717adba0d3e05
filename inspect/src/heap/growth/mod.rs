//! Which lines of the program have growing memory, and with which confidence.
//!
//! Only blocks older than a tenth of the window count, at its start and at its end: short-lived blocks would look
//! like growth at an unlucky moment. Between two snapshots, a line *gained* the sampled blocks that became old and
//! live, and *lost* those that were old and live and no longer are. Blocks that are old and live in both snapshots
//! do not count, so their number, however large, does not add noise.
//!
//! Whether a line grew is decided by counts. Samples are independent of each other, so if memory is only replaced (a
//! full cache), a changed block is equally likely a gain or a loss. The probability of at least this many gains by
//! chance is exactly that of as many heads of a fair coin. The level of 5 % is divided by the number of lines that
//! could reach it (Bonferroni), so that it holds for the whole list. The undivided level must also hold for the
//! second half of the window: a cache that filled up in the first half is not a leak.

mod chance;
mod compare;
mod grown;
#[cfg(test)]
mod tests;
mod work;

pub use compare::growth;
pub use grown::{Grown, Growth, NoGrowth};

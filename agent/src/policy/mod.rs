//! What is answered to whom: the one place that allows, denies, says busy, and keeps the program's memory.

mod exclusive_lock;
mod rules;

pub(crate) use rules::Policy;
#[cfg(target_os = "linux")]
pub(crate) use rules::{Admitted, Asker};

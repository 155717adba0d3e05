//! What is answered to whom: the one place that allows, denies, says busy, and keeps the program's memory.

mod exclusive_lock;
mod rules;

pub(crate) use rules::Policy;
#[cfg_attr(not(target_os = "linux"), expect(unused_imports, reason = "nothing asks there"))]
pub(crate) use rules::{Admitted, Asker};

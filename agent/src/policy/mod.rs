//! Decides which requests are answered: denied and allowed commands, busy, and who may read the program's memory.

mod exclusive_lock;
mod rules;

pub(crate) use rules::Policy;
#[cfg_attr(
    not(target_os = "linux"),
    expect(unused_imports, reason = "there is no server on other systems")
)]
pub(crate) use rules::{Admitted, Origin};

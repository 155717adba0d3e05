//! Units whose debug information is not used, and why.

use crate::fault::Fault;

/// Units that are left out.
#[derive(Debug, Clone, Default)]
pub struct LeftOut {
    count: u64,
    /// Why the first of them is left out.
    reason: String,
}

impl LeftOut {
    /// Adds one.
    pub fn add(&mut self, why: &Fault) {
        if self.count == 0 {
            self.reason = why.to_string();
        }
        self.count += 1;
    }

    /// A sentence about them; `None` when there are none.
    pub fn explain(&self) -> Option<String> {
        match self.count {
            0 => None,
            1 => Some(format!("a unit of its debug information is left out: {}", self.reason)),
            count => {
                let reason = &self.reason;
                Some(format!(
                    "{count} units of its debug information are left out; reason for the first: {reason}"
                ))
            }
        }
    }
}

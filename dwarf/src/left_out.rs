//! Units whose debug information is not used, why, and how to fix that.

use crate::budget::Exhausted;
use crate::fault::Fault;

/// How to make units readable that were left out.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// Unknown.
    #[default]
    Nothing,
    /// A larger limit for the command.
    Limit(Exhausted),
    /// The split debug files.
    SplitFiles,
}

impl Remedy {
    /// The remedy when no split debug file is missing.
    pub fn of(why: &Fault) -> Remedy {
        match why {
            Fault::Exhausted(limit) => Remedy::Limit(*limit),
            Fault::Damaged(_) | Fault::Refused(_) => Remedy::Nothing,
        }
    }
}

/// Units that are left out, or not read completely.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LeftOut {
    units: u64,
    reason: String,
    remedy: Remedy,
}

impl LeftOut {
    /// Adds a unit.
    pub fn add(&mut self, why: &Fault) {
        self.add_units(1, &why.to_string(), Remedy::of(why));
    }

    /// Adds units. Keeps the first reason, or the first one with a remedy.
    pub fn add_units(&mut self, units: u64, reason: &str, remedy: Remedy) {
        self.units += units;
        let is_better = self.remedy == Remedy::Nothing && remedy != Remedy::Nothing;
        if (self.reason.is_empty() || is_better) && units > 0 {
            reason.clone_into(&mut self.reason);
            self.remedy = remedy;
        }
    }

    /// Adds the units of another part.
    pub fn append(&mut self, other: &LeftOut) {
        self.add_units(other.units, &other.reason, other.remedy);
    }

    /// Number of units.
    pub fn units(&self) -> u64 {
        self.units
    }

    /// Why, in lower case; empty when none is left out.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// How to make the units readable that are left out for this reason.
    pub fn remedy(&self) -> Remedy {
        self.remedy
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_with_a_remedy_replaces_the_first() {
        let mut left_out = LeftOut::default();
        left_out.add_units(0, "nothing", Remedy::SplitFiles);
        assert_eq!(left_out, LeftOut::default());
        left_out.add(&Fault::refused("it is damaged"));
        left_out.add(&Exhausted::Time.into());
        left_out.add(&Exhausted::Memory(1).into());
        assert_eq!((left_out.units(), left_out.reason()), (3, "the time limit was reached"));
        let mut all = LeftOut::default();
        all.append(&left_out);
        assert_eq!(all, left_out);
        assert_eq!(all.remedy(), Remedy::Limit(Exhausted::Time));
    }
}

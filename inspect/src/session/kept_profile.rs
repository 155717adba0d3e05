//! The profile of an answer, with its table of functions: the same for CPU and heap profiles.

use std::io::{self, Write};
use std::sync::OnceLock;

use crate::budget::Budget;
use crate::profile::proto::Profile;
use crate::profile::top::{self, Options, Top};
use crate::profile::{KernelTime, OwnCode, own_code};

/// A profile, and its functions, which are summed up when they are first asked for.
#[derive(Debug)]
pub(super) struct KeptProfile {
    pub(super) profile: Profile,
    options: Options<'static>,
    budget: Budget,
    top: OnceLock<Top>,
    own: OnceLock<Option<OwnCode>>,
}

impl KeptProfile {
    /// Keeps the profile. `budget` is that of the command that received it.
    pub(super) fn new(profile: Profile, options: Options<'static>, budget: Budget) -> KeptProfile {
        KeptProfile { profile, options, budget, top: OnceLock::new(), own: OnceLock::new() }
    }

    /// Name of the sample type that the table of functions counts.
    pub(super) fn sample_type(&self) -> &'static str {
        self.options.sample_type
    }

    /// Functions by descending flat value.
    pub(super) fn top(&self) -> &Top {
        self.top.get_or_init(|| top::within(&self.budget, &self.profile, self.options))
    }

    /// The program's own functions with what they use and call; `None` when memory or time did not suffice.
    pub(super) fn own_code(&self, kernel: &KernelTime) -> Option<&OwnCode> {
        let count = || own_code(&self.budget, &self.profile, self.options.sample_type, kernel).ok();
        self.own.get_or_init(count).as_ref()
    }

    /// Maximum rows of a table; 0 for all.
    pub(super) fn rows(&self) -> usize {
        self.options.rows
    }

    /// Writes the profile: gzipped protocol buffers.
    pub(super) fn write_to(&self, out: &mut dyn Write) -> io::Result<()> {
        crate::profile::write(&self.profile, out)
    }
}

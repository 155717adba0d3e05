//! Shared by CPU and heap profiles: the process, and how a profile is shown.

use super::connect::Session;
use crate::budget::Budget;
use crate::profile::Process;
use crate::profile::top::Top;
use crate::text::{self, escape};

/// Additional data to show with a profile.
#[derive(Debug, Clone, Default)]
pub struct ProfileView {
    file: Option<String>,
}

impl ProfileView {
    /// The file it was saved in, for the JSON document.
    #[must_use]
    pub fn file(mut self, file: Option<String>) -> ProfileView {
        self.file = file;
        self
    }

    pub(super) fn saved_in(&self) -> Option<&str> {
        self.file.as_deref()
    }
}

impl Session {
    /// The process of the profile, and where its symbols are.
    pub(super) fn process(&self, budget: &Budget) -> Process {
        Process {
            name: self.hello().name.clone(),
            pid: self.hello().pid,
            build_id: self.hello().build_id.clone(),
            local_pid: self.local_pid(),
            symbol_directories: self.options().symbols.clone(),
            budget: budget.clone(),
        }
    }
}

/// The table of functions, escaped, with long names elided.
pub(super) fn table(top: &Top) -> String {
    let mut shown = top.clone();
    for row in &mut shown.table.rows {
        row.name = text::shown_name(&row.name);
    }
    shown.text().lines().map(|line| escape(line).into_owned() + "\n").collect()
}

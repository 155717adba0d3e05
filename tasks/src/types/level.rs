//! The level of detail of a module's debug information about tasks, and the lines for Cargo.toml that raise
//! it.
//!
//! A poll function `poll<FUTURE, SCHEDULER>` is compiled with the crate that spawns the future. With `debug =
//! 2` for that crate everything inside the future is described, including futures of other crates that have
//! `debug = 1` or none (measured with release, thin and fat LTO: the same await points as with `debug = 2`
//! for all crates). So only these crates need more.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

use rgops_dwarf::{Fault, Remedy};

use crate::model::DebugLevel;
use crate::types::entry::LONGEST_CRATE;
use crate::types::module::ModuleTypes;

/// Maximum crates named in one line; a note states that there are more.
const MAX_CRATES: usize = 8;

/// Maximum units read to name the crates of one poll function: each crate that has a copy of the function
/// describes it.
const MAX_UNITS_READ: usize = 256;

/// The debug information of a module.
#[derive(Debug)]
pub(super) struct Explained {
    pub(super) level: DebugLevel,
    /// What is left out and cannot be completed; empty if nothing is left out.
    pub(super) note: String,
    /// How to get more; empty if nothing helps.
    pub(super) fix: String,
}

/// The lookups of a module's tasks, and their results.
#[derive(Debug, Default)]
pub(super) struct Lookups {
    described: Cell<u64>,
    named: Cell<u64>,
    nameless: Cell<u64>,
    /// Crates that spawn futures whose types are not described.
    crates: RefCell<BTreeSet<String>>,
    /// Whether there are more crates than can be named.
    more_crates: Cell<bool>,
}

impl Lookups {
    /// Records a lookup of a poll function's types, and the crates that contain it.
    pub(super) fn task(&self, is_described: bool, crates: impl Iterator<Item = String>) {
        if is_described {
            self.described.set(self.described.get() + 1);
        } else {
            let mut known = self.crates.borrow_mut();
            for name in crates.take(MAX_UNITS_READ) {
                if known.len() < MAX_CRATES {
                    known.insert(name);
                } else if !known.contains(&name) {
                    self.more_crates.set(true);
                    break;
                }
            }
        }
    }

    /// Records a lookup of a future's name, made because its types are not described.
    pub(super) fn future(&self, name: Option<&str>) {
        let count = if name.is_some() { &self.named } else { &self.nameless };
        count.set(count.get() + 1);
        let (Some(name), true) = (name, self.crates.borrow().is_empty()) else { return };
        // Without debug information only the future's own path names a crate: its first plain word.
        let is_part = |character: char| character.is_ascii_alphanumeric() || character == '_';
        let first = name.split(|character| !is_part(character)).find(|part| !part.is_empty());
        let is_library = |name: &str| ["core", "alloc", "std", "tokio"].contains(&name);
        let is_crate = |name: &&str| !is_library(name) && name.len() <= LONGEST_CRATE;
        self.crates.borrow_mut().extend(first.filter(is_crate).map(str::to_owned));
    }

    pub(super) fn explain(&self, types: Option<&ModuleTypes>, unreadable: Option<&Fault>) -> Explained {
        let level = if self.described.get() > 0 || types.is_some_and(ModuleTypes::describes_tasks) {
            DebugLevel::AwaitPoints
        } else if self.named.get() > 0 {
            DebugLevel::FutureNames
        } else {
            DebugLevel::Nothing
        };
        let (mut notes, mut fixes) = (Vec::new(), Vec::new());
        if let Some(left_out) = types.map(ModuleTypes::left_out).filter(|left_out| left_out.units() > 0) {
            let (units, why) = (left_out.units(), left_out.reason());
            let unread = format!("{units} parts of the debug information could not be read ({why})");
            match left_out.remedy() {
                Remedy::Nothing => notes.push(unread),
                Remedy::Limit(limit) => fixes.push(format!("{unread}: {}", limit.fix())),
                Remedy::SplitFiles => fixes.push(format!(
                    "{unread}: pass --symbols DIR with the .dwo or .dwp files of the running build"
                )),
            }
        }
        if let Some(count) = types.map(ModuleTypes::cut_strings).filter(|count| *count > 0) {
            notes.push(format!(
                "names in the debug information are longer than 64 KiB and are cut ({count} times)"
            ));
        }
        match unreadable {
            Some(Fault::Exhausted(limit)) => fixes.push(format!("{limit}: {}", limit.fix())),
            Some(why) => fixes.push(format!("{why}: build it with debug information, or pass --symbols DIR with the debug file of the running build")),
            None => {}
        }
        if level < DebugLevel::AwaitPoints || self.named.get() + self.nameless.get() > 0 {
            fixes.push(self.lines());
        }
        Explained { level, note: notes.join("; "), fix: fixes.join("; ") }
    }

    fn lines(&self) -> String {
        let crates = self.crates.borrow();
        let section = |name: &str| format!("[profile.release.package.{name}] debug = 2");
        let sections: Vec<_> = crates.iter().map(|name| section(name)).collect();
        let sections = if sections.is_empty() { section("NAME") } else { sections.join(" and ") };
        let whose = match (crates.is_empty(), self.more_crates.get()) {
            (true, _) => ", where NAME is the package that spawns the tasks",
            (false, true) => ", and the same for the other packages that spawn tasks",
            (false, false) => "",
        };
        format!("in the workspace's Cargo.toml: {sections}{whose}")
    }
}

#[cfg(test)]
mod tests {
    use rgops_dwarf::Exhausted;

    use super::*;

    #[test]
    fn crates_beyond_the_limit_are_mentioned() {
        let lookups = Lookups::default();
        lookups.task(false, (0..8).map(|number| format!("crate{number}")));
        let fix = lookups.explain(None, None).fix;
        assert!(fix.ends_with("[profile.release.package.crate7] debug = 2"), "{fix}");
        lookups.task(false, (0..100_000).map(|number| format!("crate{number}")));
        let fix = lookups.explain(None, None).fix;
        assert!(fix.ends_with("debug = 2, and the same for the other packages that spawn tasks"), "{fix}");
        assert_eq!(fix.matches("package.crate").count(), 8);
        let unnamed = Lookups::default();
        unnamed.future(Some(&"x".repeat(100_000)));
        assert!(unnamed.explain(None, None).fix.contains("package.NAME]"));
    }

    #[test]
    fn a_file_not_read_because_of_a_limit_needs_a_larger_limit() {
        let fix = |why: Fault| Lookups::default().explain(None, Some(&why)).fix;
        let time = fix(Exhausted::Time.into());
        assert!(time.starts_with("the time limit was reached: pass a larger --timeout; "), "{time}");
        let memory = fix(Exhausted::Memory(64 << 20).into());
        assert!(memory.contains("pass a larger --max-memory; ") && !memory.contains("--symbols"), "{memory}");
        assert!(fix(Fault::refused("it is none")).contains("--symbols"));
    }
}

//! The module of a mapping, with the build-id and the addresses by which its files are found.

use std::path::PathBuf;

use rgops_dwarf::Budget;
use rgops_dwarf::elf::Elf;
use rgops_protocol::reply::Module;

use super::mapped::Mapped;
use super::settings::FileSettings;
use crate::files::{Believed, Place, within};
use crate::symbols::files::Finder;

/// A module, and the process in which its files are searched first.
#[derive(Debug)]
pub(super) struct Located {
    pub(super) module: Module,
    pub(super) process: Option<u32>,
}

/// Searches for files, in the process that was profiled and without it.
pub(super) struct Finders<'s> {
    settings: &'s FileSettings,
    budget: &'s Budget,
    of_process: Option<Finder>,
    without: Finder,
}

impl Finders<'_> {
    pub(super) fn new<'s>(settings: &'s FileSettings, budget: &'s Budget) -> Finders<'s> {
        let finder = |process| Finder::new(process, &settings.symbol_directories, budget);
        Finders {
            settings,
            budget,
            of_process: settings.process.map(|pid| finder(Some(pid))),
            without: finder(None),
        }
    }

    /// The finder of a module.
    pub(super) fn of(&self, located: &Located) -> &Finder {
        self.of_process.as_ref().filter(|_| located.process.is_some()).unwrap_or(&self.without)
    }

    /// The module of a mapping. Where the profile states no build-id, that of the program that the user named is taken,
    /// and with `by_path` that of the file at the path.
    pub(super) fn locate(&self, mapped: &Mapped<'_>, by_path: bool) -> Located {
        let is_program = self.settings.is_program(mapped.path);
        let program = self.settings.program.as_ref().filter(|_| is_program);
        let text = program.and_then(|program| program.to_str());
        let mapped = Mapped { path: text.unwrap_or(mapped.path), ..*mapped };
        if mapped.build_id.is_empty() {
            let place = match program {
                Some(program) => Some(Place::Trusted(program.clone())),
                None if by_path && mapped.path.starts_with('/') => {
                    Some(Place::Named(PathBuf::from(mapped.path)))
                }
                None => None,
            };
            let mut module = mapped.module(&self.without, self.budget);
            if let Some((elf, build_id)) = place.and_then(|place| self.read(place)) {
                mapped.correct(&mut module, &elf);
                module.build_id = build_id;
            }
            return Located { module, process: None };
        }
        if let Some(finder) = &self.of_process {
            let module = mapped.module(finder, self.budget);
            let process = finder.process();
            let is_executable = process.executable().is_some_and(|executable| executable == module.path);
            if is_executable || matches!(process.believes(&module), Believed::Mapped(_)) {
                return Located { module, process: self.settings.process };
            }
        }
        Located { module: mapped.module(&self.without, self.budget), process: None }
    }

    fn read(&self, place: Place) -> Option<(Elf, Vec<u8>)> {
        let budget = self.budget.clone();
        let read = move || {
            let file = place.open().ok()?;
            let elf = Elf::read(&file, &budget).ok()?;
            let build_id = elf.build_id(&file, &budget);
            Some((elf, build_id))
        };
        within(self.budget, read).ok().flatten()
    }
}

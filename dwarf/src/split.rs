//! Split debug information: the `.dwo` file of a unit, or the `.dwp` package of all units.
//!
//! A unit's hash is checked, so that the file of another build is never used.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use gimli::{Reader as _, SectionId};

use crate::budget::Budget;
use crate::fault::Fault;
use crate::package::Package;
use crate::part::Part;
use crate::read_at::Unreadable;
use crate::sections::Sections;
use crate::strings::{name, text};
use crate::work::Work;

/// Steps for searching and opening a file.
const STEPS_PER_FILE: u64 = 10_000;

/// Bytes of a file that count as one step.
const READ_BYTES_PER_STEP: u64 = 64;

/// Maximum characters of a path in a message. A file may name a path of any length.
const SHOWN_CHARACTERS: usize = 1024;

/// Knows the possible places of a module's split debug information.
pub trait SplitSource: fmt::Debug + Send + Sync {
    /// Possible package files of the module, in the order to try them.
    fn packages(&self) -> Vec<Box<dyn SplitFile>>;

    /// Possible files of the unit that names this path, in the order to try them.
    fn units(&self, path: &Path) -> Vec<Box<dyn SplitFile>>;
}

/// A possible place of a file.
pub trait SplitFile {
    /// Its path, for messages.
    fn path(&self) -> PathBuf;

    /// Its wanted sections; `None` if the file does not exist.
    fn read(&self, wanted: &'static [SectionId], budget: &Budget) -> Option<Result<Sections, Unreadable>>;
}

/// The split debug information of a module.
#[derive(Debug, Default)]
pub struct SplitFiles {
    /// `None` without split files.
    source: Option<Box<dyn SplitSource>>,
    /// Read when the first unit needs it.
    package: OnceLock<Option<Result<Package, Fault>>>,
    /// Sections that are read from these files.
    wanted: &'static [SectionId],
}

impl SplitFiles {
    /// Files that `source` finds on demand, with these of their sections.
    pub fn new(source: Box<dyn SplitSource>, wanted: &'static [SectionId]) -> SplitFiles {
        SplitFiles { source: Some(source), package: OnceLock::new(), wanted }
    }

    /// The first package that can be read, even if earlier places have unreadable files. If no package can be
    /// read: why the first one is not used. `None` if there is no file at any place.
    fn package(&self, work: &Work) -> Option<&Result<Package, Fault>> {
        let open = |file: &dyn SplitFile| {
            let opened = self.read(file, work)?.and_then(|read| Package::new(&read));
            let said = |why| match why {
                Fault::Exhausted(_) => why,
                why => Fault::Refused(format!("{}: {why}", shown(&file.path()))),
            };
            Some(opened.map_err(said))
        };
        let first_that_opens = || {
            let mut refused = None;
            let files = self.source.as_ref()?.packages();
            for opened in files.iter().filter_map(|file| open(&**file)) {
                match opened {
                    Ok(package) => return Some(Ok(package)),
                    Err(why) => _ = refused.get_or_insert(why),
                }
            }
            refused.map(Err)
        };
        self.package.get_or_init(first_that_opens).as_ref()
    }

    /// The split debug information of the main file's unit `index`, and its unit.
    ///
    /// # Errors
    /// Why it cannot be read, or which file was not found.
    pub fn open(&self, main: &Part, index: usize) -> Result<(Part, usize), Fault> {
        let skeleton = main.read_unit(index)?.unit;
        let id = main.units[index].skeleton.ok_or_else(|| Fault::refused("it is not a skeleton unit"))?;
        let mut unused_package = None;
        match self.package(&main.work) {
            Some(Ok(package)) => {
                if let Some(dwarf) = package.find(id, main)? {
                    return with_unit(Part::new(dwarf, package.charge(), &main.work)?, id);
                }
            }
            Some(Err(why)) => unused_package = Some(why),
            None => {}
        }
        let stated = skeleton.dwo_name()?.ok_or_else(|| Fault::refused("it does not name a .dwo file"))?;
        let name = name(&main.dwarf, &skeleton, stated, &mut main.work.counter())?
            .ok_or_else(|| Fault::refused("it does not name a .dwo file"))?;
        let directory = skeleton
            .comp_dir
            .as_ref()
            .and_then(|directory| directory.to_slice().ok().map(|bytes| text(&bytes)))
            .unwrap_or_default();
        let path = Path::new(&directory).join(&name);
        let mut refused = match unused_package {
            Some(Fault::Exhausted(limit)) => Fault::Exhausted(*limit),
            Some(why) => Fault::Refused(format!("{} was not found, and {why}", shown(&path))),
            None => Fault::Refused(format!("{} was not found", shown(&path))),
        };
        for candidate in self.source.iter().flat_map(|source| source.units(&path)) {
            // A unit can name any file, and each unit another one.
            main.work.spend(STEPS_PER_FILE)?;
            let found = self.open_part(&*candidate, main).map(|part| with_unit(part?, id));
            match found {
                Some(Ok(found)) => return Ok(found),
                Some(Err(Fault::Exhausted(limit))) => return Err(limit.into()),
                Some(Err(why)) => refused = Fault::Refused(format!("{}: {why}", shown(&candidate.path()))),
                None => {}
            }
        }
        Err(refused)
    }

    /// `None` if the file does not exist.
    fn open_part(&self, file: &dyn SplitFile, main: &Part) -> Option<Result<Part, Fault>> {
        let sections = match self.read(file, &main.work)? {
            Ok(sections) => sections,
            Err(why) => return Some(Err(why)),
        };
        let bytes = sections.get(SectionId::DebugInfo).len() + sections.get(SectionId::DebugStr).len();
        if let Err(limit) = main.work.spend(bytes as u64 / READ_BYTES_PER_STEP) {
            return Some(Err(limit.into()));
        }
        let part = Part::dwarf_of(&sections).and_then(|mut dwarf| {
            dwarf.make_dwo(&main.dwarf);
            Part::new(dwarf, sections.charge(), &main.work)
        });
        Some(part)
    }

    fn read(&self, file: &dyn SplitFile, work: &Work) -> Option<Result<Sections, Fault>> {
        Some(file.read(self.wanted, work.budget())?.map_err(Fault::from))
    }
}

/// A path in a message, cut after [`SHOWN_CHARACTERS`].
fn shown(path: &Path) -> String {
    let path = path.to_string_lossy();
    let Some(_) = path.char_indices().nth(SHOWN_CHARACTERS) else { return path.into_owned() };
    let kept = path.char_indices().nth(SHOWN_CHARACTERS - 1).map_or(0, |(at, _)| at);
    format!("{}…", &path[..kept])
}

fn with_unit(part: Part, id: gimli::DwoId) -> Result<(Part, usize), Fault> {
    let mut counter = part.work.counter();
    let mut found = None;
    for index in 0..part.units.len() {
        counter.step()?;
        match part.header(index).and_then(|header| part.first_entry(header)) {
            Ok(root) if root.unit.dwo_id == Some(id) => {
                found = Some(index);
                break;
            }
            Err(Fault::Exhausted(limit)) => return Err(limit.into()),
            _ => {}
        }
    }
    drop(counter);
    match found {
        Some(index) => Ok((part, index)),
        None => Err(Fault::refused("it belongs to another build")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::Exhausted;
    use crate::made;

    /// Packages in memory, by name.
    #[derive(Debug)]
    struct Packages(Vec<(&'static str, Option<Vec<u8>>)>);

    struct File(&'static str, Option<Vec<u8>>);

    impl SplitSource for Packages {
        fn packages(&self) -> Vec<Box<dyn SplitFile>> {
            let files = self.0.iter().cloned();
            files.map(|(name, bytes)| Box::new(File(name, bytes)) as Box<dyn SplitFile>).collect()
        }

        fn units(&self, _: &Path) -> Vec<Box<dyn SplitFile>> {
            Vec::new()
        }
    }

    impl SplitFile for File {
        fn path(&self) -> PathBuf {
            self.0.into()
        }

        fn read(
            &self,
            wanted: &'static [SectionId],
            budget: &Budget,
        ) -> Option<Result<Sections, Unreadable>> {
            Some(Sections::read(self.1.as_deref()?, wanted, budget))
        }
    }

    fn files(packages: Vec<(&'static str, Option<Vec<u8>>)>) -> SplitFiles {
        SplitFiles::new(Box::new(Packages(packages)), &[SectionId::DebugInfo])
    }

    #[test]
    fn a_package_that_cannot_be_read_does_not_hide_the_next() {
        let missing = || ("missing.dwp", None);
        let junk = || ("junk.dwp", Some(vec![7; 100]));
        let other = || ("other.dwp", Some(made::elf(&[(".debug_info", 0, &[])])));
        let right = || ("right.dwp", Some(made::elf(&[(".debug_cu_index", 0, &[])])));
        let work = Work::new(&Budget::new(1 << 30));
        let package = |packages| {
            files(packages).package(&work).map(|package| package.as_ref().map(drop).map_err(Fault::to_string))
        };
        assert_eq!(package(vec![missing(), junk(), other(), right()]), Some(Ok(())));
        assert_eq!(package(vec![missing()]), None);
        let Some(Err(why)) = package(vec![missing(), junk(), other()]) else { panic!("a package of junk") };
        assert!(why.contains("junk.dwp"), "the first is reported: {why}");
        let large = ("large.dwp", Some(made::elf(&[(".debug_info", 0, &[0; 1 << 16])])));
        let small = Work::new(&Budget::new(1 << 15));
        let files = files(vec![large]);
        let limit = files.package(&small).map(|package| package.as_ref().map(drop));
        assert!(matches!(limit, Some(Err(Fault::Exhausted(Exhausted::Memory(_))))), "{limit:?}");
    }

    #[test]
    fn long_paths_are_cut() {
        assert_eq!(shown(Path::new("a/漢.dwo")), "a/漢.dwo");
        let fits = "漢".repeat(1024);
        assert_eq!(shown(Path::new(&fits)), fits);
        let long = shown(Path::new(&"漢".repeat(1025)));
        assert_eq!(long, format!("{}…", "漢".repeat(1023)));
    }
}

//! Split debug information: the `.dwo` file of a unit, or the `.dwp` package of all.
//!
//! A unit's hash is checked, so that a part of another build is never believed.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use gimli::{Reader as _, SectionId};
use rgops_protocol::received::{SENTENCE_CHARACTERS, cut};

use super::package::Package;
use super::{Fault, Part, string, text};
use crate::files::sections::Sections;
use crate::files::{Place, Root as ProcessRoot, Work, within};

/// What it takes to look for a file and to open it.
const STEPS_A_FILE: u64 = 10_000;

/// Bytes of a file that are read in the time of a step.
const READ_BYTES_A_STEP: u64 = 64;

/// Where the split-off parts of a module may be.
#[derive(Debug, Default)]
pub(crate) struct SplitFiles {
    /// Files whose package may be beside them.
    beside: Vec<Place>,
    /// Read when the first unit needs it.
    package: OnceLock<Option<Result<Package, Fault>>>,
    /// Where the process has its files, which may be a container.
    root: Option<Arc<ProcessRoot>>,
    /// Looked through by the files' bare names.
    directories: Vec<PathBuf>,
    /// Sections that are read of them.
    wanted: &'static [SectionId],
}

impl SplitFiles {
    /// `beside` are places of the module's file; a package is named as it, with `.dwp` behind.
    pub(crate) fn new(
        beside: Vec<Place>,
        root: Option<Arc<ProcessRoot>>,
        directories: Vec<PathBuf>,
        wanted: &'static [SectionId],
    ) -> SplitFiles {
        SplitFiles { beside, package: OnceLock::new(), root, directories, wanted }
    }

    /// The first package that can be read, whatever else is at the places before it. Where there is none: why
    /// the first is not used; `None` where nothing is there.
    fn package(&self, work: &Work) -> Option<&Result<Package, Fault>> {
        let open = |place: &Place| {
            let place = place.with_behind(".dwp");
            let opened = self.read(&place, work)?.and_then(|read| Package::new(&read));
            let said = |why| match why {
                Fault::Exhausted(_) => why,
                why => Fault::Refused(format!("{}: {why}", shown(&place.shown()))),
            };
            Some(opened.map_err(said))
        };
        let first_that_opens = || {
            let mut refused = None;
            for opened in self.beside.iter().filter_map(open) {
                match opened {
                    Ok(package) => return Some(Ok(package)),
                    Err(why) => _ = refused.get_or_insert(why),
                }
            }
            refused.map(Err)
        };
        self.package.get_or_init(first_that_opens).as_ref()
    }

    /// The split-off part of the main file's unit `index`, and its unit.
    pub(crate) fn open(&self, main: &Part, index: usize) -> Result<(Part, usize), Fault> {
        let skeleton = main.read_unit(index)?.unit;
        let id = main.units[index].skeleton.ok_or_else(|| Fault::refused("it is no skeleton"))?;
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
        let name = skeleton.dwo_name()?.ok_or_else(|| Fault::refused("it names no .dwo file"))?;
        let name = string(&main.dwarf, &skeleton, name, &mut main.work.counter())?
            .ok_or_else(|| Fault::refused("it names no .dwo file"))?;
        let name = text(&name.to_slice()?);
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
        for candidate in self.candidates(&path) {
            // A unit can name any file, and each may name another.
            main.work.spend(STEPS_A_FILE)?;
            let found = self.open_part(&candidate, main).map(|part| with_unit(part?, id));
            match found {
                Some(Ok(found)) => return Ok(found),
                Some(Err(Fault::Exhausted(limit))) => return Err(limit.into()),
                Some(Err(why)) => refused = Fault::Refused(format!("{}: {why}", shown(&candidate.shown()))),
                None => {}
            }
        }
        Err(refused)
    }

    fn candidates(&self, path: &Path) -> Vec<Place> {
        let mut candidates = Vec::new();
        // A relative path means nothing here: it would be one of our own working directory.
        if path.is_absolute() {
            candidates.extend(self.root.clone().map(|root| Place::InRoot(root, path.to_owned())));
            candidates.push(Place::Named(path.to_owned()));
        }
        if let Some(name) = path.file_name() {
            let in_directories = self.directories.iter().map(|directory| directory.join(name));
            candidates.extend(in_directories.map(Place::Trusted));
        }
        candidates
    }

    /// `None` where there is no such file.
    fn open_part(&self, place: &Place, main: &Part) -> Option<Result<Part, Fault>> {
        let sections = match self.read(place, &main.work)? {
            Ok(sections) => sections,
            Err(why) => return Some(Err(why)),
        };
        let bytes = sections.get(SectionId::DebugInfo).len() + sections.get(SectionId::DebugStr).len();
        if let Err(limit) = main.work.spend(bytes as u64 / READ_BYTES_A_STEP) {
            return Some(Err(limit.into()));
        }
        let part = Part::dwarf_of(&sections).and_then(|mut dwarf| {
            dwarf.make_dwo(&main.dwarf);
            Part::new(dwarf, sections.charge(), &main.work)
        });
        Some(part)
    }

    /// `None` where there is no such file.
    fn read(&self, place: &Place, work: &Work) -> Option<Result<Sections, Fault>> {
        let (place, wanted, budget) = (place.clone(), self.wanted, work.budget().clone());
        let read = move || {
            let file = place.open().ok()?;
            Some(Sections::read(&file, wanted, &budget).map_err(Fault::from))
        };
        within(work.budget(), read).unwrap_or_else(|why| Some(Err(why.into())))
    }
}

/// A path of a message, which may be as long as the file likes.
fn shown(path: &Path) -> String {
    let mut path = path.display().to_string();
    cut(&mut path, SENTENCE_CHARACTERS);
    path
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
        None => Err(Fault::refused("it is of another build")),
    }
}

#[cfg(all(test, target_os = "linux"))]
#[expect(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]
mod tests {
    use super::*;
    use crate::budget::{Budget, Exhausted};
    use crate::symbols::tests::made;

    #[test]
    fn a_package_that_cannot_be_read_does_not_hide_the_next() {
        let directory = std::env::temp_dir().join(format!("rgops-packages-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let place = |name: &str| Place::Trusted(directory.join(name));
        std::fs::write(directory.join("junk.dwp"), [7; 100]).unwrap();
        std::fs::write(directory.join("other.dwp"), made::elf(&[(".debug_info", 0, &[])])).unwrap();
        std::fs::write(directory.join("right.dwp"), made::elf(&[(".debug_cu_index", 0, &[])])).unwrap();
        let work = Work::new(&Budget::default());
        let package = |names: &[&str]| {
            let beside = names.iter().map(|name| place(name)).collect();
            let files = SplitFiles::new(beside, None, Vec::new(), &[SectionId::DebugInfo]);
            files.package(&work).map(|package| package.as_ref().map(drop).map_err(Fault::to_string))
        };
        assert_eq!(package(&["missing", "junk", "other", "right"]), Some(Ok(())));
        assert_eq!(package(&["missing"]), None);
        let Some(Err(why)) = package(&["missing", "junk", "other"]) else { panic!("a package of junk") };
        assert!(why.contains("junk.dwp"), "the first is told: {why}");
        std::fs::write(directory.join("large.dwp"), made::elf(&[(".debug_info", 0, &[0; 1 << 16])])).unwrap();
        let small = Work::new(&Budget::new(1 << 15));
        let beside = vec![place("large")];
        let files = SplitFiles::new(beside, None, Vec::new(), &[SectionId::DebugInfo]);
        let limit = files.package(&small).map(|package| package.as_ref().map(drop));
        assert!(matches!(limit, Some(Err(Fault::Exhausted(Exhausted::Memory(_))))), "{limit:?}");
        std::fs::remove_dir_all(&directory).unwrap();
    }
}

//! Split debug information: the `.dwo` file of a unit, or the `.dwp` package of all.
//!
//! A unit's hash is checked, so that a part of another build is never believed.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use gimli::{DwarfPackage, Reader as _, SectionId};

use super::{Fault, Part, string, text};
use crate::files::sections::{Bytes, Sections};
use crate::files::{Charge, Place, Root as ProcessRoot, Work, within};

/// Where the split-off parts of a module may be.
#[derive(Debug, Default)]
pub(crate) struct SplitFiles {
    /// Files whose package may be beside them.
    beside: Vec<Place>,
    /// Read when the first unit needs it.
    package: OnceLock<Option<Package>>,
    /// Where the process has its files, which may be a container.
    root: Option<Arc<ProcessRoot>>,
    /// Looked through by the files' bare names.
    directories: Vec<PathBuf>,
    /// Sections that are read of them.
    wanted: &'static [SectionId],
}

#[derive(Debug)]
struct Package {
    dwarf: DwarfPackage<Bytes>,
    charge: Arc<Charge>,
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

    fn package(&self, work: &Work) -> Option<&Package> {
        let open = |place: &Place| self.open_package(&place.with_behind(".dwp"), work);
        self.package.get_or_init(|| self.beside.iter().find_map(open)).as_ref()
    }

    /// The split-off part of the main file's unit `index`, and its unit.
    pub(crate) fn open(&self, main: &Part, index: usize) -> Result<(Part, usize), Fault> {
        let skeleton = main.read_unit(index)?.unit;
        let id = main.units[index].skeleton.ok_or_else(|| Fault::refused("it is no skeleton"))?;
        if let Some(package) = self.package(&main.work)
            && let Ok(Some(dwarf)) = package.dwarf.find_cu(id, &main.dwarf)
        {
            return with_unit(Part::new(dwarf, &package.charge, &main.work)?, id);
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
        let mut refused = Fault::Refused(format!("{} was not found", path.display()));
        for candidate in self.candidates(&path) {
            let shown = candidate.shown();
            let found = self.open_part(&candidate, main).map(|part| with_unit(part?, id));
            match found {
                Some(Ok(found)) => return Ok(found),
                Some(Err(Fault::Exhausted(limit))) => return Err(limit.into()),
                Some(Err(why)) => refused = Fault::Refused(format!("{}: {why}", shown.display())),
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

    fn open_package(&self, place: &Place, work: &Work) -> Option<Package> {
        let sections = self.read(place, work)?.ok()?;
        if !sections.is_package() {
            return None;
        }
        let empty = sections.get(SectionId::EhFrame);
        let dwarf = DwarfPackage::load(|id| Ok::<_, gimli::Error>(sections.get(id)), empty).ok()?;
        Some(Package { dwarf, charge: sections.charge().clone() })
    }

    /// `None` where there is no such file.
    fn open_part(&self, place: &Place, main: &Part) -> Option<Result<Part, Fault>> {
        let sections = match self.read(place, &main.work)? {
            Ok(sections) => sections,
            Err(why) => return Some(Err(Fault::Refused(why))),
        };
        let part = Part::dwarf_of(&sections).and_then(|mut dwarf| {
            dwarf.make_dwo(&main.dwarf);
            Part::new(dwarf, sections.charge(), &main.work)
        });
        Some(part)
    }

    /// `None` where there is no such file.
    fn read(&self, place: &Place, work: &Work) -> Option<Result<Sections, String>> {
        let (place, wanted, budget) = (place.clone(), self.wanted, work.budget().clone());
        let read = move || {
            let file = place.open().ok()?;
            Some(Sections::read(&file, wanted, &budget))
        };
        within(work.budget(), read).unwrap_or_else(|| Some(Err("it does not answer".to_owned())))
    }
}

fn with_unit(part: Part, id: gimli::DwoId) -> Result<(Part, usize), Fault> {
    let is_it = |index: &usize| {
        let root = part.header(*index).and_then(|header| part.first_entry(header));
        root.is_ok_and(|root| root.unit.dwo_id == Some(id))
    };
    match (0..part.units.len()).find(is_it) {
        Some(index) => Ok((part, index)),
        None => Err(Fault::refused("it is of another build")),
    }
}

//! Split debug information: the `.dwo` file of a unit, or the `.dwp` package of all.
//!
//! A unit's hash is checked, so that a part of another build is never believed.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use gimli::{DwarfPackage, Reader as _, SectionId};

use super::dwarf::Part;
use super::sections::{Bytes, Sections};
use crate::symbols::files::open_regular;

/// Where the split-off parts of a module may be.
#[derive(Debug, Default)]
pub(super) struct SplitFiles {
    /// Files whose package may be beside them.
    beside: Vec<PathBuf>,
    /// Read when the first unit needs it.
    package: OnceLock<Option<DwarfPackage<Bytes>>>,
    /// Put before the paths of `.dwo` files: other roots, for processes in containers.
    roots: Vec<PathBuf>,
    /// Looked through by the files' bare names.
    directories: Vec<PathBuf>,
}

impl SplitFiles {
    /// `beside` are paths of the module's file; a package is named as it, with `.dwp` behind.
    pub(super) fn new(beside: Vec<PathBuf>, roots: Vec<PathBuf>, directories: Vec<PathBuf>) -> SplitFiles {
        SplitFiles { beside, package: OnceLock::new(), roots, directories }
    }

    fn package(&self) -> Option<&DwarfPackage<Bytes>> {
        let open = |path: &PathBuf| {
            let mut name = path.as_os_str().to_owned();
            name.push(".dwp");
            open_package(Path::new(&name))
        };
        self.package.get_or_init(|| self.beside.iter().find_map(open)).as_ref()
    }

    /// The split-off part of the main file's unit `index`, and its unit.
    pub(super) fn open(&self, main: &Part, index: usize) -> Result<(Part, usize), String> {
        let skeleton = main.read_unit(index).map_err(|error| error.to_string())?;
        let id = main.units[index].skeleton.ok_or("it is no skeleton")?;
        if let Some(package) = self.package()
            && let Ok(Some(dwarf)) = package.find_cu(id, &main.dwarf)
        {
            return with_unit(Part::new(dwarf), id);
        }
        let name = skeleton.dwo_name().ok().flatten().ok_or("it names no .dwo file")?;
        let name = main.dwarf.attr_string(&skeleton, name).map_err(|error| error.to_string())?;
        let name = name.to_string_lossy().map_err(|error| error.to_string())?.into_owned();
        let directory = skeleton
            .comp_dir
            .as_ref()
            .and_then(|directory| directory.to_string_lossy().ok().map(|text| text.into_owned()))
            .unwrap_or_default();
        let path = Path::new(&directory).join(&name);
        let mut refused = format!("{} was not found", path.display());
        for candidate in self.candidates(&path) {
            match open_part(&candidate, main) {
                Ok(part) => match with_unit(part, id) {
                    Ok(found) => return Ok(found),
                    Err(why) => refused = format!("{}: {why}", candidate.display()),
                },
                Err(Some(why)) => refused = format!("{}: {why}", candidate.display()),
                Err(None) => {}
            }
        }
        Err(refused)
    }

    fn candidates(&self, path: &Path) -> Vec<PathBuf> {
        let mut candidates = Vec::new();
        // A relative path means nothing here: it would be one of our own working directory.
        if path.is_absolute() {
            let below = path.strip_prefix("/").unwrap_or(path);
            candidates.extend(self.roots.iter().map(|root| root.join(below)));
            candidates.push(path.to_owned());
        }
        if let Some(name) = path.file_name() {
            candidates.extend(self.directories.iter().map(|directory| directory.join(name)));
        }
        candidates
    }
}

fn with_unit(part: Part, id: gimli::DwoId) -> Result<(Part, usize), String> {
    let found =
        (0..part.units.len()).find(|index| part.read_unit(*index).is_ok_and(|unit| unit.dwo_id == Some(id)));
    found.map(|index| (part, index)).ok_or_else(|| "it is of another build".to_owned())
}

fn open_package(path: &Path) -> Option<DwarfPackage<Bytes>> {
    let sections = read(path).ok()?;
    let empty = Sections::default().get(SectionId::DebugInfo);
    if !sections.is_package() {
        return None;
    }
    DwarfPackage::load(|id| Ok::<_, gimli::Error>(sections.get(id)), empty).ok()
}

fn open_part(path: &Path, main: &Part) -> Result<Part, Option<String>> {
    let sections = read(path)?;
    let load = |id| Ok::<_, gimli::Error>(sections.get(id));
    let mut dwarf = gimli::Dwarf::load(load).map_err(|error: gimli::Error| Some(error.to_string()))?;
    dwarf.make_dwo(&main.dwarf);
    Ok(Part::new(dwarf))
}

/// `None` where there is no such file.
fn read(path: &Path) -> Result<Sections, Option<String>> {
    let mut file: File = open_regular(path).map_err(|_| None)?;
    Sections::read(&mut file).map_err(Some)
}

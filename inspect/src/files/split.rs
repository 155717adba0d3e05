//! The possible places of split debug information: the `.dwo` file of a unit, or the `.dwp` package of all
//! units.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use gimli::SectionId;
use rgops_dwarf::{Budget, Sections, SplitFile, SplitSource, Unreadable};

use crate::files::checked::{Place, Root};
use crate::files::timeout::within;

/// The possible places of a module's split debug information.
#[derive(Debug)]
pub(crate) struct SplitPlaces {
    /// Files that may have a package in the same directory, with `.dwp` appended to the name.
    pub(crate) beside: Vec<Place>,
    /// The root of the process, which may be in a container.
    pub(crate) root: Option<Arc<Root>>,
    /// Directories searched for the files' bare names.
    pub(crate) directories: Vec<PathBuf>,
}

impl SplitSource for SplitPlaces {
    fn packages(&self) -> Vec<Box<dyn SplitFile>> {
        self.beside.iter().map(|place| boxed(place.with_behind(".dwp"))).collect()
    }

    fn units(&self, path: &Path) -> Vec<Box<dyn SplitFile>> {
        let mut places = Vec::new();
        // A relative path would be relative to our own working directory, so it is not used.
        if path.is_absolute() {
            places.extend(self.root.clone().map(|root| Place::InRoot(root, path.to_owned())));
            places.push(Place::Named(path.to_owned()));
        }
        if let Some(name) = path.file_name() {
            let in_directories = self.directories.iter().map(|directory| directory.join(name));
            places.extend(in_directories.map(Place::Trusted));
        }
        places.into_iter().map(boxed).collect()
    }
}

fn boxed(place: Place) -> Box<dyn SplitFile> {
    Box::new(place)
}

impl SplitFile for Place {
    fn path(&self) -> PathBuf {
        self.shown()
    }

    fn read(&self, wanted: &'static [SectionId], budget: &Budget) -> Option<Result<Sections, Unreadable>> {
        let (place, own) = (self.clone(), budget.clone());
        let read = move || {
            let file = place.open().ok()?;
            Some(Sections::read(&file, wanted, &own))
        };
        within(budget, read).unwrap_or_else(|why| Some(Err(why)))
    }
}

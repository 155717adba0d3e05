//! A file that was found: what it knows, and where the files are that belong to it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use gimli::SectionId;
use rgops_dwarf::SplitFiles;
use rgops_dwarf::elf::Elf;
use rgops_protocol::reply::Module;

use super::candidate::plain;
use crate::files::{Checked, Place, Root, SplitPlaces};

/// What a file knows about code, in ascending order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Content {
    Nothing,
    DynamicSymbols,
    SymbolTable,
    DebugInformation,
}

/// An open file of the right build.
#[derive(Debug)]
pub(crate) struct SymbolFile {
    pub(crate) content: Content,
    pub(super) has_code: bool,
    /// Where it was found; `None` for files opened through `/proc/PID`.
    pub(super) place: Option<Place>,
    pub(super) shown: PathBuf,
    /// Kept open: the descriptor still refers to this file after the process has ended.
    pub(super) file: Arc<Checked>,
    /// The file it shares parts with (`.gnu_debugaltlink`).
    pub(super) supplement: Option<Arc<Checked>>,
    pub(super) root: Option<Arc<Root>>,
    pub(super) directories: Vec<PathBuf>,
}

impl SymbolFile {
    /// Where it was found, for messages.
    pub(crate) fn path(&self) -> PathBuf {
        self.shown.clone()
    }

    /// The opened file, whatever happened to its name.
    pub(crate) fn opened(&self) -> &Arc<Checked> {
        &self.file
    }

    pub(crate) fn supplement(&self) -> Option<&Arc<Checked>> {
        self.supplement.as_ref()
    }

    /// The possible places of its split debug information. The paths are those of the process's mount
    /// namespace, or of the build machine.
    pub(crate) fn split_files(&self, module: &Module, wanted: &'static [SectionId]) -> SplitFiles {
        let path = Path::new(plain(&module.path));
        let in_root = self.root.clone().map(|root| Place::InRoot(root, path.to_owned()));
        let named = [Some(Place::Named(path.to_owned())), self.place.clone()];
        let mut beside: Vec<_> = in_root.into_iter().chain(named.into_iter().flatten()).collect();
        if let Some(name) = path.file_name() {
            let in_directories = self.directories.iter().map(|directory| directory.join(name));
            beside.extend(in_directories.map(Place::Trusted));
        }
        let (root, directories) = (self.root.clone(), self.directories.clone());
        SplitFiles::new(Box::new(SplitPlaces { beside, root, directories }), wanted)
    }
}

/// Whether a file has the code, which one with separate debug information describes only.
pub(super) fn has_code(elf: &Elf) -> bool {
    elf.find(".text").is_none_or(|section| section.has_bytes())
}

/// What a file knows, from its sections.
pub(super) fn content(elf: &Elf) -> Content {
    let has = |name: &str| elf.find(name).is_some_and(|section| section.has_bytes());
    if has(".debug_info") || has(".zdebug_info") {
        Content::DebugInformation
    } else if has(".symtab") {
        Content::SymbolTable
    } else if has(".dynsym") {
        Content::DynamicSymbols
    } else {
        Content::Nothing
    }
}

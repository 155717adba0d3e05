//! The places where the file of a module may be, in the order in which they are tried.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rgops_protocol::reply::Module;

use crate::files::{Believed, Place, Process};
use crate::text::hex;

/// Directories in which distributions put separate debug information.
const SYSTEM_DEBUG_DIRECTORIES: [&str; 2] = ["/usr/lib/debug", "/lib/debug"];

/// A file that may be the module's.
#[derive(Debug)]
pub(super) enum Candidate {
    /// `/proc/PID/exe`: the kernel guarantees that the process runs this file.
    Executable,
    /// `/proc/PID/map_files/…`: the same for the mapping from the start to the end address.
    Mapped(String),
    Named(Place),
    /// The file that a debug link names, and the checksum that the link states.
    Linked(Place, u32),
}

/// Where a process's files may be.
#[derive(Debug)]
pub(super) struct Places {
    pub(super) process: Arc<Process>,
    pub(super) symbol_directories: Vec<PathBuf>,
}

impl Places {
    pub(super) fn is_executable(&self, module: &Module) -> bool {
        self.process.executable().is_some_and(|executable| plain(executable) == plain(&module.path))
    }

    pub(super) fn candidates(&self, module: &Module, believed: Believed) -> Vec<Candidate> {
        let path = plain(&module.path);
        let mut candidates = Vec::new();
        if self.is_executable(module) {
            candidates.push(Candidate::Executable);
        } else if let Believed::Mapped(range) = believed {
            candidates.push(Candidate::Mapped(range));
        }
        let in_root = self.process.root().cloned().map(|root| Place::InRoot(root, path.into()));
        candidates.extend(in_root.map(Candidate::Named));
        candidates.push(Candidate::Named(Place::Named(path.into())));
        let id = hex(&module.build_id);
        // None for `..` and `/`, which would lead out of the directory.
        let name = Path::new(path).file_name().and_then(OsStr::to_str);
        let trusted = |path: PathBuf| Candidate::Named(Place::Trusted(path));
        for directory in &self.symbol_directories {
            // Without `..`, which would lead out of the directory.
            let is_plain = |part: &std::path::Component<'_>| matches!(part, std::path::Component::Normal(_));
            let below: PathBuf = Path::new(path).components().filter(is_plain).collect();
            candidates.push(trusted(directory.join(below)));
            if let Some(name) = name {
                candidates.push(trusted(directory.join(name)));
                candidates.push(trusted(directory.join(format!("{name}.debug"))));
            }
        }
        candidates.extend(self.by_build_id(&id).map(trusted));
        candidates
    }

    /// `.build-id/ab/cdef….debug` in the directories with debug information.
    pub(super) fn by_build_id(&self, id: &str) -> impl Iterator<Item = PathBuf> + use<'_> {
        let file = (id.len() > 2).then(|| format!(".build-id/{}/{}.debug", &id[..2], &id[2..]));
        let system = SYSTEM_DEBUG_DIRECTORIES.iter().map(Path::new);
        let directories = self.symbol_directories.iter().map(PathBuf::as_path).chain(system);
        file.into_iter().flat_map(move |file| directories.clone().map(move |directory| directory.join(&file)))
    }

    /// The possible places of a debug link's file: beside the program, in `.debug` there, or below the
    /// directories with debug information (GDB's manual, "Debugging Information in Separate Files").
    pub(super) fn linked_candidates(&self, module: &Module, name: &str, checksum: u32) -> Vec<Candidate> {
        let directory = Path::new(plain(&module.path)).parent().unwrap_or(Path::new("/"));
        let below = directory.strip_prefix("/").unwrap_or(directory);
        let named = |path: PathBuf| {
            let in_root = self.process.root().cloned().map(|root| Place::InRoot(root, path.clone()));
            in_root.into_iter().chain([Place::Named(path)])
        };
        let beside = [directory.join(".debug").join(name), directory.join(name)].into_iter().flat_map(named);
        let system = SYSTEM_DEBUG_DIRECTORIES.iter().map(|system| Path::new(system).join(below));
        let trusted = system.chain(self.symbol_directories.iter().cloned());
        let trusted = trusted.map(|directory| Place::Trusted(directory.join(name)));
        beside.chain(trusted).map(|place| Candidate::Linked(place, checksum)).collect()
    }
}

/// A path without the mark that the kernel appends when the file is gone.
pub(super) fn plain(path: &str) -> &str {
    path.strip_suffix(" (deleted)").unwrap_or(path)
}

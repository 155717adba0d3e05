//! Names of profile files, and saving one.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::output::{Numbered, OutputError, OutputFile};

/// Writes `bytes` to the file `path` names, readable by its owner only (mode 0600). An existing file is an
/// error unless `replace`. Returns where it is: links are followed.
///
/// # Errors
/// Whatever [`OutputFile`] says; nothing is left half written.
pub fn save(path: &Path, bytes: &[u8], replace: bool) -> Result<PathBuf, OutputError> {
    let mut file = OutputFile::create(path, replace)?;
    // It never fails: what goes wrong is told by `keep`.
    let _ = file.write_all(bytes);
    file.keep()
}

/// Names for a CPU profile nobody named: `rgops.NAME.PID.samples.cpu.NNN.pb.gz`.
pub fn cpu_file_names(program: &str, pid: u32) -> Numbered {
    Numbered::new(program, pid, ".samples.cpu", ".pb.gz")
}

/// The same for a heap profile: `rgops.NAME.PID.alloc_objects.….inuse_space.NNN.pb.gz`.
pub fn heap_file_names(program: &str, pid: u32) -> Numbered {
    Numbered::new(program, pid, ".alloc_objects.alloc_space.inuse_objects.inuse_space", ".pb.gz")
}

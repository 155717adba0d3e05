//! Names of profile files, and how one is written and saved.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use rgops_pprof::proto::Profile;
use rgops_pprof::write::encode;

use crate::output::{Numbered, OutputError, OutputFile};

/// Writes a profile in the format of `go tool pprof`: gzipped protocol buffers.
///
/// # Errors
/// Those of the writer.
pub fn write(profile: &Profile, out: &mut dyn Write) -> io::Result<()> {
    out.write_all(&encode(profile))
}

/// Writes `bytes` to the file at `path`, readable only by its owner (mode 0600). An existing file is an error unless
/// `replace`. Returns the final path: links are followed.
///
/// # Errors
/// Those of [`OutputFile`]; no partly written file is left.
pub fn save(path: &Path, bytes: &[u8], replace: bool) -> Result<PathBuf, OutputError> {
    let mut file = OutputFile::create(path, replace)?;
    // It never fails: `keep` returns the error.
    let _ = file.write_all(bytes);
    file.keep()
}

/// Default names for a CPU profile: `rgops.NAME.PID.samples.cpu.NNN.pb.gz`.
pub fn cpu_file_names(program: &str, pid: u32) -> Numbered {
    Numbered::new(program, pid, ".samples.cpu", ".pb.gz")
}

/// Default names for a heap profile: `rgops.NAME.PID.alloc_objects.….inuse_space.NNN.pb.gz`.
pub fn heap_file_names(program: &str, pid: u32) -> Numbered {
    Numbered::new(program, pid, ".alloc_objects.alloc_space.inuse_objects.inuse_space", ".pb.gz")
}

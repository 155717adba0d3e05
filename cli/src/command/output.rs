//! The file a command writes: refused before time is spent on what has no place to go.

use std::io;
use std::path::{Path, PathBuf};

use rgops_inspect::profile;

use crate::exit::{Exit, Failure};

/// Refuses a file that exists, unless it may be replaced.
///
/// # Errors
/// When it exists.
pub(super) fn check(output: Option<&Path>, force: bool) -> Result<(), Failure> {
    match output {
        Some(output) if !force && output.symlink_metadata().is_ok() => {
            Err(unwritable(output, &io::ErrorKind::AlreadyExists.into()))
        }
        _ => Ok(()),
    }
}

/// Writes `bytes` to `output`, or without one to a new file of a name that is free; where they are now.
///
/// # Errors
/// When that cannot be written, or exists and may not be replaced.
pub(super) fn save(
    output: Option<&Path>,
    force: bool,
    free_name: impl FnOnce() -> PathBuf,
    bytes: &[u8],
) -> Result<PathBuf, Failure> {
    let (path, force) = match output {
        Some(output) => (output.to_owned(), force),
        None => (free_name(), false),
    };
    profile::save(&path, bytes, force).map_err(|error| unwritable(&path, &error.source))?;
    Ok(path)
}

/// What is said of a file that cannot be written.
pub(super) fn unwritable(path: &Path, error: &io::Error) -> Failure {
    let (exit, why, fix) = match error.kind() {
        io::ErrorKind::AlreadyExists => {
            let fix = "pass --force to replace it, or another --output";
            (Exit::Usage, "the file exists".to_owned(), fix)
        }
        _ => (Exit::Internal, error.to_string(), "pass --output FILE with a place that can be written"),
    };
    Failure::new(exit, format!("cannot write {}", path.display()), why, fix)
}

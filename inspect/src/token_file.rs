//! Reads a token from a file, by the rule the program has for its own (`rgops_protocol::token_file`).

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

#[cfg(unix)]
use rgops_protocol::token_file::TokenFile;
use rgops_protocol::token_file::{MAX_TOKEN_FILE_BYTES, NoTokenFile};

/// Why no token was read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenFileError {
    /// The system's reason.
    #[error(transparent)]
    System(#[from] io::Error),
    /// It is nothing to keep a secret in.
    #[error(transparent)]
    Refused(#[from] NoTokenFile),
}

impl TokenFileError {
    /// What mends it. No command with the file's name in it: who owns its directory could have that lead
    /// elsewhere by then.
    pub fn fix(&self) -> &'static str {
        match self {
            TokenFileError::Refused(NoTokenFile::ForeignOwner(_) | NoTokenFile::Open(_)) => {
                "make a private copy (install -m 600 FILE COPY) and pass --token-file COPY"
            }
            TokenFileError::Refused(_) => "put the token into a file of its own, or set RGOPS_TOKEN",
            TokenFileError::System(_) => "pass --token-file with a file you can read, or set RGOPS_TOKEN",
        }
    }
}

/// What is in the file.
///
/// # Errors
/// [`TokenFileError`]; a pipe or a device is refused, not waited for.
pub fn read(path: &Path) -> Result<Vec<u8>, TokenFileError> {
    let mut secret = Vec::new();
    open(path)?.take(MAX_TOKEN_FILE_BYTES).read_to_end(&mut secret)?;
    Ok(secret)
}

#[cfg(unix)]
fn open(path: &Path) -> Result<File, TokenFileError> {
    use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};

    let judge = |found: std::fs::Metadata| {
        TokenFile { is_regular: found.is_file(), length: found.len(), uid: found.uid(), mode: found.mode() }
            .check(rustix::process::geteuid().as_raw())
    };
    // Opening a device may do something. This look decides nothing else: the open file is judged, too.
    if !std::fs::metadata(path)?.is_file() {
        return Err(NoTokenFile::NotAFile.into());
    }
    let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY;
    let file = File::options().read(true).custom_flags(flags.bits() as i32).open(path)?;
    judge(file.metadata()?)?;
    Ok(file)
}

#[cfg(not(unix))]
fn open(path: &Path) -> Result<File, TokenFileError> {
    let file = File::open(path)?;
    match file.metadata()? {
        found if found.is_file() && found.len() <= MAX_TOKEN_FILE_BYTES => Ok(file),
        _ => Err(NoTokenFile::NotAFile.into()),
    }
}

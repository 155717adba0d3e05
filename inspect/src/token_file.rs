//! Reads a token from a file, with the rules for token files of programs (`rgops_protocol::token_file`).

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
    /// The error of the system.
    #[error(transparent)]
    System(#[from] io::Error),
    /// The file is not safe for a secret.
    #[error(transparent)]
    Refused(#[from] NoTokenFile),
}

impl TokenFileError {
    /// The fix. Does not contain the file name: the owner of its directory could have replaced the file by then.
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

/// Reads the contents of the file.
///
/// # Errors
/// [`TokenFileError`]. A pipe or a device is refused without waiting for it.
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
    // Opening a device may have side effects. This check is only for that: the open file is also checked.
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

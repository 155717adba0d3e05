//! A profile from a file or standard input.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use rgops_pprof::{Profile, read_beginning, read_profile};

use super::kind;
use crate::exit::{Exit, Failure};

/// The most bytes of a file or an answer before decompression. Profiles are far smaller; endless input must not fill
/// the memory.
pub(super) const MAX_FILE_BYTES: u64 = 1 << 30;

/// Reads a profile from a file.
pub(super) fn open(path: &Path) -> Result<Profile, Failure> {
    let what = || format!("cannot open {}", path.display());
    let system = |error: io::Error| {
        let exit = if error.kind() == io::ErrorKind::PermissionDenied { Exit::Refused } else { Exit::Usage };
        Failure::new(exit, what(), error.to_string(), "pass a pprof file that you can read")
    };
    let file = File::open(path).map_err(system)?;
    if file.metadata().map_err(system)?.is_dir() {
        return Err(Failure::new(Exit::Usage, what(), "it is a directory", "pass a pprof file"));
    }
    let bytes = read_capped(file, what)?;
    profile(&bytes, what)
}

/// Reads a profile from standard input.
pub(super) fn stdin() -> Result<Profile, Failure> {
    let what = || "cannot read standard input".to_owned();
    let bytes = read_capped(io::stdin().lock(), what)?;
    profile(&bytes, what)
}

/// All of `from`, up to the limit.
pub(super) fn read_capped(from: impl Read, what: impl Fn() -> String) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    from.take(MAX_FILE_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::new(Exit::Internal, what(), error.to_string(), ""))?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        let why = format!("it is larger than {} MB", MAX_FILE_BYTES >> 20);
        return Err(Failure::new(Exit::Usage, what(), why, "pass a pprof file"));
    }
    Ok(bytes)
}

/// The profile in `bytes`.
pub(super) fn profile(bytes: &[u8], what: impl Fn() -> String) -> Result<Profile, Failure> {
    // Read first: the beginning of a profile may look like anything.
    let error = match read_profile(bytes) {
        Ok(profile) if !bytes.is_empty() => return Ok(profile),
        Ok(_) => String::new(),
        Err(error) => error.to_string(),
    };
    let decompressed = || kind::of_others(&read_beginning(bytes, kind::BEGINNING).ok()?);
    let (why, fix) = match kind::of_others(bytes).or_else(decompressed) {
        Some((why, fix)) => (why.to_owned(), fix),
        None => (error, kind::PASS_ANOTHER),
    };
    Err(Failure::new(Exit::Usage, what(), why, fix))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `main;checkout 12` and a line feed, by gzip: a block that is stored (RFC 1951, 3.2.4).
    const GZIPPED: &[u8] =
        b"\x1f\x8b\x08\0\0\0\0\0\0\xff\x01\x11\0\xee\xffmain;checkout 12\n\xa4\xbf\x20\x64\x11\0\0\0";

    #[test]
    fn a_compressed_text_is_refused_as_the_text_is() {
        let why =
            |bytes: &[u8]| profile(bytes, || "cannot open it".to_owned()).map(|_| ()).map_err(|it| it.why);
        assert_eq!(why(GZIPPED), why(b"main;checkout 12\n"));
        assert!(why(GZIPPED).is_err_and(|why| why.contains("it is text")));
        // What is damaged is said of what cannot be decompressed.
        assert!(why(&GZIPPED[..20]).is_err_and(|why| why.contains("decompress")));
    }
}

//! Requirements on a token file, the same for the program and the client. They open and read the file; this module
//! checks the result of fstat(2) on the open file, so the file that is checked is the file that is read.

/// Maximum size of a token file in bytes.
pub const MAX_TOKEN_FILE_BYTES: u64 = 4096;

/// The result of fstat(2).
#[derive(Debug, Clone, Copy)]
pub struct TokenFile {
    /// Whether it is a regular file.
    pub is_regular: bool,
    /// Its length in bytes.
    pub length: u64,
    /// Its owner.
    pub uid: u32,
    /// Its permission bits.
    pub mode: u32,
}

/// Why a file is rejected as a token file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoTokenFile {
    /// It is a pipe, a device or a directory, or too long.
    #[error("it is not a regular file of at most {MAX_TOKEN_FILE_BYTES} bytes")]
    NotAFile,
    /// Another user owns it, so that user can read and change it.
    #[error("it belongs to uid {0}, who may read and change it")]
    ForeignOwner(u32),
    /// Its group or all users may read or change it.
    #[error("other users have access to it (mode {0:03o})")]
    Open(u32),
}

impl TokenFile {
    /// Whether a process of user `reader` may take a token from it: small, regular, owned by that user or by
    /// root, and not accessible to other users.
    ///
    /// # Errors
    /// [`NoTokenFile`] with the reason.
    pub fn check(&self, reader: u32) -> Result<(), NoTokenFile> {
        if !self.is_regular || self.length > MAX_TOKEN_FILE_BYTES {
            return Err(NoTokenFile::NotAFile);
        }
        if self.uid != reader && self.uid != 0 {
            return Err(NoTokenFile::ForeignOwner(self.uid));
        }
        match self.mode & 0o077 {
            0 => Ok(()),
            _ => Err(NoTokenFile::Open(self.mode & 0o777)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_small_private_files_of_the_user_or_root_are_accepted() {
        let good = TokenFile { is_regular: true, length: 45, uid: 1000, mode: 0o100_600 };
        assert_eq!(good.check(1000), Ok(()));
        assert_eq!(TokenFile { uid: 0, mode: 0o400, ..good }.check(1000), Ok(()));
        assert_eq!(good.check(0), Err(NoTokenFile::ForeignOwner(1000)));
        assert_eq!(good.check(1001), Err(NoTokenFile::ForeignOwner(1000)));
        assert_eq!(TokenFile { is_regular: false, ..good }.check(1000), Err(NoTokenFile::NotAFile));
        assert_eq!(TokenFile { length: 4097, ..good }.check(1000), Err(NoTokenFile::NotAFile));
        for mode in [0o640, 0o604, 0o620, 0o602, 0o610] {
            assert_eq!(TokenFile { mode, ..good }.check(1000), Err(NoTokenFile::Open(mode)));
        }
    }
}

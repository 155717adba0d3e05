//! Whether a link may be followed.
//!
//! A link is followed if only the calling user or root controls its target: they own the link and its directory, and
//! others cannot replace files in that directory. The latter also holds in `/tmp`, which is sticky (inode(7)). The
//! rule of the kernel (`fs.protected_symlinks`) only covers sticky directories that are writable by everyone.

use rustix::fs::{FileType, Stat};

/// The sticky bit: only the owner of a file or of the directory can remove or rename the file.
const STICKY: u32 = 0o1000;

/// The user whose links are followed, in addition to those of root, and what else a walk may do.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asking {
    pub(super) uid: u32,
    pub(super) gid: u32,
    /// Links of the kernel lead on, such as `/proc/self/cwd`.
    pub(super) passes_proc: bool,
    /// Directories that are missing are made, only for their owner.
    pub(super) makes: bool,
}

/// Why a link is not followed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Distrust {
    /// It belongs to this user.
    Foreign(u32),
    /// Other users can replace it.
    Replaceable,
}

impl Asking {
    pub(super) fn now() -> Asking {
        let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        Asking { uid, gid, passes_proc: true, makes: false }
    }

    fn trusts(self, uid: u32) -> bool {
        uid == 0 || uid == self.uid
    }

    /// Whether no other user controls the target of a link.
    #[cfg_attr(target_os = "linux", expect(clippy::useless_conversion, reason = "a u16 elsewhere"))]
    pub(super) fn may_follow(self, link: &Stat, directory: &Stat) -> Result<(), Distrust> {
        if !self.trusts(link.st_uid) {
            return Err(Distrust::Foreign(link.st_uid));
        }
        let is_sticky = u32::from(directory.st_mode) & STICKY != 0;
        match self.trusts(directory.st_uid) && (is_sticky || !self.is_open_to_others(directory)) {
            true => Ok(()),
            false => Err(Distrust::Replaceable),
        }
    }

    /// Whether other users than the owner of a directory can make files in it.
    #[cfg_attr(target_os = "linux", expect(clippy::useless_conversion, reason = "a u16 elsewhere"))]
    fn is_open_to_others(self, directory: &Stat) -> bool {
        // The user's primary group is usually private, so its members may write.
        let is_own_group = directory.st_gid == 0 || directory.st_gid == self.gid;
        let others = if is_own_group { 0o002 } else { 0o022 };
        u32::from(directory.st_mode) & others != 0
    }

    /// Whether a file may be here because another user gave a file that is not theirs a second name (link(2)). The
    /// sticky bit does not prevent that.
    pub(super) fn may_be_planted(self, file: &Stat, directory: &Stat) -> bool {
        let is_of_owner = self.trusts(directory.st_uid) || directory.st_uid == file.st_uid;
        let is_regular = FileType::from_raw_mode(file.st_mode) == FileType::RegularFile;
        is_regular && file.st_nlink > 1 && (!is_of_owner || self.is_open_to_others(directory))
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

    use super::*;

    #[test]
    fn whose_links_are_followed() {
        let stat = |uid: u32, gid: u32, mode: u32| {
            let mut stat = rustix::fs::stat("/").unwrap();
            (stat.st_uid, stat.st_gid, stat.st_mode) = (uid, gid, mode);
            stat
        };
        let user = Asking { uid: 1000, gid: 1000, ..Asking::now() };
        let link = |uid| stat(uid, 7, 0o777);
        for (link, directory, expected) in [
            (link(1000), stat(1000, 1000, 0o775), Ok(())),
            (link(0), stat(0, 0, 0o775), Ok(())),
            (link(1000), stat(1000, 7, 0o775), Err(Distrust::Replaceable)),
            (link(1000), stat(1000, 1000, 0o777), Err(Distrust::Replaceable)),
            (link(1000), stat(0, 0, 0o1777), Ok(())),
            (link(7), stat(0, 0, 0o1777), Err(Distrust::Foreign(7))),
            // The owner of a sticky directory can rename its files.
            (link(1000), stat(7, 7, 0o1777), Err(Distrust::Replaceable)),
        ] {
            assert_eq!(user.may_follow(&link, &directory), expected);
        }
        let mut file = stat(8, 8, 0o100_600);
        for (links, directory, expected) in [
            (1, stat(7, 7, 0o777), false),
            (2, stat(7, 7, 0o755), true),
            (2, stat(8, 8, 0o755), false),
            (2, stat(8, 8, 0o777), true),
            (2, stat(0, 0, 0o755), false),
            (2, stat(0, 0, 0o1777), true),
        ] {
            file.st_nlink = links;
            assert_eq!(user.may_be_planted(&file, &directory), expected);
        }
    }
}

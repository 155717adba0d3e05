//! A file that a program keeps for its user between runs, such as the history of a prompt.

use std::fs::File;
use std::io;
use std::path::Path;

/// Opens the file `name` of `directory` for reading and appending. Both are created if they do not exist, only for
/// their owner (0700 and 0600); the directories above `directory` that are missing, too.
///
/// No link of another user leads to them, neither is followed if it is a link, and nothing that another user owns or could write is used.
///
/// # Errors
/// If it cannot be opened, or is a link, or not a regular file, or not the user's own.
pub fn open_private(directory: &Path, name: &str) -> io::Result<File> {
    open(directory, name)
}

#[cfg(unix)]
fn open(directory: &Path, name: &str) -> io::Result<File> {
    use rustix::fs::{Mode, OFlags, fstat, openat};

    use super::place::{make_in, reach};

    let refused = |why: &str| io::Error::new(io::ErrorKind::PermissionDenied, why);
    let (above, last) = reach(directory)?;
    make_in(&above, &last)?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let directory = openat(&above, last, flags, Mode::empty())?;
    let (user, stat) = (rustix::process::geteuid().as_raw(), fstat(&directory)?);
    if stat.st_uid != user || stat.st_mode & 0o022 != 0 {
        return Err(refused("the directory belongs to another user or can be written by others"));
    }
    // Not blocked by a FIFO, which is refused below.
    let flags = OFlags::RDWR
        | OFlags::CREATE
        | OFlags::APPEND
        | OFlags::NOFOLLOW
        | OFlags::NONBLOCK
        | OFlags::NOCTTY
        | OFlags::CLOEXEC;
    let file = File::from(openat(&directory, name, flags, Mode::RUSR | Mode::WUSR)?);
    let stat = fstat(&file)?;
    if !file.metadata()?.is_file() {
        return Err(refused("it is not a regular file"));
    }
    if stat.st_uid != user || stat.st_nlink != 1 {
        return Err(refused("it belongs to another user or has a second name"));
    }
    rustix::fs::fchmod(&file, Mode::RUSR | Mode::WUSR)?;
    Ok(file)
}

#[cfg(not(unix))]
fn open(directory: &Path, name: &str) -> io::Result<File> {
    super::place::make_directory(directory)?;
    let path = directory.join(name);
    if path.is_symlink() {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "it is a link"));
    }
    File::options().read(true).append(true).create(true).open(path)
}

#[cfg(all(test, unix))]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

    use std::io::{Read as _, Write as _};
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn only_the_owner_can_read_it_and_links_are_not_followed() {
        let root = std::env::temp_dir().join(format!("rgops-private-{}", std::process::id()));
        let directory = root.join("state/rgops");
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        open_private(&directory, "history").unwrap().write_all(b"top\n").unwrap();
        assert_eq!((mode(&directory), mode(&directory.join("history"))), (0o700, 0o600));
        assert_eq!((mode(&root), mode(&root.join("state"))), (0o700, 0o700));
        let mut file = open_private(&directory, "history").unwrap();
        file.write_all(b"tree\n").unwrap();
        let mut text = String::new();
        open_private(&directory, "history").unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "top\ntree\n");

        symlink(root.join("elsewhere"), directory.join("link")).unwrap();
        assert!(open_private(&directory, "link").is_err() && !root.join("elsewhere").exists());
        symlink(&directory, root.join("state/other")).unwrap();
        assert!(open_private(&root.join("state/other"), "history").is_err());
        std::fs::hard_link(directory.join("history"), directory.join("second")).unwrap();
        assert!(open_private(&directory, "second").is_err());
        std::fs::set_permissions(&directory, std::fs::Permissions::from_mode(0o777)).unwrap();
        assert!(open_private(&directory, "history").is_err());
        // Nothing is made behind a link of another user.
        if rustix::process::geteuid().is_root() {
            std::fs::create_dir(root.join("kept")).unwrap();
            symlink(root.join("kept"), root.join("foreign")).unwrap();
            std::os::unix::fs::lchown(root.join("foreign"), Some(65534), None).unwrap();
            assert!(open_private(&root.join("foreign/a/b"), "history").is_err());
            assert!(super::super::make_directory(&root.join("foreign/a/b")).is_err());
            assert!(!root.join("kept/a").exists());
            super::super::make_directory(&root.join("kept/a/b/")).unwrap();
            assert_eq!((mode(&root.join("kept/a")), mode(&root.join("kept/a/b"))), (0o700, 0o700));
        }
        std::fs::remove_dir_all(&root).unwrap();
    }
}

//! Resolves the path of a file one name at a time: no system call follows a link, so every link is checked
//! ([`Asking::may_follow`]).

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::trust::{Asking, Distrust};
use crate::output::error::{NotAFile, OutputError, Reason};

/// The limit of the kernel (path_resolution(7)).
const MAX_LINKS: u32 = 40;

/// Such a descriptor does not need permission to list the directory.
#[cfg(target_os = "linux")]
const WAY: OFlags = OFlags::PATH;
/// `O_SEARCH` (open(2)), which rustix does not define: search permission is enough.
#[cfg(target_vendor = "apple")]
const WAY: OFlags = OFlags::from_bits_retain(0x4010_0000);
#[cfg(target_os = "freebsd")]
const WAY: OFlags = OFlags::from_bits_retain(0x0004_0000);
/// On other systems, the directory must be readable.
#[cfg(not(any(target_os = "linux", target_vendor = "apple", target_os = "freebsd")))]
const WAY: OFlags = OFlags::RDONLY;

/// Where a path ends.
#[derive(Debug)]
pub(super) struct End {
    pub(super) directory: OwnedFd,
    /// Path of the directory for messages: as given, or without links if the last name was a link.
    pub(super) told: PathBuf,
    pub(super) name: OsString,
    /// The status of the file with this name.
    pub(super) found: Option<Stat>,
}

/// Walks to the end of `path`. If the last name is a link, follows it if `follows_last`.
pub(super) fn walk(path: &Path, asking: Asking, follows_last: bool) -> Result<End, OutputError> {
    let failed = |reason| OutputError { path: path.to_owned(), reason };
    if path.as_os_str().is_empty() {
        return Err(failed(system(Errno::NOENT)));
    }
    if path.as_os_str().as_bytes().ends_with(b"/") {
        // Only a directory can have such a name.
        return Err(failed(Reason::NotAFile(NotAFile::Directory)));
    }
    let mut way = Way::begin(path).map_err(failed)?;
    let mut links_left = MAX_LINKS;
    let mut was_link = false;
    while let Some(name) = way.names.pop_front() {
        let is_last = way.names.is_empty();
        if matches!(name.as_bytes(), b"" | b"." | b"..") {
            if is_last {
                return Err(failed(Reason::NotAFile(NotAFile::Directory)));
            }
            if name == ".." {
                way.enter(OsStr::new("..")).map_err(|error| failed(system(error)))?;
            }
            continue;
        }
        if !is_last {
            let entered = match way.enter(&name) {
                Err(Errno::NOENT) if asking.makes => way.make(&name).and_then(|()| way.enter(&name)),
                entered => entered,
            };
            match entered {
                Ok(()) => continue,
                // It is a link or a file.
                Err(Errno::NOTDIR | Errno::LOOP | Errno::MLINK) => {}
                Err(error) => return Err(failed(system(error))),
            }
        }
        let here = if is_last { way.told.join(&name) } else { path.to_owned() };
        let failed = |reason| OutputError { path: here.clone(), reason };
        let found = way.look(&name).map_err(|error| failed(system(error)))?;
        let link = match found {
            Some(found) if FileType::from_raw_mode(found.st_mode) == FileType::Symlink => found,
            _ if !is_last => return Err(failed(system(Errno::NOTDIR))),
            found => return Ok(way.end(path, name, found, was_link)),
        };
        if is_last && !follows_last {
            return Ok(way.end(path, name, Some(link), was_link));
        }
        if links_left == 0 {
            return Err(failed(system(Errno::LOOP)));
        }
        links_left -= 1;
        was_link |= is_last;
        let which = (!is_last).then(|| way.told.join(&name));
        if let Err(reason) = way.follow(&name, &link, asking, is_last, which) {
            return Err(failed(reason));
        }
    }
    // The target of the link ends in "/".
    Err(failed(Reason::NotAFile(NotAFile::Directory)))
}

fn system(error: Errno) -> Reason {
    Reason::System(error.into())
}

/// The state of the walk.
struct Way {
    directory: OwnedFd,
    /// The path walked so far, without links.
    told: PathBuf,
    /// The remaining names.
    names: VecDeque<OsString>,
}

impl Way {
    fn begin(path: &Path) -> Result<Way, Reason> {
        let told = PathBuf::from(if path.is_absolute() { "/" } else { "" });
        let directory = open_start(path.is_absolute())?;
        Ok(Way { directory, told, names: names(path).collect() })
    }

    /// Enters a directory; never through a link.
    fn enter(&mut self, name: &OsStr) -> Result<(), Errno> {
        let flags = WAY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        self.directory = rustix::fs::openat(&self.directory, name, flags, Mode::empty())?;
        self.told.push(name);
        Ok(())
    }

    /// Makes a directory, only for its owner.
    fn make(&self, name: &OsStr) -> Result<(), Errno> {
        match rustix::fs::mkdirat(&self.directory, name, Mode::RWXU) {
            // By another process, in the meantime; it is checked like any other.
            Err(Errno::EXIST) => Ok(()),
            made => made,
        }
    }

    fn look(&self, name: &OsStr) -> Result<Option<Stat>, Errno> {
        match rustix::fs::statat(&self.directory, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(found) => Ok(Some(found)),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Follows the link `name`, if that is allowed. Then no other user can replace it between the check and its use.
    fn follow(
        &mut self,
        name: &OsStr,
        link: &Stat,
        asking: Asking,
        is_last: bool,
        which: Option<PathBuf>,
    ) -> Result<(), Reason> {
        let is_of_the_kernel = self.is_in_proc().map_err(system)?;
        if is_of_the_kernel && (is_last || !asking.passes_proc) {
            // Its text is not its real target, and the target is already open.
            return Err(Reason::NotAFile(NotAFile::Descriptor));
        }
        let text = rustix::fs::readlinkat(&self.directory, name, Vec::new()).map_err(system)?;
        let text = PathBuf::from(OsString::from_vec(text.into_bytes()));
        let of_directory = rustix::fs::fstat(&self.directory).map_err(system)?;
        if let Err(distrust) = asking.may_follow(link, &of_directory) {
            let rest: PathBuf = self.names.iter().collect();
            let leads_to = self.told.join(text);
            let leads_to = if is_last { leads_to } else { leads_to.join(rest) };
            return Err(match distrust {
                Distrust::Foreign(uid) => Reason::ForeignLink { link: which, uid, leads_to },
                Distrust::Replaceable => Reason::ReplaceableLink { link: which, leads_to },
            });
        }
        if is_of_the_kernel {
            // Only the kernel can resolve it.
            let flags = WAY | OFlags::DIRECTORY | OFlags::CLOEXEC;
            self.directory =
                rustix::fs::openat(&self.directory, name, flags, Mode::empty()).map_err(system)?;
            self.told.push(name);
            return Ok(());
        }
        if text.is_absolute() {
            self.directory = open_start(true)?;
            self.told = PathBuf::from("/");
        }
        for name in names(&text).rev() {
            self.names.push_front(name);
        }
        Ok(())
    }

    #[cfg(target_os = "linux")]
    fn is_in_proc(&self) -> Result<bool, Errno> {
        Ok(rustix::fs::fstatfs(&self.directory)?.f_type == rustix::fs::PROC_SUPER_MAGIC)
    }

    /// `/dev/fd/N` is a device elsewhere, not a link.
    #[cfg(not(target_os = "linux"))]
    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "as on Linux")]
    fn is_in_proc(&self) -> Result<bool, Errno> {
        Ok(false)
    }

    fn end(self, path: &Path, name: OsString, found: Option<Stat>, was_link: bool) -> End {
        let told = match was_link {
            // The real path instead of the given one, so that the user can check it.
            true if self.told.is_absolute() => self.told,
            true => std::env::current_dir().unwrap_or_default().join(self.told),
            false => path.parent().unwrap_or(Path::new("")).to_owned(),
        };
        End { directory: self.directory, told, name, found }
    }
}

fn open_start(is_absolute: bool) -> Result<OwnedFd, Reason> {
    let start = if is_absolute { c"/" } else { c"." };
    let flags = WAY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::openat(CWD, start, flags, Mode::empty()).map_err(system)
}

/// The names between the slashes; the last one is empty if the path ends in a slash.
fn names(path: &Path) -> impl DoubleEndedIterator<Item = OsString> {
    let bytes = path.as_os_str().as_bytes();
    bytes.split(|byte| *byte == b'/').map(|name| OsStr::from_bytes(name).to_owned())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, lchown, symlink};

    use super::*;

    const NOBODY: u32 = 65534;

    struct Directory(PathBuf);

    impl Directory {
        fn new(name: &str) -> Directory {
            let path = std::env::temp_dir().join(format!("rgops-walk-{}-{name}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
            let path = path.canonicalize().unwrap();
            fs::create_dir(path.join("there")).unwrap();
            symlink("there", path.join("link")).unwrap();
            Directory(path)
        }

        fn at(&self, name: &str) -> PathBuf {
            self.0.join(name)
        }

        /// The resolved path below the directory, or the reason of the error.
        fn walk(&self, path: &str) -> Result<PathBuf, Reason> {
            let end = walk(&self.at(path), Asking::now(), true).map_err(|error| error.reason)?;
            let place = fs::read_link(format!("/proc/self/fd/{}", fd(&end.directory))).unwrap();
            Ok(place.join(end.name).strip_prefix(&self.0).unwrap().to_owned())
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn fd(directory: &OwnedFd) -> i32 {
        std::os::fd::AsRawFd::as_raw_fd(directory)
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn own_links_are_followed_anywhere_in_the_path() {
        let directory = Directory::new("ours");
        fs::create_dir(directory.at("there/deep")).unwrap();
        symlink(directory.at("there/deep"), directory.at("there/absolute")).unwrap();
        symlink("../link/deep/", directory.at("there/slash")).unwrap();
        symlink("../../there/new", directory.at("there/deep/last")).unwrap();
        for (path, place) in [
            ("there/x", "there/x"),
            ("link/x", "there/x"),
            ("link//./absolute/x", "there/deep/x"),
            ("link/slash/x", "there/deep/x"),
            ("link/deep/../x", "there/x"),
            ("there/absolute/last", "there/new"),
        ] {
            assert_eq!(directory.walk(path).unwrap(), Path::new(place), "{path}");
        }
        for path in ["there/", "there/..", "there/.", "link/", "link/deep/.."] {
            let reason = directory.walk(path).unwrap_err();
            assert!(matches!(reason, Reason::NotAFile(NotAFile::Directory)), "{path}: {reason}");
        }
        // Links such as `/proc/self/cwd` belong to the kernel.
        let end = walk(Path::new("/proc/self/root/tmp/x"), Asking::now(), true).unwrap();
        assert_eq!(
            (end.told.as_path(), end.name.as_os_str()),
            (Path::new("/proc/self/root/tmp"), "x".as_ref())
        );
    }

    #[test]
    #[cfg(any(target_os = "linux", target_vendor = "apple", target_os = "freebsd"))]
    fn a_directory_without_list_permission_can_be_passed() {
        let directory = Directory::new("unlisted");
        fs::set_permissions(directory.at("there"), fs::Permissions::from_mode(0o311)).unwrap();
        let end = walk(&directory.at("there/x"), Asking::now(), true).unwrap();
        assert_eq!((end.told, end.found.is_none()), (directory.at("there"), true));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_limit_on_links_is_that_of_the_kernel() {
        let directory = Directory::new("many");
        symlink("there/x", directory.at("0")).unwrap();
        for number in 1..=40 {
            symlink(format!("{}", number - 1), directory.at(&number.to_string())).unwrap();
        }
        assert_eq!(directory.walk("39").unwrap(), Path::new("there/x"));
        symlink("ring/x", directory.at("ring")).unwrap();
        for path in ["40", "ring", "ring/y"] {
            let Reason::System(error) = directory.walk(path).unwrap_err() else { panic!("{path}") };
            assert_eq!(Errno::from_io_error(&error), Some(Errno::LOOP), "{path}");
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_link_of_another_user_is_refused_anywhere_in_the_path() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let directory = Directory::new("foreign");
        symlink("there", directory.at("foreign")).unwrap();
        lchown(directory.at("foreign"), Some(NOBODY), None).unwrap();
        symlink("foreign", directory.at("to it")).unwrap();
        for path in ["foreign/deep/x", "to it/deep/x"] {
            let error = walk(&directory.at(path), Asking::now(), true).unwrap_err();
            let text = error.to_string();
            assert!(
                text.contains(&format!(
                    "{} is a symbolic link of uid 65534",
                    directory.at("foreign").display()
                ))
            );
            let fix = error.fix();
            assert!(fix.ends_with(&format!("--output {}", directory.at("there/deep/x").display())), "{fix}");
        }
        let error = walk(&directory.at("foreign"), Asking::now(), true).unwrap_err();
        assert!(error.to_string().contains("it is a symbolic link of uid 65534"), "{error}");
        // It is not followed if only its own location is requested.
        assert!(walk(&directory.at("foreign"), Asking::now(), false).unwrap().found.is_some());
        assert!(walk(&directory.at("foreign/x"), Asking::now(), false).is_err());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_link_that_others_can_replace_is_refused() {
        let directory = Directory::new("loose");
        let mode = |mode| fs::set_permissions(&directory.0, fs::Permissions::from_mode(mode)).unwrap();
        mode(0o777);
        let error = walk(&directory.at("link/x"), Asking::now(), true).unwrap_err();
        assert!(matches!(error.reason, Reason::ReplaceableLink { .. }), "{error}");
        assert!(error.fix().ends_with(&format!("--output {}", directory.at("there/x").display())));
        assert!(directory.walk("there/x").is_ok());
        mode(0o1777);
        assert!(directory.walk("link/x").is_ok());
        if rustix::process::geteuid().is_root() {
            mode(0o755);
            lchown(&directory.0, Some(NOBODY), None).unwrap();
            let reason = directory.walk("link/x").unwrap_err();
            assert!(matches!(reason, Reason::ReplaceableLink { .. }), "{reason}");
        }
    }
}

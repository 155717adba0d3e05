//! Opens only regular files of ordinary file systems, whatever a name leads to.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rgops_dwarf::ReadAt;

/// The place of a file.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    /// In a directory of the operator or of the system, where names may be symbolic links.
    Trusted(PathBuf),
    /// A path on this host that another process or a file named: it must not be a symbolic link itself, and no link
    /// that another user controls leads there.
    Named(PathBuf),
    /// A path as a process sees it: symbolic links are resolved as for that process.
    InRoot(Arc<Root>, PathBuf),
}

/// The root directory of a process.
#[derive(Debug)]
pub(crate) struct Root {
    /// `/proc/PID/root`, for messages.
    shown: PathBuf,
    #[cfg_attr(
        not(target_os = "linux"),
        expect(dead_code, reason = "processes are inspected on Linux only")
    )]
    directory: File,
}

impl Root {
    #[cfg(target_os = "linux")]
    pub(super) fn new(shown: PathBuf, directory: File) -> Root {
        Root { shown, directory }
    }
}

impl Place {
    /// The path for messages.
    pub(crate) fn shown(&self) -> PathBuf {
        match self {
            Place::Trusted(path) | Place::Named(path) => path.clone(),
            Place::InRoot(root, path) => root.shown.join(path.strip_prefix("/").unwrap_or(path)),
        }
    }

    fn path(&self) -> &Path {
        match self {
            Place::Trusted(path) | Place::Named(path) | Place::InRoot(_, path) => path,
        }
    }

    fn with(&self, path: PathBuf) -> Place {
        match self {
            Place::Trusted(_) => Place::Trusted(path),
            Place::Named(_) => Place::Named(path),
            Place::InRoot(root, _) => Place::InRoot(root.clone(), path),
        }
    }

    /// The same place with an extension appended to the whole name: `shop.dwp`.
    pub(crate) fn with_behind(&self, extension: &str) -> Place {
        let mut name = self.path().as_os_str().to_owned();
        name.push(extension);
        self.with(name.into())
    }

    /// A file with this name, relative to the place's directory or absolute.
    pub(crate) fn beside(&self, name: &Path) -> Place {
        self.with(self.path().parent().unwrap_or(Path::new("/")).join(name))
    }

    /// Opens it if it is a regular file.
    ///
    /// # Errors
    /// When it does not exist, or the reason why it is not opened.
    pub(crate) fn open(&self) -> io::Result<Checked> {
        system::open(self)
    }
}

/// An open regular file. It is only read with `pread`.
#[derive(Debug)]
pub(crate) struct Checked {
    file: File,
    length: u64,
}

impl Checked {
    /// Takes a file that is already open, if it is a regular one.
    pub(crate) fn new(file: File) -> io::Result<Checked> {
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(refuse("it is not a regular file"));
        }
        if metadata.len() > LARGEST_FILE {
            return Err(refuse("it is larger than any program"));
        }
        Ok(Checked { length: metadata.len(), file })
    }

    /// The user that owns it.
    #[cfg(target_os = "linux")]
    pub(super) fn owner(&self) -> Option<u32> {
        use std::os::unix::fs::MetadataExt as _;
        self.file.metadata().ok().map(|metadata| metadata.uid())
    }

    /// The path that was really opened, where the system says it.
    pub(crate) fn real_path(&self) -> Option<PathBuf> {
        #[cfg(target_os = "linux")]
        {
            use std::os::fd::AsRawFd as _;
            let path = std::fs::read_link(format!("/proc/self/fd/{}", self.file.as_raw_fd())).ok()?;
            Some(path).filter(|path| path.is_absolute())
        }
        #[cfg(not(target_os = "linux"))]
        None
    }

    /// The owner and the mode. `None` on other systems.
    #[cfg(unix)]
    pub(crate) fn owner_and_mode(&self) -> Option<(u32, u32)> {
        use std::os::unix::fs::MetadataExt as _;
        self.file.metadata().ok().map(|metadata| (metadata.uid(), metadata.mode()))
    }

    /// What tells the file from every other one, and from itself when it is changed: device, inode, length, and the
    /// times of the last change of content and of anything, which the kernel sets. `None` on other systems.
    #[cfg(unix)]
    pub(crate) fn identity(&self) -> Option<[u64; 7]> {
        use std::os::unix::fs::MetadataExt as _;
        let metadata = self.file.metadata().ok()?;
        let [modified, changed] = [metadata.mtime(), metadata.ctime()].map(i64::cast_unsigned);
        let [modified_ns, changed_ns] =
            [metadata.mtime_nsec(), metadata.ctime_nsec()].map(i64::cast_unsigned);
        Some([metadata.dev(), metadata.ino(), metadata.len(), modified, modified_ns, changed, changed_ns])
    }

    #[cfg(not(unix))]
    pub(crate) fn identity(&self) -> Option<[u64; 7]> {
        None
    }
}

/// Maximum file length: larger than any program. A sparse file may claim any length; reads are charged
/// to the budget anyway.
const LARGEST_FILE: u64 = 1 << 40;

impl ReadAt for Checked {
    fn length(&self) -> u64 {
        self.length
    }

    #[cfg(unix)]
    fn read_exact_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(&self.file, bytes, offset)
    }

    #[cfg(not(unix))]
    fn read_exact_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        use std::io::{Read, Seek, SeekFrom};
        let mut file = &self.file;
        file.seek(SeekFrom::Start(offset))?;
        file.read_exact(bytes)
    }
}

fn refuse(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, why)
}

#[cfg(target_os = "linux")]
pub(super) use system::open_running;

#[cfg(target_os = "linux")]
mod system {
    //! O_PATH resolves a name without opening the file (open(2)); reopening it through `/proc/self/fd` opens
    //! exactly the file that was checked.

    use std::fs::File;
    use std::io;
    use std::os::fd::{AsFd, AsRawFd, OwnedFd};
    use std::path::{Component, Path};

    use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags, fstat, fstatfs, openat, openat2};
    use rustix::io::Errno;

    use super::{Checked, Place, refuse};

    /// Resolves a name without opening the file.
    const RESOLVE: OFlags = OFlags::PATH.union(OFlags::CLOEXEC);

    /// File systems with regular files that the kernel generates: reading one may have side effects, block or
    /// never end (statfs(2), linux/magic.h). `/proc/kmsg` is such a file.
    const OF_THE_KERNEL: [u32; 19] = [
        0x0000_9fa0, // proc
        0x6265_6572, // sysfs
        0x6462_6720, // debugfs
        0x7472_6163, // tracefs
        0x7363_6673, // securityfs
        0x0027_e0eb, // cgroup
        0x6367_7270, // cgroup2
        0xcafe_4a11, // bpf
        0x6265_6570, // configfs
        0x6165_676c, // pstore
        0xde5e_81e4, // efivarfs
        0xf97c_ff8c, // selinux
        0x4341_5d53, // smack
        0x4249_4e4d, // binfmt_misc
        0x6e73_6673, // nsfs
        0x6573_5543, // fusectl
        0x0000_1cd1, // devpts
        0x1980_0202, // mqueue
        0x0765_5821, // resctrl
    ];

    pub(super) fn open(place: &Place) -> io::Result<Checked> {
        let found = match place {
            Place::Trusted(path) => openat(CWD, path, RESOLVE, Mode::empty())?,
            Place::Named(path) => crate::output::open_named(path, RESOLVE)?,
            Place::InRoot(root, path) => in_root(&root.directory, path)?,
        };
        reopen(&found)
    }

    /// Opens the file that a process runs or maps, as the kernel reports it: `/proc/PID/exe`,
    /// `/proc/PID/map_files/…`. These lead to the file itself, whatever its name is now.
    pub(in crate::files) fn open_running(process: impl AsFd, name: &str) -> io::Result<Checked> {
        reopen(&openat(process, name, RESOLVE, Mode::empty())?)
    }

    fn in_root(root: &File, path: &Path) -> io::Result<OwnedFd> {
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        match openat2(root, path, RESOLVE, Mode::empty(), resolve) {
            Err(error) if is_missing(error) => step_by_step(root, path),
            found => Ok(found?),
        }
    }

    /// Whether openat2(2) is not available: kernels before 5.6, or a seccomp filter that denies it.
    fn is_missing(error: Errno) -> bool {
        matches!(error, Errno::NOSYS | Errno::PERM)
    }

    /// Without openat2 no symbolic link is followed: one could lead out of the root.
    fn step_by_step(root: &File, path: &Path) -> io::Result<OwnedFd> {
        let mut at = root.as_fd().try_clone_to_owned()?;
        for component in path.components() {
            match component {
                Component::RootDir | Component::CurDir => {}
                Component::Normal(name) => at = openat(&at, name, RESOLVE | OFlags::NOFOLLOW, Mode::empty())?,
                Component::ParentDir | Component::Prefix(_) => return Err(refuse("its path contains ..")),
            }
        }
        Ok(at)
    }

    fn reopen(found: &OwnedFd) -> io::Result<Checked> {
        let is_regular = FileType::from_raw_mode(fstat(found)?.st_mode) == FileType::RegularFile;
        if !is_regular {
            return Err(refuse("it is not a regular file"));
        }
        // The type of this field depends on the machine's word size, that of the table does not.
        let kind = fstatfs(found)?.f_type as u32;
        if OF_THE_KERNEL.contains(&kind) {
            return Err(refuse("it is a file of the kernel, not of a program"));
        }
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let through = format!("/proc/self/fd/{}", found.as_raw_fd());
        Checked::new(File::from(openat(CWD, through, flags, Mode::empty())?))
    }
}

#[cfg(all(unix, not(target_os = "linux")))]
mod system {
    //! Without `/proc` a file is opened without blocking, and kept if it is a regular file.

    use std::fs::{File, OpenOptions};
    use std::io;
    use std::os::unix::fs::OpenOptionsExt;

    use rustix::fs::OFlags;

    use super::{Checked, Place, refuse};

    pub(super) fn open(place: &Place) -> io::Result<Checked> {
        let path = place.path();
        // Checked before it is opened, because opening alone may have side effects.
        let found = match place {
            Place::Trusted(_) => std::fs::metadata(path)?,
            _ => std::fs::symlink_metadata(path)?,
        };
        if !found.is_file() {
            return Err(refuse("it is not a regular file"));
        }
        let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
        if !matches!(place, Place::Trusted(_)) {
            return Checked::new(File::from(crate::output::open_named(path, flags)?));
        }
        let file: File = OpenOptions::new().read(true).custom_flags(flags.bits() as i32).open(path)?;
        Checked::new(file)
    }
}

#[cfg(not(unix))]
mod system {
    //! Processes cannot be inspected on this system; files are those of programs on other hosts.

    use std::fs::File;
    use std::io;

    use super::{Checked, Place, refuse};

    pub(super) fn open(place: &Place) -> io::Result<Checked> {
        if !std::fs::metadata(place.path())?.is_file() {
            return Err(refuse("it is not a regular file"));
        }
        Checked::new(File::open(place.path())?)
    }
}

//! Tests which files are opened, and how files with false contents are read.
#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

use std::fs::File;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rgops_dwarf::elf::Elf;
use rgops_dwarf::{ReadAt as _, read_range};

use super::*;
use crate::budget::{self, Budget, Exhausted};

/// A directory of this test, removed at its end.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Directory {
        let path = std::env::temp_dir().join(format!("rgops-door-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Directory(path)
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn refused(place: &Place) -> String {
    place.open().map(|file| file.length()).unwrap_err().to_string()
}

#[test]
fn a_file_that_shrinks_after_it_was_opened_is_an_error() {
    let directory = Directory::new("shorter");
    let path = directory.file("file", &[7; 10_000]);
    let file = Place::Named(path.clone()).open().unwrap();
    let budget = budget::standard();
    let (bytes, charge) = read_range(&file, 10, 9_000, &budget).unwrap();
    assert_eq!((bytes.len(), bytes[8_999]), (9_000, 7));
    drop((bytes, charge));
    File::options().write(true).open(&path).unwrap().set_len(100).unwrap();
    let error = read_range(&file, 10, 9_000, &budget).unwrap_err();
    assert_eq!(error.to_string(), "the file became shorter while it was read");
    assert_eq!(budget.charged(), 0, "all charges are released");
}

#[test]
fn a_sparse_file_of_a_tebibyte_costs_only_the_bytes_read() {
    let directory = Directory::new("hole");
    // Headers that claim sections over the whole file.
    let mut header = [0; 64];
    header[..6].copy_from_slice(b"\x7fELF\x02\x01");
    header[0x28..0x30].copy_from_slice(&64u64.to_le_bytes());
    header[0x3a..0x40].copy_from_slice(&[64, 0, 2, 0, 1, 0]);
    let mut section = [0; 64];
    section[4] = 1;
    section[32..40].copy_from_slice(&(1u64 << 39).to_le_bytes());
    let path = directory.file("hole", &[&header[..], &section, &section].concat());
    File::options().write(true).open(&path).unwrap().set_len(1 << 40).unwrap();
    let file = Place::Named(path).open().unwrap();
    let budget = Budget::new(1 << 20);
    let error = Elf::read(&file, &budget).unwrap_err();
    assert_eq!(error.to_string(), "its headers are larger than any program's");
    // And a section that only the budget bounds.
    let error = read_range(&file, 0, 1 << 39, &budget).unwrap_err();
    assert_eq!(error.to_string(), "the memory limit of 1 MiB was reached");
}

#[test]
fn a_blocked_read_ends_at_the_deadline() {
    let budget = budget::standard();
    budget.end_by(Instant::now() + Duration::from_millis(50));
    let (_never, waits) = std::sync::mpsc::channel::<()>();
    // Like a read from a file system that does not answer.
    assert_eq!(within(&budget, move || waits.recv()), Err(Exhausted::Time.into()));
    assert_eq!(within(&budget::standard(), || 7), Ok(7));
}

#[cfg(target_os = "linux")]
mod linux {
    use std::ffi::CString;
    use std::os::unix::fs::symlink;

    use rgops_protocol::reply::Module;

    use super::*;

    fn fifo(directory: &Directory) -> PathBuf {
        let path = directory.0.join("fifo");
        let name = CString::new(path.to_str().unwrap()).unwrap();
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &*name,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::from_raw_mode(0o600),
            0,
        )
        .unwrap();
        path
    }

    #[test]
    fn pipes_devices_directories_and_links_are_not_opened() {
        let directory = Directory::new("kinds");
        let fifo = fifo(&directory);
        let link = directory.0.join("link");
        symlink(&fifo, &link).unwrap();
        let kinds: [PathBuf; 6] =
            [fifo, link, directory.0.clone(), "/dev/ptmx".into(), "/dev/null".into(), "/dev/tty".into()];
        for path in kinds {
            // Opening any of these would block, have a side effect, or end without an error.
            for place in [Place::Named(path.clone()), Place::Trusted(path.clone())] {
                assert_eq!(refused(&place), "it is not a regular file", "{place:?}");
            }
        }
    }

    #[test]
    fn files_of_the_kernel_are_not_opened() {
        // A regular file: its reader takes the kernel's messages away from other readers, and blocks.
        let kernels = [
            "/proc/kmsg",
            "/proc/self/mem",
            "/proc/kcore",
            "/proc/self/environ",
            "/sys/kernel/uevent_seqnum",
        ];
        for path in kernels.into_iter().filter(|path| std::path::Path::new(path).exists()) {
            let error = refused(&Place::Trusted(path.into()));
            assert_eq!(error.to_string(), "it is a file of the kernel, not of a program", "{path}");
        }
    }

    #[test]
    fn a_name_from_another_process_must_not_be_a_link() {
        let directory = Directory::new("links");
        let file = directory.file("file", b"text");
        let link = directory.0.join("link");
        symlink(&file, &link).unwrap();
        assert_eq!(refused(&Place::Named(link.clone())), "it is not a regular file");
        // In a directory of the operator it may be a symbolic link: `.build-id` consists of them.
        assert_eq!(Place::Trusted(link).open().unwrap().length(), 4);
        // A name does not lead through a link of the kernel either.
        let through = PathBuf::from(format!("/proc/self/root{}", file.display()));
        assert!(Place::Named(through).open().is_err());
    }

    #[test]
    fn links_in_the_root_of_a_process_cannot_leave_it() {
        let directory = Directory::new("root");
        directory.file("file", b"inside");
        symlink("/file", directory.0.join("absolute")).unwrap();
        symlink("../../../../../file", directory.0.join("upwards")).unwrap();
        symlink("/etc/passwd", directory.0.join("outside")).unwrap();
        symlink("/proc/self/exe", directory.0.join("magic")).unwrap();
        let root = std::sync::Arc::new(Root::new("/root".into(), File::open(&directory.0).unwrap()));
        let open = |path: &str| Place::InRoot(root.clone(), path.into()).open();
        for inside in ["/file", "/absolute", "/upwards"] {
            assert_eq!(open(inside).unwrap().length(), 6, "{inside}");
        }
        for outside in ["/outside", "/magic", "/../../etc/passwd"] {
            assert!(open(outside).is_err(), "{outside}");
        }
        assert_eq!(Place::InRoot(root, "/file".into()).shown(), PathBuf::from("/root/file"));
    }

    #[test]
    fn modules_are_confirmed_where_the_kernel_maps_them() {
        let own = Process::of(Some(std::process::id()));
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let line = maps.lines().find(|line| line.contains("/libc.so")).unwrap();
        let path = &line[line.find('/').unwrap()..];
        let start = u64::from_str_radix(line.split('-').next().unwrap(), 16).unwrap();
        let module = |path: &str, start| Module {
            path: path.to_owned(),
            build_id: vec![1],
            start_avma: start,
            end_avma: start + 4096,
            bias: start,
            has_unwind_data: true,
        };
        assert!(matches!(own.believes(&module(path, start)), Believed::Mapped(_)));
        assert_eq!(own.believes(&module("/etc/shadow", start)), Believed::NotMapped);
        assert_eq!(own.believes(&module(path, 0x1000)), Believed::NotMapped);
        assert_eq!(Process::of(None).believes(&module(path, start)), Believed::NotTold);
        // An ended process does not have mappings.
        assert_eq!(Process::of(Some(u32::MAX)).believes(&module(path, start)), Believed::NotTold);
    }
}

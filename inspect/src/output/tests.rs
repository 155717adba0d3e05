#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::*;

/// Held by one test at a time: `remove_unfinished` removes the incomplete files of the whole process.
struct Directory(PathBuf, #[expect(dead_code, reason = "held until it is dropped")] MutexGuard<'static, ()>);

impl Directory {
    fn new() -> Directory {
        static ONE: Mutex<()> = Mutex::new(());
        let one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("rgops-output-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Directory(path, one)
    }

    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.0).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn names() -> Numbered {
    Numbered::new("../e\x1bvil", 7, ".samples.cpu", ".pb.gz")
}

/// A file as on file systems without nameless files.
fn create_named(path: &Path, replace: bool) -> Result<OutputFile, OutputError> {
    let mut file = OutputFile::create(path, replace)?;
    file.place.forget();
    file.out = Some(BufWriter::new(file.place.open_named().unwrap()));
    Ok(file)
}

type Create = fn(&Path, bool) -> Result<OutputFile, OutputError>;

const WAYS: [Create; 2] = [OutputFile::create, create_named];

#[test]
fn a_file_is_private_and_replaced_only_on_request_and_removed_unless_kept() {
    for create in WAYS {
        let directory = Directory::new();
        let path = directory.0.join("profile");
        let mut file = create(&path, false).unwrap();
        file.write_all(b"one").unwrap();
        assert!(!path.exists());
        drop(file);
        assert_eq!(directory.names(), [""; 0]);

        let mut file = create(&path, false).unwrap();
        file.write_all(b"one").unwrap();
        assert_eq!(file.keep().unwrap(), path);
        assert!(matches!(create(&path, false).unwrap_err().reason, Reason::Exists));
        drop(create(&path, true).unwrap());
        assert_eq!(std::fs::read(&path).unwrap(), b"one");
        let mut file = create(&path, true).unwrap();
        file.write_all(b"two").unwrap();
        file.keep().unwrap();
        assert_eq!((std::fs::read(&path).unwrap(), directory.names().len()), (b"two".to_vec(), 1));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }
}

#[test]
fn if_the_path_is_taken_in_the_meantime_both_files_are_kept() {
    for create in WAYS {
        let directory = Directory::new();
        let path = directory.0.join("profile");
        let mut file = create(&path, false).unwrap();
        file.write_all(b"ours").unwrap();
        std::fs::write(&path, b"theirs").unwrap();
        let Reason::KeptBeside { kept } = file.keep().unwrap_err().reason else { panic!() };
        assert_eq!(kept, directory.0.join("profile.1"));
        assert_eq!(std::fs::read(&path).unwrap(), b"theirs");
        assert_eq!(std::fs::read(&kept).unwrap(), b"ours");

        let file = create(&path, true).unwrap();
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        let Reason::KeptBeside { kept } = file.keep().unwrap_err().reason else { panic!() };
        assert_eq!(kept, directory.0.join("profile.2"));
        assert_eq!(directory.names(), ["profile", "profile.1", "profile.2"]);
    }
}

#[test]
fn a_default_name_is_the_first_free_one_even_if_others_take_it_in_the_meantime() {
    let directory = Directory::new();
    let file = OutputFile::create_free(&directory.0, names()).unwrap();
    let other = OutputFile::create_free(&directory.0, names()).unwrap();
    for (file, number) in [(file, 1), (other, 2)] {
        let name = format!("rgops.___e_vil.7.samples.cpu.00{number}.pb.gz");
        assert_eq!(file.keep().unwrap(), directory.0.join(name));
    }
    assert!(OutputFile::create_free(&directory.0, names()).unwrap().path().ends_with(names().name(3)));
}

#[test]
fn exits_without_destructors_leave_no_file() {
    let directory = Directory::new();
    let file = create_named(&directory.0.join("profile"), false).unwrap();
    assert_eq!(directory.names().len(), 1);
    remove_unfinished();
    assert_eq!(directory.names(), [""; 0]);
    std::mem::forget(file);
}

#[test]
fn an_error_while_writing_is_returned_at_the_end_and_frees_the_space() {
    for create in WAYS {
        let directory = Directory::new();
        let mut file = create(&directory.0.join("profile"), false).unwrap();
        file.limit_bytes = 10;
        file.write_all(b"0123456789").unwrap();
        file.write_all(b"0123456789").unwrap();
        assert_eq!(directory.names(), [""; 0]);
        file.write_all(b"0123456789").unwrap();
        file.flush().unwrap();
        let error = file.keep().unwrap_err();
        assert!(error.fix().contains("ulimit"), "{error}: {}", error.fix());
        assert_eq!(directory.names(), [""; 0]);
    }
}

#[test]
#[cfg(unix)]
fn links_are_followed_and_only_regular_files_are_replaced() {
    use std::os::unix::fs::symlink;

    let directory = Directory::new();
    let at = |name: &str| directory.0.join(name);
    std::fs::create_dir(at("there")).unwrap();
    std::fs::write(at("there/file"), b"old").unwrap();
    symlink("there/file", at("second")).unwrap();
    symlink("second", at("first")).unwrap();
    symlink("there/new", at("dangling")).unwrap();
    symlink("ring", at("ring")).unwrap();
    symlink("/dev/fd/1", at("descriptor")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();

    assert!(matches!(OutputFile::create(&at("first"), false).unwrap_err().reason, Reason::Exists));
    let mut file = OutputFile::create(&at("first"), true).unwrap();
    file.write_all(b"new").unwrap();
    assert_eq!(file.keep().unwrap(), at("there/file").canonicalize().unwrap());
    assert_eq!(std::fs::read(at("there/file")).unwrap(), b"new");
    assert!(at("first").is_symlink() && at("second").is_symlink());
    let kept = OutputFile::create(&at("dangling"), false).unwrap().keep().unwrap();
    assert_eq!(kept, at("there/new").canonicalize().unwrap());
    assert!(at("dangling").is_symlink());

    for (path, what) in [
        (at("there"), NotAFile::Directory),
        (at("there/"), NotAFile::Directory),
        (at("there/.."), NotAFile::Directory),
        (at("socket"), NotAFile::Socket),
        #[cfg(target_os = "linux")]
        (at("descriptor"), NotAFile::Descriptor),
    ] {
        for replace in [false, true] {
            let reason = OutputFile::create(&path, replace).unwrap_err().reason;
            assert!(matches!(reason, Reason::NotAFile(found) if found == what), "{path:?}: {reason}");
        }
    }
    for path in [at("ring"), at("nowhere/file"), at("there/file/below"), PathBuf::new()] {
        let error = OutputFile::create(&path, true).unwrap_err();
        assert!(matches!(error.reason, Reason::System(_)), "{error}");
    }
}

#[test]
#[cfg(unix)]
fn a_directory_that_is_a_link_of_another_user_is_refused() {
    use std::os::unix::fs::{lchown, symlink};

    if !rustix::process::geteuid().is_root() {
        return;
    }
    let directory = Directory::new();
    std::fs::create_dir(directory.0.join("etc")).unwrap();
    symlink("etc", directory.0.join("x")).unwrap();
    lchown(directory.0.join("x"), Some(65534), None).unwrap();
    let path = directory.0.join("x/profile.pb");
    for error in [
        OutputFile::create(&path, false).unwrap_err(),
        OutputFile::create(&path, true).unwrap_err(),
        OutputFile::create_free(&directory.0.join("x"), names()).unwrap_err(),
    ] {
        assert!(matches!(error.reason, Reason::ForeignLink { uid: 65534, .. }), "{error}");
    }
    assert_eq!(std::fs::read_dir(directory.0.join("etc")).unwrap().count(), 0);
    assert!(OutputFile::create(&directory.0.join("etc/profile.pb"), false).is_ok());
}

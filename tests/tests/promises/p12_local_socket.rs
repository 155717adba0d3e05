//! Promise 12: the default transport is a socket of mode 0600 in a directory of mode 0700 that belongs to us,
//! whatever the umask is. The umask is never changed. A directory that is foreign, a link or accessible to others is
//! refused.

use std::fs::{self, Permissions};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _, chown, symlink};

use rgops_tests::asking::connect;
use rgops_tests::directory::Directory;
use rgops_tests::target::Target;
use rgops_tests::waiting::{is_root, skip_unless};

#[test]
fn modes_do_not_depend_on_the_umask() {
    for umask in ["0000", "0022", "0177", "0777"] {
        let directory = Directory::new();
        // With a umask that masks the owner's bits, we could not enter a new directory. Here it exists already.
        if umask == "0777" || umask == "0177" {
            fs::create_dir(directory.sockets()).unwrap();
            fs::set_permissions(directory.sockets(), Permissions::from_mode(0o700)).unwrap();
        }
        let mut target = Target::start(&directory);
        target.order(&format!("umask {umask}"));
        let path = target.listen("");
        let mode = |path: &str| fs::symlink_metadata(path).unwrap().mode() & 0o7777;
        assert_eq!(mode(directory.sockets().to_str().unwrap()), 0o700, "under umask {umask}");
        let socket = mode(&path);
        assert_eq!(socket & !0o600, 0, "{socket:o} under umask {umask}");
        assert!(fs::symlink_metadata(&path).unwrap().file_type().is_socket());
        assert_eq!(target.status(None, "Umask"), umask, "the umask is unchanged");
        if umask == "0000" || umask == "0022" {
            assert_eq!(socket, 0o600);
        }
        assert!(connect(&path).is_ok());
    }
}

/// The umask belongs to the process: other threads would see a change, even for a microsecond.
#[test]
fn the_umask_is_never_changed() {
    let directory = Directory::new();
    let traced = directory.path().join("calls");
    let has = std::process::Command::new("strace").arg("-V").output().is_ok();
    if skip_unless(has, "strace") {
        return;
    }
    let mut target = Target::start_with(&directory, |command| {
        *command = std::process::Command::new("strace");
        command.args(["-f", "-e", "trace=umask", "-o"]).arg(&traced);
        command.arg(rgops_tests::target::executable()).env("RGOPS_DIR", directory.sockets());
    });
    target.listen("");
    assert_eq!(target.order("close"), "closed");
    target.end();
    let calls = fs::read_to_string(traced).unwrap();
    assert!(!calls.contains("umask("), "{calls}");
}

#[test]
fn an_unsafe_directory_is_refused_with_a_fix() {
    let directory = Directory::new();
    let place = |name: &str| directory.path().join(name);
    let mut cases = Vec::new();
    for mode in [0o777, 0o1777, 0o770, 0o750, 0o701] {
        let open = place(&format!("open-{mode:o}"));
        fs::create_dir(&open).unwrap();
        fs::set_permissions(&open, Permissions::from_mode(mode)).unwrap();
        cases.push((open, "other users have access to it (mode "));
    }
    fs::create_dir(place("real")).unwrap();
    fs::set_permissions(place("real"), Permissions::from_mode(0o700)).unwrap();
    symlink(place("real"), place("linked")).unwrap();
    cases.push((place("linked"), "it is a symbolic link"));
    symlink(place("nowhere"), place("dangling")).unwrap();
    cases.push((place("dangling"), "it is a symbolic link"));
    if !skip_unless(is_root(), "root, to give a directory away") {
        fs::create_dir(place("foreign")).unwrap();
        fs::set_permissions(place("foreign"), Permissions::from_mode(0o700)).unwrap();
        chown(place("foreign"), Some(65534), None).unwrap();
        cases.push((place("foreign"), "belongs to uid 65534"));
    }
    for (path, reason) in cases {
        let mut target = Target::start(&directory);
        let answer = target.order(&format!("listen directory={}", path.display()));
        assert!(answer.starts_with("failed UnsafeDirectory: "), "{}: {answer}", path.display());
        assert!(answer.contains(reason), "{answer}");
        let left = fs::read_dir(&path).map(|entries| entries.count()).unwrap_or_default();
        assert_eq!(left, 0, "nothing was made in {}", path.display());
        assert!(target.end().success());
    }
}

//! Files that are refused before a request is sent: output files that cannot be written, and token files that cannot
//! be trusted.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::process::Command;

use rgops_tests::asking::counters;
use rgops_tests::built;
use rgops_tests::directory::Directory;
use rgops_tests::target::Target;
use rgops_tests::waiting::{is_root, skip_unless};

use super::scene::{COMMANDS, Mounted, Scene, c_path, identity, is_answer, make_device, make_pipe, stderr};

#[test]
fn an_unwritable_file_is_refused_before_the_request() {
    let scene = Scene::new();
    let at = |name: &str| scene.at(name);
    if skip_unless(is_root(), "root") {
        return;
    }
    make_device(&at("device"), 3);
    make_pipe(&at("pipe"));
    let _socket = UnixListener::bind(at("socket")).unwrap();
    fs::create_dir(at("directory")).unwrap();
    fs::write(at("file"), "old").unwrap();
    symlink("file", at("link")).unwrap();
    symlink("device", at("link to the device")).unwrap();
    symlink("ring", at("ring")).unwrap();
    symlink("missing/file", at("dangling")).unwrap();
    symlink("file", at("foreign")).unwrap();
    symlink("directory", at("foreign-directory")).unwrap();
    for link in ["foreign", "foreign-directory"] {
        // SAFETY: lchown(2) reads the path, which ends with NUL and lives until the call returns.
        assert_eq!(unsafe { libc::lchown(c_path(&at(link)).as_ptr(), 65534, 65534) }, 0);
    }
    let Some(read_only) = Mounted::new(at("read-only"), "size=64k,ro") else { return };

    let always = [
        ("device", 2, "it is a device", "--output - > "),
        ("link to the device", 2, "it is a device", "--output - > "),
        ("pipe", 2, "it is a pipe", "--output - > "),
        ("socket", 2, "it is a socket", "another --output"),
        ("directory", 2, "it is a directory", "a file in it"),
        ("file/", 2, "it is a directory", "a file in it"),
        ("foreign", 2, "it is a symbolic link of uid 65534", "name it: --output "),
        ("foreign-directory/x", 2, "foreign-directory is a symbolic link of uid 65534", "/directory/x"),
        ("ring", 1, "Too many levels", "another --output"),
        ("dangling", 2, "No such file", "create the directory first"),
        ("missing/file", 2, "No such file", "create the directory first"),
        ("file/below", 2, "Not a directory", "create the directory first"),
        ("read-only/file", 4, "Read-only file system", "this user can write"),
        ("/dev/stdout", 2, "it is an open file of this process", "--output - for"),
    ];
    let unforced = [
        ("file", 2, "the file already exists", "--force"),
        ("link", 2, "the file already exists", "--force"),
    ];
    let before = scene.names();
    let asked = counters(&scene.path).requests;
    let mut runs = 0;
    for command in COMMANDS {
        for force in [&[][..], &["--force"]] {
            let unforced = unforced.iter().filter(|_| force.is_empty());
            for &(name, exit, why, fix) in always.iter().chain(unforced) {
                let path = at(name);
                let was = identity(&path);
                let output = scene.run(&[command, force].concat(), &path);
                let errors = stderr(&output);
                assert_eq!(output.status.code(), Some(exit), "{command:?} {name}: {errors}");
                assert!(errors.contains(why) && errors.contains("fix: "), "{command:?} {name}: {errors}");
                assert!(errors.contains(fix), "{command:?} {name}: {errors}");
                assert_eq!(identity(&path), was, "{command:?} {name}");
                runs += 1;
            }
        }
    }
    assert_eq!(runs, COMMANDS.len() * (2 * always.len() + unforced.len()));
    assert_eq!(scene.names(), before);
    assert_eq!(fs::read(at("file")).unwrap(), b"old");
    assert_eq!(counters(&scene.path).requests, asked + 1, "only this test asked");
    drop(read_only);
}

#[test]
fn a_token_file_is_checked_by_the_agents_rule_and_never_blocks() {
    if skip_unless(is_root(), "root") {
        return;
    }
    let directory = Directory::new();
    let at = |name: &str| directory.path().join(name);
    let secret = "swordfish-swordfish-swordfish";
    let write = |name: &str, bytes: &[u8], mode: u32, uid: u32| {
        fs::write(at(name), bytes).unwrap();
        fs::set_permissions(at(name), Permissions::from_mode(mode)).unwrap();
        std::os::unix::fs::chown(at(name), Some(uid), None).unwrap();
    };
    write("good", format!("  {secret}\n").as_bytes(), 0o600, 0);
    write("open", secret.as_bytes(), 0o640, 0);
    write("foreign", secret.as_bytes(), 0o600, 65534);
    write("long", &[b'x'; 4097], 0o600, 0);
    write("short", b"sesame", 0o600, 0);
    fs::create_dir(at("directory")).unwrap();
    make_pipe(&at("pipe"));
    make_device(&at("zero"), 5);
    let mut target = Target::start(&directory);
    let address = target.listen_tcp(&format!("tcp=127.0.0.1:0 token={secret}"));

    for (name, why) in [
        ("open", "other users have access to it (mode 640)"),
        ("foreign", "it belongs to uid 65534, who may read and change it"),
        ("long", "it is not a regular file of at most 4096 bytes"),
        ("directory", "it is not a regular file of at most 4096 bytes"),
        ("pipe", "it is not a regular file of at most 4096 bytes"),
        ("zero", "it is not a regular file of at most 4096 bytes"),
        ("missing", "No such file"),
        ("short", "a token needs at least 16 bytes"),
    ] {
        let mut ask = Command::new(built::release("rgops"));
        let output = ask.args(["version", &address, "--token-file"]).arg(at(name)).output().unwrap();
        let errors = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{name}: {errors}");
        assert!(errors.contains(why) && errors.contains("fix: "), "{name}: {errors}");

        let mut other = Target::start(&directory);
        let answer = other.order(&format!("listen tcp=127.0.0.1:0 token-file={}", at(name).display()));
        assert!(answer.starts_with("failed Token: ") && answer.contains(why), "{name}: {answer}");
    }
    let mut ask = Command::new(built::release("rgops"));
    let output = ask.args(["version", &address, "--token-file"]).arg(at("good")).output().unwrap();
    assert!(is_answer(output.status.code()), "{}", stderr(&output));
}

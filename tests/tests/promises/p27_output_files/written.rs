//! What happens to the file and to the result: links, full disks, signals, files that appear meanwhile, standard output.

use std::fs::{self, File, Permissions};
use std::io::Read as _;
use std::os::fd::{FromRawFd as _, OwnedFd};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;

use rgops_tests::waiting::{is_root, skip_unless, until};

use super::scene::{
    COMMANDS, CTRL_C, Mounted, Running, SHORT, Scene, has_table, is_answer, make_device, names, send, stderr,
    stdout,
};

#[test]
fn links_are_followed_and_the_real_path_is_reported() {
    let scene = Scene::new();
    let real = scene.files.canonicalize().unwrap();
    fs::create_dir(scene.at("there")).unwrap();
    for command in SHORT {
        fs::write(scene.at("there/file"), "old").unwrap();
        fs::set_permissions(scene.at("there/file"), Permissions::from_mode(0o644)).unwrap();
        for (link, leads_to, force) in
            [("link", "there/file", &["--force"][..]), ("dangling", "there/new", &[])]
        {
            symlink(leads_to, scene.at(link)).unwrap();
            let output = scene.run(&[command, force].concat(), &scene.at(link));
            assert!(is_answer(output.status.code()), "{}", stderr(&output));
            let expected = format!(" saved to: {}\n", real.join(leads_to).display());
            assert!(stderr(&output).contains(&expected), "{}", stderr(&output));
            assert_eq!(fs::read_link(scene.at(link)).unwrap(), Path::new(leads_to));
            let written = fs::metadata(scene.at(leads_to)).unwrap();
            assert!(written.len() > 100);
            assert_eq!(written.mode() & 0o777, 0o600, "no other user may read it, even if they could before");
            fs::remove_file(scene.at(link)).unwrap();
            fs::remove_file(scene.at(leads_to)).unwrap();
        }
    }
}

#[test]
fn a_full_disk_loses_the_file_but_not_the_answer() {
    let scene = Scene::new();
    if skip_unless(is_root(), "root") {
        return;
    }
    let Some(_disk) = Mounted::new(scene.at("disk"), "size=64k") else { return };
    let Err(full) = fs::write(scene.at("disk/filler"), vec![1; 1 << 20]) else { panic!("a larger disk") };
    assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
    for command in SHORT {
        let output = scene.run(command, &scene.at("disk/file"));
        let errors = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{errors}");
        assert!(has_table(&stdout(&output)), "{command:?}: {}\n{errors}", stdout(&output));
        assert!(errors.contains("No space left") && errors.contains("the file is lost"), "{errors}");
        assert!(errors.contains("fix: free some space") && !errors.contains("saved to"), "{errors}");
        assert_eq!(names(&scene.at("disk")), ["filler"]);

        let output = scene.run(&[command, &["--json"]].concat(), &scene.at("disk/file"));
        assert_eq!(output.status.code(), Some(1));
        let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert!(json["file"].is_null() && json["schema"].is_string(), "{json}");
    }
}

/// By default SIGXFSZ would end the command.
#[test]
fn a_file_size_limit_loses_the_file_but_not_the_answer() {
    let scene = Scene::new();
    for arguments in SHORT {
        let rgops = scene.command(arguments, &scene.at("file"));
        let mut command = Command::new("sh");
        command
            .args(["-c", "ulimit -f 0; exec \"$@\"", "sh"])
            .arg(rgops.get_program())
            .args(rgops.get_args());
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(has_table(&stdout(&output)) && stderr(&output).contains("ulimit -f"), "{output:?}");
        assert_eq!(scene.names(), [""; 0]);
    }
}

/// Whether no thread of a process runs any more: kill(2) returns before SIGSTOP has stopped them.
fn are_stopped(pid: u32) -> bool {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let stats = tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("stat")).ok());
    stats.into_iter().all(|stat| stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('T')))
}

#[test]
fn a_signal_during_the_capture_leaves_no_partial_file() {
    let scene = Scene::new();
    fs::write(scene.at("old"), "old").unwrap();
    for (name, force) in [("new", &[][..]), ("old", &["--force"])] {
        for signal in [CTRL_C, libc::SIGTERM, libc::SIGHUP, libc::SIGKILL] {
            for command in [COMMANDS[0], COMMANDS[2]] {
                let command = scene.command(&[command, force].concat(), &scene.at(name));
                let mut running = Running::start(command);
                until("it captures", || scene.is_captured().then_some(()));
                assert_eq!(scene.names(), ["old"]);
                // Stopped, so that the first Ctrl-C, which requests an early end, is not answered.
                send(scene.target.pid(), libc::SIGSTOP);
                until("all its threads are stopped", || are_stopped(scene.target.pid()).then_some(()));
                until("it ended", || {
                    running.signal(signal);
                    running.has_ended().then_some(())
                });
                send(scene.target.pid(), libc::SIGCONT);
                let output = running.end();
                let expected = (signal == CTRL_C).then_some(130);
                assert_eq!(output.status.code(), expected, "{output:?}");
                assert_eq!(scene.names(), ["old"]);
                assert_eq!(fs::read(scene.at("old")).unwrap(), b"old");
                until("the capture is over", || (!scene.is_captured()).then_some(()));
            }
        }
    }
}

#[test]
fn a_file_that_appears_meanwhile_is_kept_and_the_new_one_gets_another_name() {
    let scene = Scene::new();
    for command in [COMMANDS[0], COMMANDS[2]] {
        let running = Running::start(scene.command(command, &scene.at("file")));
        until("it captures", || scene.is_captured().then_some(()));
        fs::write(scene.at("file"), "of somebody else").unwrap();
        running.signal(CTRL_C);
        let output = running.end();
        let errors = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{errors}");
        assert!(has_table(&stdout(&output)), "{}", stdout(&output));
        assert!(errors.contains(&format!("saved as {}", scene.at("file.1").display())), "{errors}");
        assert_eq!(fs::read(scene.at("file")).unwrap(), b"of somebody else");
        assert!(fs::metadata(scene.at("file.1")).unwrap().len() > 100);
        assert_eq!(scene.names(), ["file", "file.1"]);
        fs::remove_file(scene.at("file")).unwrap();
        fs::remove_file(scene.at("file.1")).unwrap();
    }
}

#[test]
fn a_dash_writes_the_file_to_standard_output_and_the_table_to_standard_error() {
    let scene = Scene::new();
    for command in SHORT {
        let output = scene.run(command, Path::new("-"));
        assert!(is_answer(output.status.code()), "{}", stderr(&output));
        assert!(has_table(&stderr(&output)) && !stderr(&output).contains("saved to"), "{}", stderr(&output));
        match command[0] {
            "pprof-cpu" => assert!(!rgops_inspect::profile::read(&output.stdout).unwrap().sample.is_empty()),
            // Field 1 of a `Trace`, length-delimited.
            _ => assert!(output.stdout.len() > 100 && output.stdout[0] == 0x0a),
        }

        let output = scene.run(&[command, &["--json"]].concat(), Path::new("-"));
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(stderr(&output).contains("JSON is written there"), "{output:?}");

        // A reader that closes the pipe is not a failure. A full disk is, and only the file is lost.
        let mut gone = scene.command(command, Path::new("-")).spawn().unwrap();
        drop(gone.stdout.take());
        let output = gone.wait_with_output().unwrap();
        assert!(is_answer(output.status.code()), "{output:?}");
        assert!(has_table(&stderr(&output)), "{output:?}");
        if !skip_unless(is_root(), "root") {
            make_device(&scene.at("full"), 7);
            let mut full = scene.command(command, Path::new("-"));
            full.stdout(File::options().write(true).open(scene.at("full")).unwrap());
            let output = full.output().unwrap();
            assert_eq!(output.status.code(), Some(1), "{output:?}");
            assert!(has_table(&stderr(&output)) && stderr(&output).contains("No space left"), "{output:?}");
            fs::remove_file(scene.at("full")).unwrap();
        }

        let (ours, terminal) = terminal();
        let mut refused = scene.command(command, Path::new("-"));
        let output = refused.stdout(terminal.try_clone().unwrap()).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(stderr(&output).contains("it is a terminal"), "{output:?}");
        // Both commands keep the terminal open.
        drop(refused);
        let mut forced = scene.command(command, Path::new("-"));
        let mut child = forced.arg("--force").stdout(terminal).spawn().unwrap();
        drop(forced);
        let mut shown = Vec::new();
        // Ends with EIO when the other side of the terminal is closed.
        let _ = File::from(ours).read_to_end(&mut shown);
        assert!(is_answer(child.wait().unwrap().code()));
        assert!(shown.len() > 100);
    }
    assert_eq!(scene.names(), [""; 0]);
}

/// Both sides of a terminal.
fn terminal() -> (OwnedFd, OwnedFd) {
    let (mut ours, mut theirs) = (-1, -1);
    let none = std::ptr::null_mut();
    // SAFETY: openpty(3) writes the two descriptors, which are valid; the other pointers may be null.
    assert_eq!(unsafe { libc::openpty(&mut ours, &mut theirs, none, none.cast(), none.cast()) }, 0);
    // SAFETY: both descriptors were just opened and are not shared.
    unsafe { (OwnedFd::from_raw_fd(ours), OwnedFd::from_raw_fd(theirs)) }
}

//! A program that cannot run is named at once, with what stopped it, by every command.

use std::fs;
use std::path::{Path, PathBuf};

use rgops_tests::running::Running;
use rgops_tests::waiting::skip_unless;

const COMMANDS: [&str; 11] = [
    "stack",
    "tasks",
    "stats",
    "memstats",
    "version",
    "pprof-cpu",
    "pprof-heap",
    "leaks",
    "trace",
    "schedtrace",
    "gc",
];

/// Asks every command; each must tell `why` and `fix` before the 10 s that an answer may take.
fn all_say(target: &Running, why: &str, fix: &str) {
    for command in COMMANDS {
        let answer = crate::ask(target, command, &[]);
        assert_eq!(answer.code, 5, "{command}");
        assert!(answer.errors.contains(why) && answer.errors.contains(fix), "{command}: {}", answer.errors);
        assert!(answer.took.as_secs() < 8, "{command} waited {:?}", answer.took);
    }
}

#[test]
fn by_a_signal() {
    let target = crate::start(&["blocked-main", "sleep"]);
    target.signal("STOP");
    crate::wait_until("it is stopped", || crate::details(&target, &[]).output.contains("state:\tT (stopped"));
    all_say(&target, "it is stopped by a signal (SIGSTOP)", &format!("kill -CONT {}", target.pid()));
    target.signal("CONT");
    crate::wait_until("it runs", || crate::ask(&target, "stack", &[]).code == 0);
}

/// A new cgroup with the process in it. Removed when dropped.
struct Group(PathBuf);

impl Group {
    /// `None` where this machine has no such cgroups, or we may not make one.
    fn with(target: &Running, mount: &str, kind: &str) -> Option<Group> {
        let is_mounted = fs::read_to_string("/proc/self/mountinfo")
            .unwrap()
            .lines()
            .any(|line| line.split(' ').nth(4) == Some(mount) && line.contains(&format!(" - {kind} ")));
        let group = Path::new(mount).join(format!("rgops-test-{}", target.pid()));
        if !is_mounted || fs::create_dir(&group).is_err() {
            return None;
        }
        let group = Group(group);
        fs::write(group.0.join("cgroup.procs"), target.pid().to_string()).ok().map(|()| group)
    }

    fn write(&self, file: &str, text: &str) {
        fs::write(self.0.join(file), text).unwrap();
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        for (file, text) in [("cgroup.freeze", "0"), ("freezer.state", "THAWED")] {
            let file = self.0.join(file);
            if file.exists() {
                let _ = fs::write(file, text);
            }
        }
        for target in fs::read_to_string(self.0.join("cgroup.procs")).unwrap_or_default().lines() {
            let _ = fs::write(self.0.parent().unwrap().join("cgroup.procs"), target);
        }
        let _ = fs::remove_dir(&self.0);
    }
}

#[test]
fn by_its_cgroup() {
    let mut seen = 0;
    for (mount, kind, file, frozen, thawed) in [
        ("/sys/fs/cgroup/freezer", "cgroup", "freezer.state", "FROZEN", "THAWED"),
        ("/sys/fs/cgroup/unified", "cgroup2", "cgroup.freeze", "1", "0"),
        ("/sys/fs/cgroup", "cgroup2", "cgroup.freeze", "1", "0"),
    ] {
        // Also one whose main thread has ended: the kernel then shows another cgroup in /proc/PID.
        for case in [&["blocked-main", "sleep"][..], &["leaderless"]] {
            let target = crate::start(case);
            let Some(group) = Group::with(&target, mount, kind) else { continue };
            group.write(file, frozen);
            crate::wait_until("it is frozen", || {
                crate::details(&target, &[]).output.contains("state:\tfrozen by its cgroup (")
            });
            let fix = format!("echo {thawed} > {}", group.0.join(file).display());
            all_say(&target, &format!("its cgroup {} is frozen", group.0.display()), &fix);
            group.write(file, thawed);
            crate::wait_until("it runs", || crate::ask(&target, "version", &[]).code == 0);
            seen += 1;
        }
    }
    skip_unless(seen > 0, "cgroups that can freeze");
}

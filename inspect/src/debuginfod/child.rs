//! The running tool: started without a shell, ended at a deadline or by [`stop`], and never left behind.

use std::io::Read as _;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::io::ioctl_fionbio;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use super::environment::{is_root, variables};
use super::missing::Missing;
use crate::text::hex;

/// Bytes of its output that are read: a path, or a line that says what is wrong.
const MOST_OUTPUT: u64 = 8 << 10;
/// After this time the caller is told that it takes longer.
const SAID_AFTER: Duration = Duration::from_secs(1);
/// Longest pause between two looks at the tool.
const LONGEST_PAUSE: Duration = Duration::from_millis(20);

/// The process group that runs, and whether it was ended from outside. The group is signalled only with this lock, and
/// its leader is reaped only with it: so the number is still its own.
static RUNNING: Mutex<Running> = Mutex::new(Running { group: None, is_stopped: false });

struct Running {
    group: Option<Pid>,
    is_stopped: bool,
}

fn running() -> MutexGuard<'static, Running> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Ends the tool if it runs; no other one is started.
pub(super) fn stop() {
    let mut running = running();
    running.is_stopped = true;
    if let Some(group) = running.group {
        let _ = kill_process_group(group, Signal::KILL);
    }
}

/// The file with the debug information of a build, by the tool.
pub(super) fn run(
    tool: &Path,
    build_id: &[u8],
    at_most: Duration,
    takes_longer: impl FnOnce(),
) -> Result<PathBuf, Missing> {
    let mut command = Command::new(tool);
    command.args(["debuginfo", &hex(build_id)]).current_dir("/").process_group(0);
    command.env_clear().envs(variables(std::env::vars_os(), is_root()));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let begin = Instant::now();
    let mut child = {
        let mut running = running();
        if running.is_stopped {
            return Err(Missing::because("debuginfod-find was ended"));
        }
        let failed = |error| Missing::because(format!("{} cannot be started: {error}", tool.display()));
        let child = command.spawn().map_err(failed)?;
        running.group = Pid::from_raw(child.id().cast_signed());
        child
    };
    let has_ended = wait(&child, begin, at_most, takes_longer);
    let status = {
        let mut running = running();
        if let Some(group) = running.group.take() {
            let _ = kill_process_group(group, Signal::KILL);
        }
        // Whatever it was, it has ended now.
        child.wait()
    };
    if running().is_stopped {
        return Err(Missing::because("debuginfod-find was ended"));
    }
    if !has_ended {
        return Err(Missing::late(build_id, at_most));
    }
    let output = read(child.stdout.take());
    match status {
        Ok(status) if status.success() => path(&output),
        _ => Err(Missing::said(build_id, &read(child.stderr.take()))),
    }
}

/// Whether it ended by itself in time. It is not reaped.
fn wait(child: &Child, begin: Instant, at_most: Duration, takes_longer: impl FnOnce()) -> bool {
    let Some(pid) = Pid::from_raw(child.id().cast_signed()) else { return false };
    let look = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
    let (mut takes_longer, mut pause) = (Some(takes_longer), Duration::from_millis(1));
    loop {
        match waitid(WaitId::Pid(pid), look) {
            Ok(None) | Err(rustix::io::Errno::INTR) => {}
            Ok(Some(_)) => return true,
            Err(_) => return false,
        }
        let elapsed = begin.elapsed();
        if elapsed >= at_most {
            return false;
        }
        if elapsed >= SAID_AFTER
            && let Some(say) = takes_longer.take()
        {
            say();
        }
        std::thread::sleep(pause.min(at_most - elapsed));
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// What is in a pipe, without waiting: a process that left the group may still have it open.
fn read(output: Option<impl std::io::Read + AsFd>) -> String {
    let mut bytes = Vec::new();
    if let Some(output) = output.filter(|output| ioctl_fionbio(output, true).is_ok()) {
        let _ = output.take(MOST_OUTPUT).read_to_end(&mut bytes);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn path(output: &str) -> Result<PathBuf, Missing> {
    let line = output.lines().next().unwrap_or_default();
    match line.starts_with('/') {
        true => Ok(line.into()),
        false => Err(Missing::because("debuginfod-find named no file")),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    const ID: [u8; 20] = [0xab; 20];

    fn of(tool: &str, at_most: Duration) -> Missing {
        run(Path::new(tool), &ID, at_most, || {}).unwrap_err()
    }

    #[test]
    fn a_tool_that_says_nothing_useful_costs_a_reason() {
        let minute = Duration::from_secs(60);
        // It prints its arguments.
        assert_eq!(of("/bin/echo", minute).reason, "debuginfod-find named no file");
        assert_eq!(of("/bin/false", minute).reason, "debuginfod-find: it failed");
        assert!(
            of("/nowhere/tool", minute).reason.starts_with("/nowhere/tool cannot be started: No such file")
        );
    }

    #[test]
    fn one_that_never_ends_is_ended() {
        // It prints its arguments without end.
        let missing = of("/usr/bin/yes", Duration::from_millis(200));
        assert!(missing.reason.ends_with(" and was ended"), "{missing:?}");
        assert!(missing.fix.starts_with("debuginfod-find debuginfo abababab"), "{missing:?}");
    }

    #[test]
    fn its_errors_are_said_in_one_line() {
        let missing = |errors: &str| Missing::said(&ID, errors).reason;
        let none = "Server query failed: No such file or directory\n";
        assert_eq!(missing(none), "no server of DEBUGINFOD_URLS has its build-id abababababab…");
        assert_eq!(
            missing("first\nServer query failed: Connection refused\n\n"),
            "debuginfod-find: Server query failed: Connection refused"
        );
    }
}

//! Identifies a process and the program in it, and determines why a process stopped answering.
//!
//! The kernel reuses pids, and execve(2) puts another program into the same pid with the same start time. The
//! kernel gives each program its own auxiliary vector (random bytes, random addresses), so two programs that
//! ran in one process can be distinguished even when both are the same file.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::time::{Duration, Instant};

use crate::procfs::{Stat, Status, directory};

/// A vector has about twenty pairs of words.
const MAX_AUXV_BYTES: u64 = 4096;
/// The sockets of a process close before the process shows that it ended or replaced itself.
const SETTLE: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(10);

/// A process of our pid namespace, and the program in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    pid: u32,
    start_time: u64,
    /// `None` where the system denies access.
    program: Option<Program>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Program {
    /// Device and inode.
    executable: (u64, u64),
    auxv: Vec<u8>,
}

/// What happened to a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It ended.
    Ended,
    /// It replaced itself with another program.
    Replaced,
    /// It runs, and probably still the same program.
    Lives,
}

impl Identity {
    /// The process with this pid as it is now.
    ///
    /// # Errors
    /// When there is no such process.
    pub(crate) fn of(pid: u32) -> io::Result<Identity> {
        let start_time = Stat::read(pid)?.start_time;
        Ok(Identity { pid, start_time, program: program(pid) })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    pub(crate) fn start_time(&self) -> u64 {
        self.start_time
    }

    /// What happened to a process that seems to have ended or to be another program. Waits a moment, because
    /// this becomes visible later than its sockets close.
    pub(crate) fn fate(&self) -> Fate {
        let deadline = Instant::now() + SETTLE;
        loop {
            match self.fate_now() {
                None | Some(Fate::Lives) if Instant::now() < deadline => std::thread::sleep(PAUSE),
                fate => return fate.unwrap_or(Fate::Lives),
            }
        }
    }

    /// What happened to it. Waits only while it is ending or being replaced.
    pub(crate) fn fate_once_sure(&self) -> Fate {
        let deadline = Instant::now() + SETTLE;
        loop {
            match self.fate_now() {
                None if Instant::now() < deadline => std::thread::sleep(PAUSE),
                fate => return fate.unwrap_or(Fate::Lives),
            }
        }
    }

    /// `None` while its program is no longer visible.
    fn fate_now(&self) -> Option<Fate> {
        let has_program = match Stat::read(self.pid) {
            Ok(stat) if stat.start_time == self.start_time && !stat.is_over() => !stat.is_kernel_thread,
            _ => return Some(Fate::Ended),
        };
        match (&self.program, program(self.pid)) {
            (Some(then), Some(now)) if *then != now => Some(Fate::Replaced),
            (Some(_), None) => None,
            (None, None) if has_program && is_without_program(self.pid) => None,
            _ => Some(Fate::Lives),
        }
    }
}

/// Whether all users of a process are `uid` now. The socket keeps the user that the process had when it began
/// to listen.
pub(crate) fn has_only_user(pid: u32, uid: u32) -> bool {
    Status::read(pid).is_ok_and(|status| status.users == [uid; 4])
}

/// Whether the process no longer has a program, so that even root cannot see one.
fn is_without_program(pid: u32) -> bool {
    fs::metadata(format!("{}/exe", directory(pid)))
        .is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
}

/// `None` when access is denied, and while a process ends.
fn program(pid: u32) -> Option<Program> {
    let directory = directory(pid);
    let metadata = fs::metadata(format!("{directory}/exe")).ok()?;
    let mut auxv = Vec::new();
    File::open(format!("{directory}/auxv")).ok()?.take(MAX_AUXV_BYTES).read_to_end(&mut auxv).ok()?;
    (!auxv.is_empty()).then_some(Program { executable: (metadata.dev(), metadata.ino()), auxv })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use std::os::unix::process::CommandExt as _;
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_process_with_only_our_user_is_recognized() {
        let (pid, uid) = (std::process::id(), rustix::process::geteuid().as_raw());
        assert!(has_only_user(pid, uid) && !has_only_user(pid, uid + 1) && !has_only_user(0, uid));
    }

    #[test]
    fn the_running_test_process_lives() {
        let own = Identity::of(std::process::id()).unwrap();
        assert_eq!((own.fate_now(), own.fate_once_sure()), (Some(Fate::Lives), Fate::Lives));
        assert!(own.program.is_some() && own.start_time() > 0);
        let another = Identity { start_time: own.start_time - 1, ..own };
        assert_eq!(another.fate_now(), Some(Fate::Ended));
    }

    #[test]
    fn executing_the_same_file_again_is_another_program() {
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", "read line; exec /bin/sh -c 'read line'"]).stdin(Stdio::piped());
        let mut child = shell.arg0("sh").spawn().unwrap();
        let before = Identity::of(child.id()).unwrap();
        assert_eq!(before.fate_now(), Some(Fate::Lives));
        std::io::Write::write_all(child.stdin.as_mut().unwrap(), b"go\n").unwrap();
        assert_eq!(before.fate(), Fate::Replaced);
        let after = Identity::of(child.id()).unwrap();
        child.kill().unwrap();
        // A zombie until the parent waits for it.
        assert_eq!(after.fate(), Fate::Ended);
        child.wait().unwrap();
        assert_eq!((before.fate(), after.fate()), (Fate::Ended, Fate::Ended));
    }
}

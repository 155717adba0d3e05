//! Which process it is, and which program runs in it: what became of one that stopped answering.
//!
//! A pid is used again, and execve(2) puts another program into the same pid with the same start time.
//! The kernel gives each program an auxiliary vector of its own (random bytes, random addresses), so two
//! programs that ran in one process are told apart even when both are the same file.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::time::{Duration, Instant};

/// A vector has some twenty pairs of words.
const MAX_AUXV_BYTES: u64 = 4096;
/// The users of a process are in the first lines of its `/proc/PID/status`.
const MAX_STATUS_BYTES: u64 = 4096;
/// Sockets close before a process that ends, or replaces itself, shows it.
const SETTLE: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(10);

/// A process of our pid namespace, and the program in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    pid: u32,
    start_time: u64,
    /// Missing where the system does not let us look.
    program: Option<Program>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Program {
    /// Device and inode.
    executable: (u64, u64),
    auxv: Vec<u8>,
}

/// What became of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It ended.
    Ended,
    /// It replaced itself by another program.
    Replaced,
    /// It runs, and is the same program as far as can be told.
    Lives,
}

/// What `/proc/PID/stat` says of a process.
struct Life {
    start_time: u64,
    is_over: bool,
    /// Kernel threads have none.
    has_program: bool,
}

impl Identity {
    /// The process with this pid as it is now.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) fn of(pid: u32) -> io::Result<Identity> {
        let start_time = life(pid)?.start_time;
        Ok(Identity { pid, start_time, program: program(pid) })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    pub(crate) fn start_time(&self) -> u64 {
        self.start_time
    }

    /// What became of it, which seems to have ended or to be another program. Waits a moment: that shows
    /// later than its sockets close.
    pub(crate) fn fate(&self) -> Fate {
        let deadline = Instant::now() + SETTLE;
        loop {
            match self.fate_now() {
                None | Some(Fate::Lives) if Instant::now() < deadline => std::thread::sleep(PAUSE),
                fate => return fate.unwrap_or(Fate::Lives),
            }
        }
    }

    /// What became of it. Waits only while it is on its way to something else.
    pub(crate) fn fate_once_sure(&self) -> Fate {
        let deadline = Instant::now() + SETTLE;
        loop {
            match self.fate_now() {
                None if Instant::now() < deadline => std::thread::sleep(PAUSE),
                fate => return fate.unwrap_or(Fate::Lives),
            }
        }
    }

    /// `None` while its program cannot be seen any more.
    fn fate_now(&self) -> Option<Fate> {
        let has_program = match life(self.pid) {
            Ok(life) if life.start_time == self.start_time && !life.is_over => life.has_program,
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

fn life(pid: u32) -> io::Result<Life> {
    let mut text = Vec::new();
    File::open(format!("/proc/{pid}/stat"))?.take(MAX_AUXV_BYTES).read_to_end(&mut text)?;
    parse_life(&text).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "malformed stat"))
}

/// Whether a process has no other user than `uid` now: the socket has the one it had when it began to listen.
pub(crate) fn has_only_user(pid: u32, uid: u32) -> bool {
    let mut status = Vec::new();
    let read = File::open(format!("/proc/{pid}/status"))
        .and_then(|file| file.take(MAX_STATUS_BYTES).read_to_end(&mut status));
    read.is_ok() && users(&String::from_utf8_lossy(&status)).is_some_and(|users| users == [uid; 4])
}

/// The real, effective, saved and file system user of a `/proc/PID/status`.
fn users(status: &str) -> Option<[u32; 4]> {
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    let users: Vec<u32> = line.split_whitespace().map_while(|user| user.parse().ok()).collect();
    users.try_into().ok()
}

/// Whether nobody could see its program: it has none any more.
fn is_without_program(pid: u32) -> bool {
    fs::metadata(format!("/proc/{pid}/exe")).is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
}

/// Flag of kernel threads (`PF_KTHREAD`, include/linux/sched.h).
const KERNEL_THREAD: u64 = 0x0020_0000;

/// Fields 3, 9, 20 and 22 of proc_pid_stat(5). A process whose first thread has ended shows `Z` while others
/// run.
fn parse_life(text: &[u8]) -> Option<Life> {
    let close = text.iter().rposition(|byte| *byte == b')')?;
    let rest = std::str::from_utf8(text.get(close + 1..)?).ok()?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    let (state, threads) = (*fields.first()?, fields.get(17)?.parse::<i64>().ok()?);
    let is_over = matches!(state, "X" | "x") || state == "Z" && threads <= 1;
    let has_program = fields.get(6)?.parse::<u64>().ok()? & KERNEL_THREAD == 0;
    Some(Life { start_time: fields.get(19)?.parse().ok()?, is_over, has_program })
}

/// `None` when it may not be looked at, and while a process ends.
fn program(pid: u32) -> Option<Program> {
    let metadata = fs::metadata(format!("/proc/{pid}/exe")).ok()?;
    let mut auxv = Vec::new();
    File::open(format!("/proc/{pid}/auxv")).ok()?.take(MAX_AUXV_BYTES).read_to_end(&mut auxv).ok()?;
    (!auxv.is_empty()).then_some(Program { executable: (metadata.dev(), metadata.ino()), auxv })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use std::os::unix::process::CommandExt as _;
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn users_of_a_process_are_read() {
        let status = "Name:\tUid: 0 0 0 0\nUmask:\t0022\nUid:\t0\t65534\t0\t65534\nGid:\t1\t1\t1\t1\n";
        assert_eq!(users(status), Some([0, 65_534, 0, 65_534]));
        assert_eq!(users("Uid:\t0\t0"), None);
        let (pid, uid) = (std::process::id(), rustix::process::geteuid().as_raw());
        assert!(has_only_user(pid, uid) && !has_only_user(pid, uid + 1) && !has_only_user(0, uid));
    }

    #[test]
    fn we_live() {
        let own = Identity::of(std::process::id()).unwrap();
        assert_eq!((own.fate_now(), own.fate_once_sure()), (Some(Fate::Lives), Fate::Lives));
        assert!(own.program.is_some() && own.start_time() > 0);
        let another = Identity { start_time: own.start_time - 1, ..own };
        assert_eq!(another.fate_now(), Some(Fate::Ended));
    }

    #[test]
    fn a_zombie_has_ended_and_a_process_without_its_first_thread_has_not() {
        let line = |state: &str, threads: u32| {
            parse_life(
                format!("7 (a) b) {state} 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 {threads} 0 99 5")
                    .as_bytes(),
            )
        };
        assert!(line("Z", 1).unwrap().is_over && line("X", 1).unwrap().is_over);
        assert!(!line("Z", 2).unwrap().is_over && !line("S", 1).unwrap().is_over);
        assert_eq!(line("R", 1).unwrap().start_time, 99);
        assert!(parse_life(b"7 (cut").is_none());
    }

    #[test]
    fn the_same_file_again_is_another_program() {
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", "read line; exec /bin/sh -c 'read line'"]).stdin(Stdio::piped());
        let mut child = shell.arg0("sh").spawn().unwrap();
        let before = Identity::of(child.id()).unwrap();
        assert_eq!(before.fate_now(), Some(Fate::Lives));
        std::io::Write::write_all(child.stdin.as_mut().unwrap(), b"go\n").unwrap();
        assert_eq!(before.fate(), Fate::Replaced);
        let after = Identity::of(child.id()).unwrap();
        child.kill().unwrap();
        // A zombie until it is waited for.
        assert_eq!(after.fate(), Fate::Ended);
        child.wait().unwrap();
        assert_eq!((before.fate(), after.fate()), (Fate::Ended, Fate::Ended));
    }
}

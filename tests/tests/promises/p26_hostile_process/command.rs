//! A running command, and how it ended.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Child, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

/// A command that takes longer is considered stuck.
pub(super) const HANGS: Duration = Duration::from_secs(90);

/// A running command; killed when dropped.
pub(super) struct Started {
    pub(super) child: Option<Child>,
    pub(super) began: Instant,
    pub(super) output: PathBuf,
    pub(super) errors: PathBuf,
    /// The file with its status and memory.
    pub(super) measured: Option<PathBuf>,
}

/// How a command ended.
pub(super) struct Ended {
    /// `None` if a signal ended it.
    pub(super) code: Option<i32>,
    pub(super) peak_kib: u64,
    pub(super) took: Duration,
    pub(super) output: PathBuf,
    pub(super) errors: String,
}

impl Started {
    pub(super) fn pid(&self) -> i32 {
        self.child.as_ref().unwrap().id() as i32
    }

    pub(super) fn interrupt(&self) {
        // SAFETY: kill(2) takes numbers. The child was not waited for, so the pid is still its own.
        assert_eq!(unsafe { libc::kill(self.pid(), libc::SIGINT) }, 0);
    }

    /// Whether SIGINT is pending. False if the command has ended.
    pub(super) fn is_interrupted(&self) -> bool {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let pending = status.lines().find_map(|line| line.strip_prefix("ShdPnd:")).unwrap();
        u64::from_str_radix(pending.trim(), 16).unwrap() & 1 << (libc::SIGINT - 1) != 0
    }

    /// Waits until it prints this on standard error.
    pub(super) fn wait_for(&self, text: &str) {
        while !fs::read_to_string(&self.errors).unwrap().contains(text) {
            assert!(self.began.elapsed() < HANGS);
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits for its end, and returns its peak memory.
    pub(super) fn end(mut self, hangs: Duration) -> Ended {
        let child = self.child.as_mut().unwrap();
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            assert!(self.began.elapsed() < hangs, "it hangs");
            thread::sleep(Duration::from_millis(5));
        };
        let measured = self.measured.as_ref().map(|file| fs::read_to_string(file).unwrap());
        let (status, peak_kib) = match &measured {
            Some(measured) => {
                let (status, peak) = measured.split_once(' ').unwrap();
                (ExitStatus::from_raw(status.parse().unwrap()), peak.parse().unwrap())
            }
            None => (status, 0),
        };
        Ended {
            code: status.code(),
            peak_kib,
            took: self.began.elapsed(),
            output: self.output.clone(),
            errors: fs::read(&self.errors)
                .map(|bytes| String::from_utf8_lossy(&bytes[..bytes.len().min(16_384)]).into_owned())
                .unwrap(),
        }
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Ended {
    pub(super) fn is_harmless(&self, what: &str, limit_kib: u64) {
        let code = self.code.unwrap_or_else(|| panic!("{what}: ended by a signal; {}", self.errors));
        assert!((0..=6).contains(&code), "{what}: {code}, {}", self.errors);
        assert!(!self.errors.contains("panicked"), "{what}: {}", self.errors);
        assert!(!self.errors.contains('\u{1b}') && !self.errors.contains('\u{202e}'), "{what}");
        assert!(self.peak_kib < limit_kib, "{what}: {} MiB at most", self.peak_kib >> 10);
    }
}

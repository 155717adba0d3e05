//! The quiet capture: a sleeping thread's stack, without a signal.
//!
//! A signal interrupts what a thread waits for: epoll_wait(2), nanosleep(2) and others then return EINTR
//! even with SA_RESTART (signal(7)), and ordinary code takes that for an error. So a thread that
//! sleeps is left asleep. The kernel tells its stack pointer and program counter
//! (`/proc/self/task/TID/syscall`, proc(5)), its stack is copied with checked reads, and the copy walked.
//!
//! The copy is of one moment: the thread's CPU clock, which counts nanoseconds and shows the current run
//! too (clock_gettime(2); kernel/sched/core.c, task_sched_runtime), is read before and after. If it stands
//! still, the thread has not run in between, and nobody but itself changes its frames.

#[cfg(target_arch = "x86_64")]
mod call_site;
#[cfg(not(target_arch = "x86_64"))]
mod elsewhere;
#[cfg(target_arch = "x86_64")]
mod prologue;
#[cfg(target_arch = "x86_64")]
mod rules;
mod stack_copy;
#[cfg(target_arch = "x86_64")]
mod walk;

use std::ffi::CString;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::{AsRawFd as _, FromRawFd as _};

use rgops_protocol::reply::{Stack, StackEnd};

#[cfg(not(target_arch = "x86_64"))]
use self::elsewhere::Walker;
use self::stack_copy::{Incomplete, Place, StackCopy, Walked};
#[cfg(target_arch = "x86_64")]
use self::walk::Walker;
use super::modules::Modules;
use super::{clock, memory};

/// How much of a stack is copied: first this, then more if the walk needs it.
const COPIED_BYTES: [usize; 3] = [8 * 1024, 64 * 1024, 1024 * 1024];

/// How often a thread that ran while it was read is read again.
const RETRIES: u32 = 2;

/// A captured thread.
#[derive(Debug)]
pub(super) struct Captured {
    pub(super) stack: Stack,
    /// The line of its `syscall` file.
    pub(super) system_call: String,
}

/// Why a thread was not captured quietly.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotQuiet {
    #[error("it is running or waiting for a CPU")]
    Running,
    #[error("it ran while its stack was read")]
    Ran,
    #[error("{what} cannot be read: {error}")]
    Unreadable { what: &'static str, error: io::Error },
    #[error("its stack cannot be read: {0}")]
    Stack(io::Error),
    #[error("its stack cannot be walked without its registers{}", at(.0))]
    Incomplete(Incomplete),
}

fn at(incomplete: &Incomplete) -> String {
    match incomplete {
        Incomplete::NoRule(address) => format!(": no usable unwind data at {address:#x}"),
        Incomplete::FramePointer(address) => format!(": the frame pointer at {address:#x} is not known"),
        Incomplete::Processor => " on this processor".to_owned(),
        Incomplete::Short => ": it is too long".to_owned(),
        Incomplete::Contradiction => String::new(),
    }
}

/// Captures threads of one dump.
pub(super) struct Quiet<'m> {
    walker: Walker<'m>,
    buffer: Vec<u8>,
    /// `/proc/self/task`: a file below it is opened in two thirds of the time its whole path takes,
    /// which is a tenth of a capture.
    tasks: io::Result<File>,
}

impl Quiet<'_> {
    /// For threads whose code is in these modules.
    pub(super) fn new(modules: &Modules) -> Quiet<'_> {
        Quiet { walker: Walker::new(modules), buffer: Vec::new(), tasks: File::open("/proc/self/task") }
    }

    /// Captures a thread if it sleeps. Must not be asked for the calling one.
    pub(super) fn capture(&mut self, tid: u32) -> Result<Captured, NotQuiet> {
        let mut ran = 0;
        loop {
            match self.try_capture(tid) {
                // It naps: another moment may do.
                Err(NotQuiet::Ran) if ran < RETRIES => ran += 1,
                result => return result,
            }
        }
    }

    fn try_capture(&mut self, tid: u32) -> Result<Captured, NotQuiet> {
        let clock = |error| NotQuiet::Unreadable { what: "its CPU clock", error };
        let before = clock::thread_cpu_ns(tid).map_err(clock)?;
        let system_call = self.read_line(tid)?;
        let place = place(&system_call).ok_or(NotQuiet::Running)?;
        let walked = self.walk(place);
        // Also of a failed walk: a stack that changed under it is no finding about the stack.
        if clock::thread_cpu_ns(tid).map_err(clock)? != before {
            return Err(NotQuiet::Ran);
        }
        let walked = walked?;
        let end = if walked.is_cut { StackEnd::DepthLimit } else { StackEnd::Root };
        Ok(Captured { stack: Stack { frames: walked.frames, end }, system_call })
    }

    /// A thread's `syscall` file: one line, which the kernel gives out whole.
    fn read_line(&self, tid: u32) -> Result<String, NotQuiet> {
        let mut line = [0; 256];
        let mut read = || {
            let tasks =
                self.tasks.as_ref().map_err(|error| io::Error::new(error.kind(), error.to_string()))?;
            open_below(tasks, format!("{tid}/syscall"))?.read(&mut line)
        };
        let length = read().map_err(|error| NotQuiet::Unreadable { what: "its system call", error })?;
        Ok(String::from_utf8_lossy(&line[..length]).into_owned())
    }

    fn walk(&mut self, place: Place) -> Result<Walked, NotQuiet> {
        let mut short = Incomplete::Short;
        for length in COPIED_BYTES {
            if self.buffer.len() < length {
                self.buffer.resize(length, 0);
            }
            let copied = memory::copy_start(place.sp, &mut self.buffer[..length]).map_err(NotQuiet::Stack)?;
            let stack =
                StackCopy { start: place.sp, bytes: &self.buffer[..copied], is_whole: copied < length };
            match self.walker.walk(place, &stack) {
                Ok(walked) => return Ok(walked),
                Err(Incomplete::Short) => short = Incomplete::Short,
                Err(other) => return Err(NotQuiet::Incomplete(other)),
            }
        }
        Err(NotQuiet::Incomplete(short))
    }
}

/// Opens a file below a directory for reading.
fn open_below(directory: &File, path: String) -> io::Result<File> {
    let path = CString::new(path)?;
    // SAFETY: openat(2) reads the path, which ends with its zero; the descriptor it returns is new and
    // nobody else's.
    unsafe {
        match libc::openat(directory.as_raw_fd(), path.as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC) {
            -1 => Err(io::Error::last_os_error()),
            descriptor => Ok(File::from_raw_fd(descriptor)),
        }
    }
}

/// Where a `syscall` line says that a thread sleeps; `None` while it runs.
fn place(system_call: &str) -> Option<Place> {
    let mut backwards = system_call.split_ascii_whitespace().rev();
    let mut number = || u64::from_str_radix(backwards.next()?.strip_prefix("0x")?, 16).ok();
    let (pc, sp) = (number()?, number()?);
    Some(Place { pc, sp, in_system_call: !system_call.starts_with("-1 ") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_kernel_are_read() {
        assert_eq!(place("running\n"), None);
        let stopped = Place { pc: 0x55aa, sp: 0x7ffd10, in_system_call: false };
        assert_eq!(place("-1 0x7ffd10 0x55aa\n"), Some(stopped));
        let waiting = Place { pc: 0x7f20, sp: 0x7f10, in_system_call: true };
        assert_eq!(place("202 0x1 0x80 0x0 0x0 0x0 0x0 0x7f10 0x7f20\n"), Some(waiting));
        assert_eq!(place(""), None);
    }
}

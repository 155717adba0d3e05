//! Captures one sleeping thread: its CPU clock, its system call, a copy of its stack, and its clock again.

use std::ffi::CString;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::{AsRawFd as _, FromRawFd as _};

use rgops_protocol::reply::{Stack, StackEnd};

#[cfg(not(target_arch = "x86_64"))]
use super::elsewhere::Walker;
use super::stack_copy::{Incomplete, Place, StackCopy, Walked};
#[cfg(target_arch = "x86_64")]
use super::walk::Walker;
use crate::modules::Modules;
use crate::{clock, memory};

/// The bytes of a stack to copy: the first size, then larger ones if the walk needs more.
const COPIED_BYTES: [usize; 3] = [8 * 1024, 64 * 1024, 1024 * 1024];

/// How often a thread that ran during the capture is captured again.
const RETRIES: u32 = 2;

/// A captured thread.
#[derive(Debug)]
pub(crate) struct Captured {
    pub(crate) stack: Stack,
    /// The content of its `syscall` file.
    pub(crate) system_call: String,
}

/// Why a thread was not captured without a signal.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotQuiet {
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
pub(crate) struct Quiet<'m> {
    walker: Walker<'m>,
    buffer: Vec<u8>,
    /// `/proc/self/task`: opening a file relative to it takes two thirds of the time of a full path,
    /// which saves a tenth of a capture.
    tasks: io::Result<File>,
}

impl Quiet<'_> {
    /// For threads whose code is in these modules.
    pub(crate) fn new(modules: &Modules) -> Quiet<'_> {
        Quiet { walker: Walker::new(modules), buffer: Vec::new(), tasks: File::open("/proc/self/task") }
    }

    /// Captures a thread if it sleeps. Must not be called for the calling thread.
    pub(crate) fn capture(&mut self, tid: u32) -> Result<Captured, NotQuiet> {
        let mut ran = 0;
        loop {
            match self.try_capture(tid) {
                // It runs for short moments: a retry may succeed.
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
        // Also checked after a failed walk: if the stack changed during the walk, the error says nothing about it.
        if clock::thread_cpu_ns(tid).map_err(clock)? != before {
            return Err(NotQuiet::Ran);
        }
        let walked = walked?;
        let end = if walked.is_cut { StackEnd::DepthLimit } else { StackEnd::Root };
        Ok(Captured { stack: Stack { frames: walked.frames, end }, system_call })
    }

    /// A thread's `syscall` file: one line, which the kernel returns in a single read.
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

/// Opens a file relative to a directory for reading.
fn open_below(directory: &File, path: String) -> io::Result<File> {
    let path = CString::new(path)?;
    // SAFETY: openat(2) reads the path, a valid C string. The returned descriptor is new, and no other
    // code has it.
    unsafe {
        match libc::openat(directory.as_raw_fd(), path.as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC) {
            -1 => Err(io::Error::last_os_error()),
            descriptor => Ok(File::from_raw_fd(descriptor)),
        }
    }
}

/// The stack pointer of a sleeping thread according to its `syscall` line; `None` while it runs.
pub(crate) fn stack_pointer(system_call: &str) -> Option<u64> {
    place(system_call).map(|place| place.sp)
}

/// The position of a sleeping thread according to its `syscall` line; `None` while it runs.
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
    fn syscall_lines_of_the_kernel_are_parsed() {
        assert_eq!(place("running\n"), None);
        let stopped = Place { pc: 0x55aa, sp: 0x7ffd10, in_system_call: false };
        assert_eq!(place("-1 0x7ffd10 0x55aa\n"), Some(stopped));
        let waiting = Place { pc: 0x7f20, sp: 0x7f10, in_system_call: true };
        assert_eq!(place("202 0x1 0x80 0x0 0x0 0x0 0x0 0x7f10 0x7f20\n"), Some(waiting));
        assert_eq!(place(""), None);
    }
}

//! A separate file descriptor table for the agent's threads.
//!
//! Descriptors are indexes into a table that threads share (clone(2), `CLONE_FILES`). A program may close
//! any descriptor at any time, as daemons do, and open its own file under the same number; an agent that still
//! used the number would then write into the program's file. With a separate table, the program cannot affect our
//! descriptors, and our numbers never refer to the program's files. A new thread inherits the table of the
//! thread that starts it.

use std::fs;
use std::io;
use std::os::fd::{AsRawFd as _, RawFd};
use std::os::unix::fs::MetadataExt as _;

/// Identifies the program's table, so that we can verify that ours is separate.
#[derive(Debug, Clone, Copy)]
pub struct ProgramsTable {
    /// A thread that uses it.
    pub thread: u32,
    /// A descriptor that is open in it and stays open.
    pub open: Option<RawFd>,
}

/// Gives the calling thread its own table, in which only the standard descriptors are open. The agent does not keep
/// the program's standard streams open, and anything written to its own goes nowhere.
///
/// # Errors
/// When the system refuses. No descriptor of the program was closed then.
pub fn begin(programs: ProgramsTable) -> io::Result<()> {
    match close_range_unshared() {
        // A sandbox may report success for a call that was not made (`SECCOMP_RET_ERRNO` with 0).
        Ok(()) if programs.open.is_some_and(is_open) => return Err(still_shared()),
        Ok(()) => {}
        // Linux before 5.9, or denied.
        Err(_) => unshare_and_close(programs)?,
    }
    occupy_standard_numbers()
}

fn still_shared() -> io::Error {
    io::Error::other(
        "the system reported that it gave the agent's thread its own descriptor table, but did not",
    )
}

/// Our table never holds the program's files: close_range(2) copies only the descriptors below the range
/// (`close_range` in fs/file.c).
fn close_range_unshared() -> io::Result<()> {
    // SAFETY: close_range(2) takes integers. With this flag it first unshares the calling thread's table
    // and fails if it cannot, so no descriptor of another thread is closed.
    let result = unsafe {
        libc::syscall(libc::SYS_close_range, 0 as libc::c_uint, libc::c_uint::MAX, libc::CLOSE_RANGE_UNSHARE)
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Copies the table and closes everything in the copy. Until then it holds the program's open files.
fn unshare_and_close(programs: ProgramsTable) -> io::Result<()> {
    // SAFETY: unshare(2) takes flags; this one affects only the calling thread's descriptor table.
    if unsafe { libc::unshare(libc::CLONE_FILES) } != 0 {
        let error = io::Error::last_os_error();
        return Err(io::Error::new(
            error.kind(),
            format!("it cannot have its own descriptor table: close_range and unshare are denied ({error})"),
        ));
    }
    // Check before closing anything: does a descriptor that we open also appear in the program's table?
    let (probe, _other_end) = io::pipe()?;
    let number = probe.as_raw_fd();
    let of = |thread: &str| fs::metadata(format!("/proc/{thread}/fd/{number}"));
    let ours = of("thread-self")?;
    let theirs = of(&format!("self/task/{}", programs.thread));
    if theirs.is_ok_and(|theirs| (theirs.dev(), theirs.ino()) == (ours.dev(), ours.ino())) {
        return Err(still_shared());
    }
    drop((probe, _other_end));
    let numbers: Vec<RawFd> = fs::read_dir("/proc/thread-self/fd")?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    for number in numbers {
        // SAFETY: the table belongs to this thread alone (checked above), and the thread has nothing open that is
        // still in use. The directory that was read is closed already; its number fails here with EBADF.
        unsafe {
            libc::close(number);
        }
    }
    Ok(())
}

/// Makes 0, 1 and 2 the reading end of a pipe without a writer: reads return end of file, writes
/// fail. So a message meant for standard error never gets into one of our sockets.
fn occupy_standard_numbers() -> io::Result<()> {
    let mut pipe: [RawFd; 2] = [-1; 2];
    // SAFETY: pipe2(2) writes two integers into the array, which has room for them.
    if unsafe { libc::pipe2(pipe.as_mut_ptr(), libc::O_CLOEXEC | libc::O_NONBLOCK) } != 0 {
        return Err(io::Error::last_os_error());
    }
    if pipe != [0, 1] {
        // SAFETY: both were opened above, and no other code knows them.
        unsafe {
            libc::close(pipe[0]);
            libc::close(pipe[1]);
        }
        return Err(still_shared());
    }
    for number in [1, 2] {
        // SAFETY: dup3(2) takes integers. 1 is the pipe's other end, which we may close; 2 is free.
        if unsafe { libc::dup3(0, number, libc::O_CLOEXEC) } != number {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// Whether the calling thread has this number open.
fn is_open(number: RawFd) -> bool {
    // SAFETY: F_GETFD takes no pointer and changes nothing.
    unsafe { libc::fcntl(number, libc::F_GETFD) != -1 }
}

/// A descriptor in the program's table that shows us when the program closes its descriptors. It is an empty memfd
/// of its own: nothing is written to it, and no other code uses it.
#[derive(Debug)]
pub struct Mark {
    number: RawFd,
    identity: (libc::dev_t, libc::ino_t),
}

impl Mark {
    /// Created by a thread of the program; `None` when no descriptor is left or the kernel lacks memfd_create(2).
    pub fn make() -> Option<Mark> {
        // SAFETY: memfd_create(2) reads a C string, which is a valid literal, and takes flags.
        let number =
            unsafe { libc::syscall(libc::SYS_memfd_create, c"rgops-agent".as_ptr(), libc::MFD_CLOEXEC) };
        let number = RawFd::try_from(number).ok().filter(|number| *number >= 0)?;
        match identity(number) {
            Some(identity) => Some(Mark { number, identity }),
            None => {
                // SAFETY: it was opened above, and no other code knows it.
                unsafe { libc::close(number) };
                None
            }
        }
    }

    /// The descriptor.
    pub fn number(&self) -> RawFd {
        self.number
    }

    /// Whether it is still open and refers to the same file.
    pub fn is_there(&self) -> bool {
        identity(self.number) == Some(self.identity)
    }

    /// Closes it if it is still ours; another file under the number stays open.
    pub fn close(&self) {
        if self.is_there() {
            // SAFETY: the check above showed that the number refers to the file that only this value uses.
            unsafe {
                libc::close(self.number);
            }
        }
    }
}

/// The device and inode of the file open under this number.
fn identity(number: RawFd) -> Option<(libc::dev_t, libc::ino_t)> {
    // SAFETY: `stat` is plain data, valid when zeroed.
    let mut status: libc::stat = unsafe { std::mem::zeroed() };
    // SAFETY: fstat(2) writes into the one `stat` it is given; a closed descriptor fails.
    (unsafe { libc::fstat(number, &mut status) } == 0).then_some((status.st_dev, status.st_ino))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    /// Runs `check` on a thread whose table was created by `unshare`, and returns the result.
    fn on_a_thread<T: Send + 'static>(
        unshare: fn(ProgramsTable) -> io::Result<()>,
        check: impl FnOnce(io::Result<()>) -> T + Send + 'static,
    ) -> T {
        let thread = crate::procfs::threads::own_id().unwrap();
        let programs = ProgramsTable { thread, open: None };
        std::thread::spawn(move || check(unshare(programs))).join().unwrap()
    }

    fn numbers() -> Vec<RawFd> {
        let entries = fs::read_dir("/proc/thread-self/fd").unwrap();
        let mut numbers: Vec<RawFd> =
            entries.map(|entry| entry.unwrap().file_name().to_str().unwrap().parse().unwrap()).collect();
        numbers.sort_unstable();
        numbers
    }

    fn older_kernel(programs: ProgramsTable) -> io::Result<()> {
        unshare_and_close(programs).and_then(|()| occupy_standard_numbers())
    }

    #[test]
    fn the_agents_table_and_the_programs_table_are_separate() {
        for unshare in [begin, older_kernel] {
            let kept = fs::File::open("/proc/self/exe").unwrap();
            let number = kept.as_raw_fd();
            let identity_before = identity(number).unwrap();
            let ours = on_a_thread(unshare, move |begun| {
                begun.unwrap();
                assert!(!is_open(number) || number < 4, "the program's descriptors are not ours");
                let open = [fs::File::open("/").unwrap(), fs::File::open("/").unwrap()];
                // 5 is the descriptor that reads the directory.
                assert_eq!(numbers(), [0, 1, 2, 3, 4, 5]);
                drop(open);
                // A write to standard error there has no reader, and does not block.
                assert!(!is_open(3));
                1
            });
            assert_eq!(ours, 1);
            assert_eq!(identity(number), Some(identity_before));
        }
    }

    #[test]
    fn a_mark_is_distinguished_from_another_file_under_its_number() {
        let mark = Mark::make().unwrap();
        assert!(mark.is_there());
        let other = fs::File::open("/proc/self/exe").unwrap();
        let mistaken = Mark { number: other.as_raw_fd(), identity: mark.identity };
        assert!(!mistaken.is_there());
        mistaken.close();
        assert!(is_open(other.as_raw_fd()), "it is not ours to close");
        mark.close();
    }
}

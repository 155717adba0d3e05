//! A table of descriptors that only the agent's threads have.
//!
//! Descriptors are numbers in a table that threads share (clone(2), `CLONE_FILES`). A program may close
//! any number at any time, as daemons do, and open files of its own under it; whoever still uses the
//! number then writes into the program's file. In a table of our own nothing the program does reaches our
//! descriptors, and no number of ours can be a file of the program's. Threads inherit the table of the
//! thread that starts them.

use std::fs;
use std::io;
use std::os::fd::{AsRawFd as _, RawFd};
use std::os::unix::fs::MetadataExt as _;

/// Where the program's descriptors are seen from: to be sure that ours are others.
#[derive(Debug, Clone, Copy)]
pub struct ProgramsTable {
    /// A thread that has it.
    pub thread: u32,
    /// A descriptor that is open there and stays so.
    pub open: Option<RawFd>,
}

/// Gives the calling thread a table of its own in which nothing is open but the standard numbers: the
/// program's standard streams are not kept open by us, and what writes to ours writes nowhere.
///
/// # Errors
/// When the system does not do it. Then nothing was closed that is the program's.
pub fn begin(programs: ProgramsTable) -> io::Result<()> {
    match close_range_unshared() {
        // A sandbox may say that a call was made which was not (`SECCOMP_RET_ERRNO` with 0).
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

/// Without a moment in which our table holds the program's files: only what is below the range is copied
/// (`close_range` in fs/file.c).
fn close_range_unshared() -> io::Result<()> {
    // SAFETY: close_range(2) takes numbers. With this flag it makes the calling thread's table its own
    // before it closes anything, and fails if it cannot: no other thread's descriptor is closed.
    let result = unsafe {
        libc::syscall(libc::SYS_close_range, 0 as libc::c_uint, libc::c_uint::MAX, libc::CLOSE_RANGE_UNSHARE)
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// A copy of the table, in which everything is closed. For a moment we hold what the program has open.
fn unshare_and_close(programs: ProgramsTable) -> io::Result<()> {
    // SAFETY: unshare(2) takes flags; this one concerns the calling thread's table of descriptors alone.
    if unsafe { libc::unshare(libc::CLONE_FILES) } != 0 {
        let error = io::Error::last_os_error();
        return Err(io::Error::new(
            error.kind(),
            format!("it cannot have its own descriptor table: close_range and unshare are denied ({error})"),
        ));
    }
    // Before anything is closed: is what we open now open in the program's table, too?
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
        // SAFETY: the table is this thread's alone (above), which opened nothing that is still in use:
        // the directory that was read is closed, and its number fails here with EBADF.
        unsafe {
            libc::close(number);
        }
    }
    Ok(())
}

/// 0, 1 and 2 are the reading end of a pipe that nobody writes to: whoever reads is at the end, whoever
/// writes is refused. So a message meant for standard error never gets into a socket of ours.
fn occupy_standard_numbers() -> io::Result<()> {
    let mut pipe: [RawFd; 2] = [-1; 2];
    // SAFETY: pipe2(2) writes two numbers into the array.
    if unsafe { libc::pipe2(pipe.as_mut_ptr(), libc::O_CLOEXEC | libc::O_NONBLOCK) } != 0 {
        return Err(io::Error::last_os_error());
    }
    if pipe != [0, 1] {
        // SAFETY: both were opened above and nobody else knows them.
        unsafe {
            libc::close(pipe[0]);
            libc::close(pipe[1]);
        }
        return Err(still_shared());
    }
    for number in [1, 2] {
        // SAFETY: dup3(2) takes numbers; 1 is the pipe's other end, which is ours to close, 2 is free.
        if unsafe { libc::dup3(0, number, libc::O_CLOEXEC) } != number {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// Whether the calling thread has this number open.
fn is_open(number: RawFd) -> bool {
    // SAFETY: F_GETFD takes nothing and changes nothing.
    unsafe { libc::fcntl(number, libc::F_GETFD) != -1 }
}

/// A descriptor in the program's table by which we notice that the program closed its descriptors. Nothing
/// is ever written to it, and it is nobody else's: an empty file of its own in memory.
#[derive(Debug)]
pub struct Mark {
    number: RawFd,
    identity: (libc::dev_t, libc::ino_t),
}

impl Mark {
    /// Made by a thread of the program; `None` when there is no descriptor left, or the kernel has none.
    pub fn make() -> Option<Mark> {
        // SAFETY: memfd_create(2) reads the C string and takes flags.
        let number =
            unsafe { libc::syscall(libc::SYS_memfd_create, c"rgops-agent".as_ptr(), libc::MFD_CLOEXEC) };
        let number = RawFd::try_from(number).ok().filter(|number| *number >= 0)?;
        match identity(number) {
            Some(identity) => Some(Mark { number, identity }),
            None => {
                // SAFETY: it was opened above and nobody else knows it.
                unsafe { libc::close(number) };
                None
            }
        }
    }

    /// The descriptor.
    pub fn number(&self) -> RawFd {
        self.number
    }

    /// Whether it is still open, and no other file has its number.
    pub fn is_there(&self) -> bool {
        identity(self.number) == Some(self.identity)
    }

    /// Closes it, if it is still ours; what is not is left alone.
    pub fn close(&self) {
        if self.is_there() {
            // SAFETY: closes what was shown to be the file that was made for this purpose alone.
            unsafe {
                libc::close(self.number);
            }
        }
    }
}

/// Device and inode of what is open under this number.
fn identity(number: RawFd) -> Option<(libc::dev_t, libc::ino_t)> {
    // SAFETY: `stat` is plain data, valid when zeroed.
    let mut status: libc::stat = unsafe { std::mem::zeroed() };
    // SAFETY: fstat(2) writes into the one `stat` it is given; a number that is not open fails.
    (unsafe { libc::fstat(number, &mut status) } == 0).then_some((status.st_dev, status.st_ino))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    /// Runs `look` on a thread that got a table by `unshare`, and returns what it found.
    fn on_a_thread<T: Send + 'static>(
        unshare: fn(ProgramsTable) -> io::Result<()>,
        look: impl FnOnce(io::Result<()>) -> T + Send + 'static,
    ) -> T {
        let thread = crate::procfs::threads::own_id().unwrap();
        let programs = ProgramsTable { thread, open: None };
        std::thread::spawn(move || look(unshare(programs))).join().unwrap()
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
    fn a_threads_own_table_has_nothing_of_the_programs_and_the_programs_nothing_of_it() {
        for unshare in [begin, older_kernel] {
            let kept = fs::File::open("/proc/self/exe").unwrap();
            let number = kept.as_raw_fd();
            let identity_before = identity(number).unwrap();
            let ours = on_a_thread(unshare, move |begun| {
                begun.unwrap();
                assert!(!is_open(number) || number < 4, "the program's are not ours");
                let open = [fs::File::open("/").unwrap(), fs::File::open("/").unwrap()];
                // And the one that reads the directory.
                assert_eq!(numbers(), [0, 1, 2, 3, 4, 5]);
                drop(open);
                // Nobody reads what is written to standard error there, and nobody waits.
                assert!(!is_open(3));
                1
            });
            assert_eq!(ours, 1);
            assert_eq!(identity(number), Some(identity_before));
        }
    }

    #[test]
    fn a_mark_is_known_from_what_took_its_number() {
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

//! epoll(7), which tells when sockets are ready.

use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};

/// Events taken at once.
const AT_ONCE: usize = 64;

/// Watches descriptors.
#[derive(Debug)]
pub struct Epoll(OwnedFd);

/// What happened to a descriptor since it was last said.
#[derive(Debug, Clone, Copy)]
pub struct Event {
    /// As given to [`Epoll::add`].
    pub token: u64,
    /// It can be read, or is at its end.
    pub is_readable: bool,
    /// It takes bytes, or never will again.
    pub is_writable: bool,
}

impl Epoll {
    /// epoll_create1(2).
    pub fn new() -> io::Result<Epoll> {
        // SAFETY: epoll_create1(2) takes flags.
        match unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) } {
            -1 => Err(io::Error::last_os_error()),
            // SAFETY: it was opened right now, and nobody else has it.
            number => Ok(Epoll(unsafe { OwnedFd::from_raw_fd(number) })),
        }
    }

    /// Watches `descriptor` for becoming ready, either way. Each change is told once (`EPOLLET`).
    pub fn add(&self, descriptor: BorrowedFd<'_>, token: u64) -> io::Result<()> {
        let events = libc::EPOLLIN | libc::EPOLLOUT | libc::EPOLLRDHUP | libc::EPOLLET;
        let mut event = libc::epoll_event { events: events as u32, u64: token };
        // SAFETY: epoll_ctl(2) reads the one event; both descriptors are open as long as borrowed.
        let result = unsafe {
            libc::epoll_ctl(self.0.as_raw_fd(), libc::EPOLL_CTL_ADD, descriptor.as_raw_fd(), &mut event)
        };
        if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }

    /// Watches it no more.
    pub fn remove(&self, descriptor: BorrowedFd<'_>) {
        // SAFETY: epoll_ctl(2) reads no event to remove one; both descriptors are open as long as borrowed.
        // It fails for what is not watched, which is what was wanted.
        unsafe {
            libc::epoll_ctl(
                self.0.as_raw_fd(),
                libc::EPOLL_CTL_DEL,
                descriptor.as_raw_fd(),
                std::ptr::null_mut(),
            );
        }
    }

    /// Waits until something happens, without end.
    pub fn wait(&self) -> io::Result<Vec<Event>> {
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; AT_ONCE];
        // SAFETY: epoll_wait(2) writes at most `AT_ONCE` events into the array.
        let count =
            unsafe { libc::epoll_wait(self.0.as_raw_fd(), events.as_mut_ptr(), AT_ONCE as libc::c_int, -1) };
        let count = usize::try_from(count).map_err(|_| io::Error::last_os_error())?;
        let over = (libc::EPOLLHUP | libc::EPOLLERR) as u32;
        Ok(events
            .iter()
            .take(count)
            .map(|event| {
                let (events, token) = (event.events, event.u64);
                Event {
                    token,
                    is_readable: events & (libc::EPOLLIN as u32 | libc::EPOLLRDHUP as u32 | over) != 0,
                    is_writable: events & (libc::EPOLLOUT as u32 | over) != 0,
                }
            })
            .collect())
    }
}

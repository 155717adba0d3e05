//! epoll(7): waits until sockets are ready.

use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};

/// The maximum number of events per call.
const AT_ONCE: usize = 64;

/// An epoll instance.
#[derive(Debug)]
pub struct Epoll(OwnedFd);

/// The changes of a descriptor since its last event.
#[derive(Debug, Clone, Copy)]
pub struct Event {
    /// The token given to [`Epoll::add`].
    pub token: u64,
    /// It has data to read, or is at the end of file.
    pub is_readable: bool,
    /// It accepts data, or never will again.
    pub is_writable: bool,
}

impl Epoll {
    /// epoll_create1(2).
    pub fn new() -> io::Result<Epoll> {
        // SAFETY: epoll_create1(2) takes flags.
        match unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) } {
            -1 => Err(io::Error::last_os_error()),
            // SAFETY: it was just opened, and no other code has it.
            number => Ok(Epoll(unsafe { OwnedFd::from_raw_fd(number) })),
        }
    }

    /// Watches `descriptor` for reading and writing. Each change is reported once (`EPOLLET`).
    pub fn add(&self, descriptor: BorrowedFd<'_>, token: u64) -> io::Result<()> {
        let events = libc::EPOLLIN | libc::EPOLLOUT | libc::EPOLLRDHUP | libc::EPOLLET;
        let mut event = libc::epoll_event { events: events as u32, u64: token };
        // SAFETY: epoll_ctl(2) reads one event, a local; both descriptors are open while borrowed.
        let result = unsafe {
            libc::epoll_ctl(self.0.as_raw_fd(), libc::EPOLL_CTL_ADD, descriptor.as_raw_fd(), &mut event)
        };
        if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }

    /// Stops watching a descriptor.
    pub fn remove(&self, descriptor: BorrowedFd<'_>) {
        // SAFETY: to remove a descriptor, epoll_ctl(2) reads no event; both descriptors are open while borrowed.
        // An error means that it was not watched, which is the wanted state.
        unsafe {
            libc::epoll_ctl(
                self.0.as_raw_fd(),
                libc::EPOLL_CTL_DEL,
                descriptor.as_raw_fd(),
                std::ptr::null_mut(),
            );
        }
    }

    /// Waits for an event, without a timeout.
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

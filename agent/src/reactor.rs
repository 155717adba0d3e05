//! Readiness of sockets: a separate thread sleeps in epoll_wait(2) and wakes the agent's thread when a socket is
//! ready.
//!
//! The agent's Tokio runtime has no I/O driver, for two reasons. A thread wakes that driver by a write to a
//! descriptor number, in the descriptor table of the waking thread: in the program's table this number is a file
//! of the program. And with Tokio's feature `signal`, which another part of the program may enable, all runtimes
//! with the driver share one socket pair of the process, also by number. Without the driver a runtime sleeps on a
//! futex, which has no number and cannot be closed: any thread can wake it.
//!
//! When idle, both threads sleep.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::io::{self, ErrorKind, PipeWriter};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use rgops_capture::agent_threads;
use rgops_capture::epoll::{Epoll, Event};
use rgops_capture::{clock, system};

/// Stack of the thread: its calls are shallow.
const STACK_BYTES: usize = 128 * 1024;
/// The token of the pipe that ends the thread.
const END: u64 = 0;

/// The operation to wait for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Direction {
    Read,
    Write,
}

/// Readiness of a descriptor for one direction.
#[derive(Debug)]
struct Readiness {
    is_ready: bool,
    /// Events so far: an event that comes while an operation fails must not be lost.
    events: u64,
    waker: Option<Waker>,
}

#[derive(Debug)]
struct Source {
    read: Mutex<Readiness>,
    write: Mutex<Readiness>,
}

impl Source {
    /// Assumes readiness: the first operation shows whether it is true.
    fn new() -> Source {
        let ready = || Mutex::new(Readiness { is_ready: true, events: 0, waker: None });
        Source { read: ready(), write: ready() }
    }

    fn readiness(&self, direction: Direction) -> MutexGuard<'_, Readiness> {
        let readiness = match direction {
            Direction::Read => &self.read,
            Direction::Write => &self.write,
        };
        lock(readiness)
    }

    fn set_ready(&self, direction: Direction) {
        let waker = {
            let mut readiness = self.readiness(direction);
            readiness.is_ready = true;
            readiness.events += 1;
            readiness.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// All registered descriptors.
#[derive(Debug)]
pub(crate) struct Reactor {
    epoll: Epoll,
    sources: Mutex<Sources>,
}

#[derive(Debug)]
struct Sources {
    next: u64,
    by_token: BTreeMap<u64, Arc<Source>>,
}

/// The thread that waits for events. Dropping it ends the thread.
#[derive(Debug)]
pub(crate) struct ReactorThread {
    reactor: Arc<Reactor>,
    end: Option<PipeWriter>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl ReactorThread {
    /// Starts the thread; it shares the descriptor table of the calling thread.
    pub(crate) fn start() -> io::Result<ReactorThread> {
        let sources = Sources { next: END + 1, by_token: BTreeMap::new() };
        let reactor = Arc::new(Reactor { epoll: Epoll::new()?, sources: Mutex::new(sources) });
        let (ended, end) = io::pipe()?;
        // Readable when the other end is closed.
        reactor.epoll.add(ended.as_fd(), END)?;
        let thread = std::thread::Builder::new()
            .name(agent_threads::EPOLL.to_owned())
            .stack_size(system::stack_bytes(STACK_BYTES));
        let waiting = reactor.clone();
        let thread = thread.spawn(move || {
            #[cfg(native_engine)]
            rgops_capture::heap::exclude_this_thread();
            let _counted = clock::count_for_the_agent();
            waiting.run();
            drop(ended);
        })?;
        Ok(ReactorThread { reactor, end: Some(end), thread: Some(thread) })
    }

    pub(crate) fn reactor(&self) -> &Arc<Reactor> {
        &self.reactor
    }
}

impl Drop for ReactorThread {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            // An error means that it panicked; there is nothing to report.
            let _ = thread.join();
        }
    }
}

impl Reactor {
    /// Handles events until the other end of the pipe is closed.
    fn run(&self) {
        loop {
            let events = match self.epoll.wait() {
                Ok(events) => events,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                // Impossible: only the agent uses the table that the descriptor is in.
                Err(_) => return,
            };
            for Event { token, is_readable, is_writable } in events {
                if token == END {
                    return;
                }
                let source = lock(&self.sources).by_token.get(&token).cloned();
                // The descriptor was removed meanwhile.
                let Some(source) = source else { continue };
                if is_readable {
                    source.set_ready(Direction::Read);
                }
                if is_writable {
                    source.set_ready(Direction::Write);
                }
            }
        }
    }
}

/// A non-blocking descriptor that is registered with a reactor.
#[derive(Debug)]
pub(crate) struct Registered<T: AsFd> {
    inner: T,
    token: u64,
    source: Arc<Source>,
    reactor: Arc<Reactor>,
}

impl<T: AsFd> Registered<T> {
    pub(crate) fn new(reactor: &Arc<Reactor>, inner: T) -> io::Result<Registered<T>> {
        let source = Arc::new(Source::new());
        let token = {
            let mut sources = lock(&reactor.sources);
            let token = sources.next;
            sources.next += 1;
            sources.by_token.insert(token, source.clone());
            token
        };
        let registered = Registered { inner, token, source, reactor: reactor.clone() };
        registered.reactor.epoll.add(registered.inner.as_fd(), token)?;
        Ok(registered)
    }

    pub(crate) fn get(&self) -> &T {
        &self.inner
    }

    pub(crate) fn reactor(&self) -> &Arc<Reactor> {
        &self.reactor
    }

    /// Runs `operation` as soon as it does not block. Cancel-safe.
    pub(crate) async fn when_ready<R>(
        &self,
        direction: Direction,
        mut operation: impl FnMut(&T) -> io::Result<R>,
    ) -> io::Result<R> {
        poll_fn(|context| self.poll(direction, context, &mut operation)).await
    }

    /// The same as a poll function. Only one task may wait for each direction.
    pub(crate) fn poll<R>(
        &self,
        direction: Direction,
        context: &mut Context<'_>,
        mut operation: impl FnMut(&T) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        loop {
            let events = {
                let mut readiness = self.source.readiness(direction);
                if !readiness.is_ready {
                    readiness.waker = Some(context.waker().clone());
                    return Poll::Pending;
                }
                readiness.events
            };
            match operation(&self.inner) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    let mut readiness = self.source.readiness(direction);
                    readiness.is_ready = readiness.events != events;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                result => return Poll::Ready(result),
            }
        }
    }
}

impl<T: AsFd> Drop for Registered<T> {
    fn drop(&mut self) {
        self.reactor.epoll.remove(self.inner.as_fd());
        lock(&self.reactor.sources).by_token.remove(&self.token);
    }
}

/// No code of the program runs under these locks, and no thread of the program takes them.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::io::{Read as _, Write as _};
    use std::os::unix::net::UnixStream;
    use std::time::Duration;

    use super::*;

    fn pair(reactor: &Arc<Reactor>) -> (Registered<UnixStream>, UnixStream) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        (Registered::new(reactor, ours).unwrap(), theirs)
    }

    #[test]
    fn bytes_and_the_end_of_a_stream_wake_a_runtime_without_an_io_driver() {
        let thread = ReactorThread::start().unwrap();
        let (ours, mut theirs) = pair(thread.reactor());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let writer = std::thread::spawn(move || {
            for _ in 0..1000 {
                theirs.write_all(b"x").unwrap();
                std::thread::yield_now();
            }
        });
        let read = runtime.block_on(async {
            let (mut all, mut buffer) = (0, [0; 7]);
            loop {
                let read = ours.when_ready(Direction::Read, |mut stream| stream.read(&mut buffer));
                match tokio::time::timeout(Duration::from_secs(30), read).await.unwrap().unwrap() {
                    0 => return all,
                    count => all += count,
                }
            }
        });
        writer.join().unwrap();
        assert_eq!(read, 1000);
    }

    #[test]
    fn a_writer_waits_for_a_full_buffer_and_a_dropped_socket_is_removed() {
        let thread = ReactorThread::start().unwrap();
        let (ours, mut theirs) = pair(thread.reactor());
        let reader = std::thread::spawn(move || {
            let mut all = Vec::new();
            theirs.read_to_end(&mut all).unwrap();
            all.len()
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let mut rest = 4 << 20;
            while rest > 0 {
                let block = vec![7; rest.min(1 << 16)];
                rest -= ours.when_ready(Direction::Write, |mut stream| stream.write(&block)).await.unwrap();
            }
        });
        drop(ours);
        assert_eq!(reader.join().unwrap(), 4 << 20);
        assert!(lock(&thread.reactor().sources).by_token.is_empty());
    }
}

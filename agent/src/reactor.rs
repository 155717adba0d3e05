//! Sockets that are waited for without waiting: a thread of its own sleeps in epoll_wait(2) and wakes
//! the agent's thread when one is ready.
//!
//! The agent's runtime is one of Tokio's without its I/O driver, for two reasons. That driver is woken by
//! a write to a descriptor, by number, in the table of whoever wakes: in the program's table this number
//! is the program's file. And with Tokio's feature `signal`, which another part of the program may have
//! turned on, every runtime with the driver shares one socket pair of the process, by number as well.
//! Without the driver a runtime sleeps on a futex, which has no number and cannot be closed: everything
//! may wake it, from any thread.
//!
//! Idle, both threads sleep.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::io::{self, ErrorKind, PipeWriter};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use rgops_capture::agent_threads;
use rgops_capture::epoll::{Epoll, Event};
use rgops_capture::{clock, system};

/// Its stack: shallow calls.
const STACK_BYTES: usize = 128 * 1024;
/// The token of the pipe that ends the thread.
const END: u64 = 0;

/// Which way something is waited for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Way {
    Reading,
    Writing,
}

/// What a descriptor was last said to be, one way.
#[derive(Debug)]
struct Side {
    is_ready: bool,
    /// Events so far: one that comes while an operation fails must not be forgotten.
    events: u64,
    waker: Option<Waker>,
}

#[derive(Debug)]
struct Source {
    reading: Mutex<Side>,
    writing: Mutex<Side>,
}

impl Source {
    /// Not asked yet: the first operation tells.
    fn new() -> Source {
        let side = || Mutex::new(Side { is_ready: true, events: 0, waker: None });
        Source { reading: side(), writing: side() }
    }

    fn side(&self, way: Way) -> MutexGuard<'_, Side> {
        let side = match way {
            Way::Reading => &self.reading,
            Way::Writing => &self.writing,
        };
        lock(side)
    }

    fn happened(&self, way: Way) {
        let waker = {
            let mut side = self.side(way);
            side.is_ready = true;
            side.events += 1;
            side.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// All descriptors that are waited for.
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

/// The thread that waits. Dropping it ends the thread.
#[derive(Debug)]
pub(crate) struct Waiting {
    reactor: Arc<Reactor>,
    end: Option<PipeWriter>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Waiting {
    /// Starts it; it has the table of descriptors of the calling thread.
    pub(crate) fn start() -> io::Result<Waiting> {
        let sources = Sources { next: END + 1, by_token: BTreeMap::new() };
        let reactor = Arc::new(Reactor { epoll: Epoll::new()?, sources: Mutex::new(sources) });
        let (ended, end) = io::pipe()?;
        // Told when the other end is closed.
        reactor.epoll.add(ended.as_fd(), END)?;
        let thread = std::thread::Builder::new()
            .name(agent_threads::EPOLL.to_owned())
            .stack_size(system::stack_bytes(STACK_BYTES));
        let waits = reactor.clone();
        let thread = thread.spawn(move || {
            #[cfg(native_engine)]
            rgops_capture::heap::exclude_this_thread();
            let _counted = clock::count_for_the_agent();
            waits.wait();
            drop(ended);
        })?;
        Ok(Waiting { reactor, end: Some(end), thread: Some(thread) })
    }

    pub(crate) fn reactor(&self) -> &Arc<Reactor> {
        &self.reactor
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            // An error is its panic, of which there is nothing to say.
            let _ = thread.join();
        }
    }
}

impl Reactor {
    /// Until the pipe's other end is closed.
    fn wait(&self) {
        loop {
            let events = match self.epoll.wait() {
                Ok(events) => events,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                // Cannot be: the descriptor is in a table that nobody else touches.
                Err(_) => return,
            };
            for Event { token, is_readable, is_writable } in events {
                if token == END {
                    return;
                }
                let source = lock(&self.sources).by_token.get(&token).cloned();
                // One that was removed meanwhile.
                let Some(source) = source else { continue };
                if is_readable {
                    source.happened(Way::Reading);
                }
                if is_writable {
                    source.happened(Way::Writing);
                }
            }
        }
    }
}

/// Something with a descriptor that does not wait, to be waited for here.
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

    /// Does `operation` when it need not wait. Cancel-safe.
    pub(crate) async fn when_ready<R>(
        &self,
        way: Way,
        mut operation: impl FnMut(&T) -> io::Result<R>,
    ) -> io::Result<R> {
        poll_fn(|context| self.poll(way, context, &mut operation)).await
    }

    /// The same as a poll function: one task a way waits.
    pub(crate) fn poll<R>(
        &self,
        way: Way,
        context: &mut Context<'_>,
        mut operation: impl FnMut(&T) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        loop {
            let events = {
                let mut side = self.source.side(way);
                if !side.is_ready {
                    side.waker = Some(context.waker().clone());
                    return Poll::Pending;
                }
                side.events
            };
            match operation(&self.inner) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    let mut side = self.source.side(way);
                    side.is_ready = side.events != events;
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

/// Nothing of the program's runs under these locks, and no thread of the program takes them.
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
    fn bytes_and_the_end_are_noticed_by_a_runtime_that_has_no_descriptor() {
        let waiting = Waiting::start().unwrap();
        let (ours, mut theirs) = pair(waiting.reactor());
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
                let read = ours.when_ready(Way::Reading, |mut stream| stream.read(&mut buffer));
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
    fn a_full_buffer_is_waited_for_and_what_is_dropped_is_forgotten() {
        let waiting = Waiting::start().unwrap();
        let (ours, mut theirs) = pair(waiting.reactor());
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
                rest -= ours.when_ready(Way::Writing, |mut stream| stream.write(&block)).await.unwrap();
            }
        });
        drop(ours);
        assert_eq!(reader.join().unwrap(), 4 << 20);
        assert!(lock(&waiting.reactor().sources).by_token.is_empty());
    }
}

//! Standard error, which belongs to the program: written to without ever waiting in the agent's thread.
//!
//! It may be a pipe whose reader stopped, a terminal that was halted (Ctrl-S), a file on a disk that
//! hangs, or closed. `O_NONBLOCK` is no way out: it is a flag of the open file, which the program and
//! its parent share. So a thread of its own writes, given lines through a short queue: what does
//! not fit is dropped and counted. Before each write it asks poll(2) whether there is room, so that it
//! practically never waits in write(2), where it could not be ended; a pipe that has room takes
//! `PIPE_BUF` bytes at once (pipe(7)), which is the most that is written at a time.
//!
//! All signals are blocked in it, SIGPIPE too: a closed pipe is EPIPE, and ends the printing. It has the
//! program's descriptors, of which it uses number 2 and no other, and opens none.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender, TrySendError};
use std::time::Duration;

use rgops_capture::agent_threads;
use rgops_capture::system;

/// Texts that wait for the writer.
const QUEUED: usize = 4;
/// `PIPE_BUF`: what a pipe takes at once or not at all.
const AT_ONCE: usize = 4096;
/// How long there may be no room before a text is dropped. Also the longest the end waits for it.
const ROOM_DEADLINE: Duration = Duration::from_millis(100);
/// Its stack: shallow calls.
const STACK_BYTES: usize = 128 * 1024;

/// The writer's end that the agent's thread holds. Dropping it ends the writer.
#[derive(Debug)]
pub(crate) struct Stderr {
    texts: SyncSender<String>,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Texts that nobody had room for.
    dropped: AtomicU64,
    is_closed: AtomicBool,
}

impl Stderr {
    /// Starts the writer: by a thread of the program, whose standard error it has then. The agent's own
    /// threads have none.
    pub(crate) fn new() -> io::Result<Stderr> {
        let (texts, queue) = mpsc::sync_channel(QUEUED);
        let state = Arc::new(State::default());
        let thread = std::thread::Builder::new()
            .name(agent_threads::STDERR.to_owned())
            .stack_size(system::stack_bytes(STACK_BYTES));
        let writers = state.clone();
        let mask = system::block_all_signals();
        let started = thread.spawn(move || {
            #[cfg(native_engine)]
            rgops_capture::heap::exclude_this_thread();
            write_all(&queue, &writers);
        });
        drop(mask);
        // Detached: it ends with the queue, within the deadline.
        let _detached = started?;
        Ok(Stderr { texts, state })
    }

    /// Hands over a text of whole lines; it is dropped when the writer is behind.
    pub(super) fn write(&mut self, text: String) {
        match self.texts.try_send(text) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => {
                self.state.dropped.fetch_add(1, Ordering::Relaxed);
            }
            Err(TrySendError::Disconnected(_)) => self.state.is_closed.store(true, Ordering::Relaxed),
        }
    }

    /// Whether nobody will ever read it again.
    pub(super) fn is_closed(&self) -> bool {
        self.state.is_closed.load(Ordering::Relaxed)
    }
}

fn write_all(queue: &Receiver<String>, state: &State) {
    while let Ok(text) = queue.recv() {
        let dropped = state.dropped.swap(0, Ordering::Relaxed);
        let text = match dropped {
            0 => text,
            _ => format!(
                "rgops: {dropped} schedtrace outputs dropped: standard error did not accept more\n{text}"
            ),
        };
        match write(&text) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                state.dropped.fetch_add(dropped + 1, Ordering::Relaxed);
            }
            Err(_) => {
                state.is_closed.store(true, Ordering::Relaxed);
                return;
            }
        }
    }
}

/// Writes whole lines, as many at once as a pipe takes at once: so other writers' lines do not fall
/// between. The rest of a text for which there is no room is left out.
fn write(text: &str) -> io::Result<()> {
    let mut rest = text.as_bytes();
    while !rest.is_empty() {
        let fitting = rest.get(..AT_ONCE).unwrap_or(rest);
        let length = match fitting.iter().rposition(|byte| *byte == b'\n') {
            Some(end) => end + 1,
            None => fitting.len(),
        };
        let (lines, more) = rest.split_at(length);
        let mut lines = lines;
        while !lines.is_empty() {
            if !system::stderr_has_room(ROOM_DEADLINE)? {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            match system::write_stderr(lines) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => lines = lines.get(written..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        rest = more;
    }
    Ok(())
}

//! Writes to standard error, which belongs to the program. The agent's thread never blocks on it.
//!
//! It may be a pipe with a stopped reader, a terminal stopped with Ctrl-S, a file on a disk that hangs, or closed.
//! `O_NONBLOCK` cannot be used: it is a flag of the open file, which the program and its parent share. So a
//! separate writer thread gets the text through a short queue. Text that does not fit is dropped and counted.
//! Before each write the writer checks with poll(2) that there is room. So it practically never blocks in
//! write(2), where it could not be ended. A pipe with room accepts `PIPE_BUF` bytes at once (pipe(7)), and the
//! writer never writes more at a time.
//!
//! All signals are blocked in the writer, including SIGPIPE: a closed pipe gives EPIPE, which ends the printing.
//! The writer has the program's descriptor table. It uses only descriptor 2 and opens none.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender, TrySendError};
use std::time::Duration;

use rgops_capture::agent_threads;
use rgops_capture::system;

/// Length of the queue, in texts.
const QUEUED: usize = 4;
/// `PIPE_BUF`: a pipe accepts this many bytes at once or none.
const AT_ONCE: usize = 4096;
/// How long the writer waits for room before it drops a text. Also the longest time until the writer ends.
const ROOM_DEADLINE: Duration = Duration::from_millis(100);
/// Stack of the writer: its calls are shallow.
const STACK_BYTES: usize = 128 * 1024;

/// The agent's end of the queue to the writer. Dropping it ends the writer.
#[derive(Debug)]
pub(crate) struct Stderr {
    texts: SyncSender<String>,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Texts that were dropped because the queue or standard error had no room.
    dropped: AtomicU64,
    is_closed: AtomicBool,
}

impl Stderr {
    /// Starts the writer. Call it on a thread of the program: the writer then inherits the program's standard
    /// error, which the agent's own threads do not have.
    pub(crate) fn new() -> io::Result<Stderr> {
        let (texts, queue) = mpsc::sync_channel(QUEUED);
        let state = Arc::new(State::default());
        let thread = std::thread::Builder::new()
            .name(agent_threads::STDERR.to_owned())
            .stack_size(system::stack_bytes(STACK_BYTES));
        let writer_state = state.clone();
        let mask = system::block_all_signals();
        let started = thread.spawn(move || {
            #[cfg(native_engine)]
            rgops_capture::heap::exclude_this_thread();
            write_all(&queue, &writer_state);
        });
        drop(mask);
        // Detached: it ends with the queue, within the deadline.
        let _detached = started?;
        Ok(Stderr { texts, state })
    }

    /// Queues a text of whole lines; the text is dropped if the queue is full.
    pub(super) fn write(&mut self, text: String) {
        match self.texts.try_send(text) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => {
                self.state.dropped.fetch_add(1, Ordering::Relaxed);
            }
            Err(TrySendError::Disconnected(_)) => self.state.is_closed.store(true, Ordering::Relaxed),
        }
    }

    /// Whether standard error is closed for good.
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

/// Writes whole lines, at most `PIPE_BUF` bytes at once, so that lines of other writers do not get in between. If
/// there is no room, the rest of the text is left out.
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

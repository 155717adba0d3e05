//! Reads files with a timeout, at most the deadline of the command. A network or user file system that does not
//! answer blocks the reading thread, so that thread is abandoned.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use rgops_dwarf::{Budget, Unreadable};

/// How long to wait for a file when the command has no earlier deadline.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Runs `work` on a thread that is abandoned on timeout.
///
/// # Errors
/// On timeout: the command's limit if that was reached, otherwise that the file system does not answer.
pub(crate) fn within<T: Send + 'static>(
    budget: &Budget,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Unreadable> {
    let left = budget.deadline().map(|end| end.saturating_duration_since(Instant::now()));
    let timeout = left.map_or(LONGEST_WAIT, |left| left.min(LONGEST_WAIT));
    let (sender, done) = mpsc::sync_channel(1);
    let thread = std::thread::Builder::new().name("rgops-file".to_owned());
    // On timeout the receiver is gone.
    let started = thread.spawn(move || drop(sender.send(work())));
    let done = started.ok().and_then(|thread| Some((thread, done.recv_timeout(timeout).ok()?)));
    let Some((thread, result)) = done else {
        budget.check_time()?;
        return Err("its file system does not answer".into());
    };
    // The thread has finished its work and is about to end.
    let _ = thread.join();
    Ok(result)
}

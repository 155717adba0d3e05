//! Waits for a file no longer than the command may take. A network or user file system that does not
//! answer holds whoever asks it, and only the thread that asked can be left behind.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use rgops_dwarf::{Budget, Unreadable};

/// How long a file is waited for where the command has no deadline that comes earlier.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Does `work` on a thread that is left behind when the time is over.
///
/// # Errors
/// Then: the limit of the command where that was reached, else that the file system does not answer.
pub(crate) fn within<T: Send + 'static>(
    budget: &Budget,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Unreadable> {
    let left = budget.deadline().map(|end| end.saturating_duration_since(Instant::now()));
    let patience = left.map_or(LONGEST_WAIT, |left| left.min(LONGEST_WAIT));
    let (sender, done) = mpsc::sync_channel(1);
    let thread = std::thread::Builder::new().name("rgops-file".to_owned());
    // Nobody waits for the result when the time is over.
    let started = thread.spawn(move || drop(sender.send(work())));
    let done = started.ok().and_then(|thread| Some((thread, done.recv_timeout(patience).ok()?)));
    let Some((thread, result)) = done else {
        budget.check_time()?;
        return Err("its file system does not answer".into());
    };
    // It has nothing left to do but to end.
    let _ = thread.join();
    Ok(result)
}

//! A lock that lets only one expensive command run at a time.

use std::sync::Mutex;
use std::time::Instant;

use rgops_protocol::error::{Code, Error};
use rgops_protocol::request::Command;

/// Lets one expensive command run at a time.
#[derive(Debug, Default)]
pub(super) struct ExclusiveLock(Mutex<Option<(Command, Instant)>>);

/// The right to run an expensive command; released when dropped.
pub(crate) struct Guard<'l>(&'l ExclusiveLock);

impl ExclusiveLock {
    pub(super) fn enter(&self, command: Command) -> Result<Guard<'_>, Error> {
        let mut running = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some((other, since)) = *running {
            return Err(Error::new(
                Code::Busy,
                format!("busy: cannot start {}", command.name()),
                format!("{} has been running for {} s", other.name(), since.elapsed().as_secs()),
                format!("try again when it has ended; {}", one_at_a_time()),
            ));
        }
        *running = Some((command, Instant::now()));
        Ok(Guard(self))
    }
}

fn one_at_a_time() -> String {
    let exclusive = Command::ALL.into_iter().filter(|command| command.is_exclusive());
    let names: Vec<_> = exclusive.map(Command::name).collect();
    format!("only one of these runs at a time: {}", names.join(", "))
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        *self.0.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = None;
    }
}

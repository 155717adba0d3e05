//! Takes the parts of a streamed answer until its end or an error.

use std::time::{Duration, Instant};

use rgops_protocol::received::Received;
use rgops_protocol::reply::End;

use super::error::SessionError;
use super::progress::Progress;
use crate::client::{Answer, Event, part};
use crate::profile::Incomplete;

/// How the collection of parts ended, and how long it took.
#[derive(Debug)]
pub(super) struct Gathered {
    pub(super) end: Result<End, SessionError>,
    pub(super) elapsed: Duration,
}

impl Gathered {
    /// Passes each part to `take`, until the end of the answer, an error of the connection, or an error of `take`.
    pub(super) fn from_answer<T: Received>(
        answer: &mut Answer,
        progress: &mut dyn FnMut(Progress),
        mut take: impl FnMut(T) -> Result<(), SessionError>,
    ) -> Gathered {
        let began = Instant::now();
        progress(Progress::Started);
        let mut next = || loop {
            match answer.next_event()? {
                Event::Progress(so_far) => progress(Progress::from(&so_far)),
                Event::Data(payload) => take(part(&payload)?)?,
                Event::End(end) => return Ok(end),
            }
        };
        let end = next();
        progress(Progress::Naming);
        Gathered { end, elapsed: began.elapsed() }
    }

    /// Why a profile of it ended early; `None` if it is complete.
    pub(super) fn incomplete(&self) -> Option<Incomplete> {
        self.end.as_ref().err().map(|error| Incomplete {
            reason: error.to_string(),
            duration_ns: u64::try_from(self.elapsed.as_nanos()).unwrap_or(u64::MAX),
        })
    }
}

/// A time in the unit of the protocol: milliseconds, at least one.
pub(super) fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1)
}

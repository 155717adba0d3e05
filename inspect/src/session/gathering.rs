//! Takes the parts of an answer that streams, until its end or until it breaks off.

use std::time::{Duration, Instant};

use rgops_protocol::received::Received;
use rgops_protocol::reply::End;

use super::error::SessionError;
use super::progress::Progress;
use crate::client::{Answer, Event, part};
use crate::profile::Incomplete;

/// How the gathering of parts ended, and how long it took.
#[derive(Debug)]
pub(super) struct Gathered {
    pub(super) end: Result<End, SessionError>,
    pub(super) elapsed: Duration,
}

impl Gathered {
    /// Gives each part to `take`, until the end of the answer, until the connection breaks, or until `take` wants no
    /// more.
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

    /// Why a profile of it lacks its end; `None` when it came.
    pub(super) fn incomplete(&self) -> Option<Incomplete> {
        self.end.as_ref().err().map(|error| Incomplete {
            reason: error.to_string(),
            duration_ns: u64::try_from(self.elapsed.as_nanos()).unwrap_or(u64::MAX),
        })
    }
}

/// As the protocol states a time: in milliseconds, at least one.
pub(super) fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1)
}

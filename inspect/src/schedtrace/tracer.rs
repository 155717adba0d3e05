//! Asks an agent for moments and makes lines of them.

use rgops_protocol::codec;
use rgops_protocol::reply::End;
use rgops_protocol::reply::schedtrace::{SchedtracePart, SchedtraceRuntime};
use rgops_protocol::request::{Request, SchedtraceRequest};

use super::line::{Hidden, RuntimeLine};
use crate::client::{Answer, Client, ClientError, Event, Finisher};

/// A running trace.
#[derive(Debug)]
pub struct Tracer {
    answer: Answer,
    runtimes: Vec<SchedtraceRuntime>,
}

/// What a trace tells next.
#[derive(Debug)]
pub enum Next {
    /// A line for each runtime.
    Lines(Vec<RuntimeLine>),
    /// It is over.
    End(End),
}

impl Tracer {
    /// Asks for `count` moments, 0 for all until it is told to finish.
    ///
    /// # Errors
    /// As [`Client::ask`].
    pub fn start(client: Client, interval_ms: u32, count: u32) -> Result<Tracer, ClientError> {
        let request = SchedtraceRequest { interval_ms, count, ranges: Vec::new() };
        let answer = client.ask(&Request::Schedtrace(request))?;
        Ok(Tracer { answer, runtimes: Vec::new() })
    }

    /// By which another thread ends it.
    pub fn finisher(&self) -> Finisher {
        self.answer.finisher()
    }

    /// Waits for the next moment.
    ///
    /// # Errors
    /// The agent's error, or a broken connection.
    pub fn next_lines(&mut self) -> Result<Next, ClientError> {
        loop {
            match self.answer.next_event()? {
                Event::Progress(_) => {}
                Event::End(end) => return Ok(Next::End(end)),
                Event::Data(payload) => match codec::decode(&payload)? {
                    SchedtracePart::Runtimes(runtimes) => self.runtimes = runtimes,
                    SchedtracePart::Moment(moment) => {
                        let hidden = vec![Hidden::nothing("not read", ""); self.runtimes.len()];
                        return Ok(Next::Lines(RuntimeLine::of_moment(&self.runtimes, &moment, hidden)));
                    }
                },
            }
        }
    }
}

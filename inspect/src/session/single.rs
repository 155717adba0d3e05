//! Sends a request with a single-part answer: `memstats`, `stats`, `version`, `gc`, `heap-rate`.

use std::time::Duration;

use rgops_protocol::hello::AgentHello;
use rgops_protocol::received::Received;
use rgops_protocol::reply::End;
use rgops_protocol::request::Request;

use super::connect::Session;
use super::error::SessionError;
use crate::client::{Event, part};

/// The part, the process that answered, and what the answer lacks.
#[derive(Debug)]
pub(super) struct Single<T> {
    pub(super) hello: AgentHello,
    /// The target as the user typed it, for the suggested next command.
    pub(super) typed: String,
    pub(super) reply: T,
    pub(super) end: End,
}

impl Session {
    /// Sends the request and waits for the part. `asked` is the time that the command itself takes.
    pub(super) fn ask_single<T: Received>(
        &mut self,
        request: &Request,
        asked: Duration,
    ) -> Result<Single<T>, SessionError> {
        let (client, _running) = self.begin(asked)?;
        let mut answer = client.ask(request)?;
        let wrong = |why| SessionError::WrongAnswer { command: request.command().name(), why };
        let mut reply = None;
        loop {
            match answer.next_event()? {
                Event::Progress(_) => {}
                // A further part is not decoded.
                Event::Data(_) if reply.is_some() => return Err(wrong("it has more than one part")),
                Event::Data(payload) => reply = Some(part(&payload)?),
                Event::End(end) => {
                    let reply = reply.ok_or_else(|| wrong("it is empty"))?;
                    let (hello, typed) = (self.hello().clone(), self.typed().to_owned());
                    return Ok(Single { hello, typed, reply, end });
                }
            }
        }
    }
}

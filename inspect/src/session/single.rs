//! Asks a question whose answer is one part: `memstats`, `stats`, `version`, `gc`, `heap-rate`. A report that is as
//! simple has its answer beside it.

use std::time::Duration;

use rgops_protocol::hello::AgentHello;
use rgops_protocol::received::Received;
use rgops_protocol::reply::End;
use rgops_protocol::request::Request;

use super::connect::Session;
use super::error::SessionError;
use crate::client::{Event, part};

/// The one part, who answered, and what the answer lacks.
#[derive(Debug)]
pub(crate) struct Single<T> {
    pub(crate) hello: AgentHello,
    pub(crate) reply: T,
    pub(crate) end: End,
}

impl Session {
    /// Asks and waits for the one part. `asked` is the time the command takes by itself.
    pub(crate) fn ask_single<T: Received>(
        &mut self,
        request: &Request,
        asked: Duration,
    ) -> Result<Single<T>, SessionError> {
        let mut answer = self.begin(asked)?.ask(request)?;
        let wrong = |why| SessionError::WrongAnswer { command: request.command().name(), why };
        let mut reply = None;
        loop {
            match answer.next_event()? {
                Event::Progress(_) => {}
                // No further part is decoded: there is no place for it.
                Event::Data(_) if reply.is_some() => return Err(wrong("it has more than one part")),
                Event::Data(payload) => reply = Some(part(&payload)?),
                Event::End(end) => {
                    let reply = reply.ok_or_else(|| wrong("it is empty"))?;
                    return Ok(Single { hello: self.hello().clone(), reply, end });
                }
            }
        }
    }
}

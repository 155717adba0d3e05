//! Asks a question whose answer is one part: `memstats`, `stats`, `version`.

use std::time::Duration;

use rgops_inspect::client::{Event, part};
use rgops_protocol::hello::AgentHello;
use rgops_protocol::received::Received;
use rgops_protocol::reply::End;
use rgops_protocol::request::Request;

use super::AgentArguments;
use crate::exit::{Exit, Failure};

/// The one part, who answered, and what the answer lacks.
pub(super) struct Single<T> {
    pub(super) hello: AgentHello,
    pub(super) reply: T,
    pub(super) end: End,
}

/// Connects, asks and waits for the one part.
pub(super) fn ask<T: Received>(agent: &AgentArguments, request: &Request) -> Result<Single<T>, Failure> {
    let asked = match request {
        Request::Stats(asked) => Duration::from_millis(asked.window_ms.into()),
        _ => Duration::ZERO,
    };
    let (client, _) = agent.connect_for(asked)?;
    let hello = client.hello().clone();
    let mut answer = client.ask(request)?;
    let wrong = |why| {
        Failure::new(
            Exit::Internal,
            format!("cannot read the answer to {}", request.command().name()),
            why,
            "update rgops or the agent, so that both have the same version",
        )
    };
    let mut reply = None;
    loop {
        match answer.next_event()? {
            Event::Progress(_) => {}
            // No further part is decoded: there is no place for it.
            Event::Data(_) if reply.is_some() => return Err(wrong("it has more than one part")),
            Event::Data(payload) => reply = Some(part(&payload)?),
            Event::End(end) => {
                let reply = reply.ok_or_else(|| wrong("it is empty"))?;
                return Ok(Single { hello, reply, end });
            }
        }
    }
}

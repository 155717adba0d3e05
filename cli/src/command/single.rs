//! Asks a question whose answer is one part: `memstats`, `stats`, `version`.

use rgops_inspect::client::Collected;
use rgops_protocol::codec::Decode;
use rgops_protocol::hello::AgentHello;
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
pub(super) fn ask<T: Decode<()>>(agent: &AgentArguments, request: &Request) -> Result<Single<T>, Failure> {
    let (client, _) = agent.connect()?;
    let hello = client.hello().clone();
    let Collected { mut parts, end } = client.ask(request)?.collect::<T>(&mut |_| {});
    let end = end?;
    match (parts.pop(), parts.is_empty()) {
        (Some(reply), true) => Ok(Single { hello, reply, end }),
        (reply, _) => Err(Failure::new(
            Exit::Internal,
            format!("cannot read the answer to {}", request.command().name()),
            if reply.is_some() { "it has more than one part" } else { "it is empty" },
            "update rgops or the agent, so that both have the same version",
        )),
    }
}

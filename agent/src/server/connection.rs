//! Serves one connection: hello, one request, its answer. Every wait has a deadline, every length a limit.
//!
//! A connection is a task of the agent's runtime, so a silent peer delays no other. While the command runs, a
//! `Finish` packet of the peer ends it early; anything else cancels it by dropping the collector.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use rgops_capture::system;
use rgops_protocol::codec;
use rgops_protocol::error::{Code, Error};
use rgops_protocol::hello::{ClientHello, MAGIC};
use rgops_protocol::reply::{End, Unavailable};
use rgops_protocol::request::{Command, Envelope, Request, RequestError};
use rgops_protocol::wire::{self, HEADER_BYTES, Header, Kind, MAX_HANDSHAKE_BYTES, MAX_REQUEST_BYTES};
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use super::auth::authenticate;
use super::local::PeerUser;
use super::packets::{Ended, WRITE_DEADLINE, malformed, read_packet, write_message};
use super::shared::Shared;
use super::socket::Socket;
use crate::collect::{self, Finish, Sink, Stop};
use crate::policy::{Admitted, Origin};

/// Deadline for magic, hello and proof together.
const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(5);
/// Deadline for the request, after the hello.
const REQUEST_DEADLINE: Duration = Duration::from_secs(5);
/// How long the peer may take to read the last packet before the connection is closed.
const LINGER: Duration = Duration::from_millis(500);
/// Maximum packets that wait for the peer. With the longest packet this bounds the memory of a connection.
const QUEUED_PACKETS: usize = 8;

/// The other end of a connection.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Peer {
    /// Over the local socket.
    Local(PeerUser),
    /// Over TCP.
    Remote,
}

/// Serves one connection to its end.
pub(crate) async fn serve(mut stream: Socket, peer: Peer, shared: &Shared) {
    let counters = &shared.context.counters;
    if let Err(Ended::Report(error)) = handle(&mut stream, peer, shared).await {
        match error.code() {
            Code::Refused => counters.refused_users.add(1),
            Code::Unauthenticated => counters.refused_tokens.add(1),
            Code::TooManyConnections | Code::TimedOut => counters.refused_limits.add(1),
            Code::Malformed | Code::UnknownCommand | Code::UnknownVersion => counters.malformed.add(1),
            Code::Busy => counters.busy.add(1),
            Code::NotAllowed => counters.denied.add(1),
            Code::Internal | Code::Unsupported => {}
        }
        // A failure means that the peer is gone; there is nothing else to do.
        let _ = write_message(&mut stream, Kind::Error, &error).await;
    }
    let _ = timeout(LINGER, linger(&mut stream)).await;
}

/// The bytes for a connection above the limit: the magic and an error packet.
pub(crate) fn over_limit(connections: u64) -> Vec<u8> {
    let error = Error::new(
        Code::TooManyConnections,
        "refused",
        format!("{connections} connections are already open"),
        "try again when another connection has closed",
    );
    let mut bytes = MAGIC.to_vec();
    if let Ok(payload) = codec::encode(&error) {
        bytes.extend(wire::packet(Kind::Error, &payload));
    }
    bytes
}

/// Shuts down the write side and reads what the peer still sends, so that a reset does not lose the last packet.
async fn linger(stream: &mut Socket) -> io::Result<()> {
    const MAX_DISCARDED: usize = 256 * 1024;
    stream.shutdown().await?;
    let (mut buffer, mut discarded) = ([0; 1024], 0);
    while discarded < MAX_DISCARDED {
        match stream.read(&mut buffer).await? {
            0 => break,
            count => discarded += count,
        }
    }
    Ok(())
}

async fn handle(stream: &mut Socket, peer: Peer, shared: &Shared) -> Result<(), Ended> {
    let protocol = within(HANDSHAKE_DEADLINE, "the hello", handshake(stream, peer, shared)).await?;
    let (kind, payload) =
        within(REQUEST_DEADLINE, "the request", read_packet(stream, MAX_REQUEST_BYTES)).await?;
    if kind != Kind::Request {
        return Err(malformed(format!("expected a request, not a {kind:?} packet")));
    }
    let envelope: Envelope = codec::decode(&payload).map_err(|error| malformed(error.to_string()))?;
    drop(payload);
    let policy = &shared.context.policy;
    if let Some(command) = Command::from_u16(envelope.command) {
        policy.check_command(command).map_err(Ended::Report)?;
    }
    let request = Request::from_envelope(&envelope).map_err(refuse_request)?;
    let origin = match peer {
        Peer::Local(_) => Origin::Local,
        Peer::Remote => Origin::Remote,
    };
    let Admitted { guard: _guard, memory } = policy.admit(&request, origin).map_err(Ended::Report)?;
    run(stream, request, memory, protocol, shared).await
}

/// Exchanges magic and hello, and checks in between who the client is. Returns the client's protocol.
async fn handshake(stream: &mut Socket, peer: Peer, shared: &Shared) -> Result<u32, Ended> {
    stream.write_all(&MAGIC).await?;
    if let Peer::Local(user) = peer {
        check_user(user)?;
    }
    let mut magic = [0; MAGIC.len()];
    stream.read_exact(&mut magic).await?;
    if magic != MAGIC {
        return Err(malformed("the first eight bytes are not the magic of the rgops protocol".to_owned()));
    }
    let (kind, payload) = read_packet(stream, MAX_HANDSHAKE_BYTES).await?;
    if kind != Kind::ClientHello {
        return Err(malformed(format!("expected a hello, not a {kind:?} packet")));
    }
    let client: ClientHello =
        codec::decode_message(&payload).map_err(|error| malformed(error.to_string()))?;
    if let Peer::Remote = peer {
        match &shared.token {
            Some(token) => authenticate(stream, token).await?,
            None => return Err(Ended::Gone),
        }
    }
    write_message(stream, Kind::AgentHello, &shared.hello.for_client(client.protocol)).await?;
    Ok(client.protocol)
}

fn check_user(user: PeerUser) -> Result<(), Ended> {
    let ours = system::effective_uid();
    match user.uid {
        Some(uid) if uid == ours || uid == 0 => Ok(()),
        Some(uid) => Err(Ended::Report(Error::new(
            Code::Refused,
            "refused",
            format!("this program runs as uid {ours} and answers only that user and root, not uid {uid}"),
            format!("run rgops as the program's user: sudo -u '#{ours}' rgops …"),
        ))),
        None => Err(Ended::Report(Error::new(
            Code::Refused,
            "refused",
            "the system does not report which user is connecting",
            "",
        ))),
    }
}

/// What the peer did while its command ran.
enum PeerAction {
    Finish,
    HangUp,
}

/// Runs the command: the collector fills a queue, the writer empties it, and the reader waits for `Finish` and for
/// the end of the connection. Whichever ends first determines the result.
async fn run(
    stream: &mut Socket,
    request: Request,
    memory: Result<(), Unavailable>,
    protocol: u32,
    shared: &Shared,
) -> Result<(), Ended> {
    let counters = &shared.context.counters;
    counters.requests.add(1);

    let (mut reader, mut writer) = tokio::io::split(stream);
    let (packets, mut queue) = mpsc::channel::<Vec<u8>>(QUEUED_PACKETS);
    let (request_finish, finish) = watch::channel(false);

    let collect = async {
        let sink = Sink::new(packets, protocol);
        let mut finish = Finish::new(finish);
        collect::answer(request, memory, &shared.context, &sink, &mut finish).await
        // The sink is dropped here, so the writer gets to the end of the queue.
    };
    let write = async {
        while let Some(packet) = queue.recv().await {
            counters.sent_bytes.add(packet.len() as u64);
            if !matches!(timeout(WRITE_DEADLINE, writer.write_all(&packet)).await, Ok(Ok(()))) {
                return Err(Ended::Gone);
            }
        }
        Ok(())
    };
    let listen = async {
        loop {
            match next_action(&mut reader).await {
                PeerAction::Finish => {
                    // Fails if the collector is done; then it does not matter.
                    let _ = request_finish.send(true);
                }
                PeerAction::HangUp => return,
            }
        }
    };

    match work_until_hang_up(collect, write, listen).await {
        Some((Ok(end), Ok(()))) => {
            let packet = codec::encode(&end).map(|payload| wire::packet(Kind::End, &payload));
            let packet = packet
                .or_else(|_| codec::encode(&End::default()).map(|payload| wire::packet(Kind::End, &payload)));
            if let Ok(packet) = packet {
                counters.sent_bytes.add(packet.len() as u64);
                let _ = timeout(WRITE_DEADLINE, writer.write_all(&packet)).await;
            }
            Ok(())
        }
        Some((Err(Stop::Failed(error)), Ok(()))) => Err(Ended::Report(error)),
        Some(_) | None => {
            counters.cancelled.add(1);
            Err(Ended::Gone)
        }
    }
}

/// Polls the three futures; `None` if the peer hung up first, or stopped reading packets.
async fn work_until_hang_up<T>(
    collect: impl Future<Output = T>,
    write: impl Future<Output = Result<(), Ended>>,
    listen: impl Future<Output = ()>,
) -> Option<(T, Result<(), Ended>)> {
    let (mut collect, mut write, mut listen) = (pin!(collect), pin!(write), pin!(listen));
    let (mut collected, mut written) = (None, None);
    std::future::poll_fn(|context| {
        if collected.is_none()
            && let Poll::Ready(value) = collect.as_mut().poll(context)
        {
            collected = Some(value);
        }
        if written.is_none()
            && let Poll::Ready(value) = write.as_mut().poll(context)
        {
            if value.is_err() {
                return Poll::Ready(None);
            }
            written = Some(value);
        }
        if let (Some(_), Some(_)) = (&collected, &written) {
            return Poll::Ready(collected.take().zip(written.take()));
        }
        match listen.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

async fn next_action(reader: &mut ReadHalf<&mut Socket>) -> PeerAction {
    let mut header = [0; HEADER_BYTES];
    match reader.read_exact(&mut header).await {
        Ok(_) if matches!(Header::parse(header, 0), Ok(Header { kind: Kind::Finish, .. })) => {
            PeerAction::Finish
        }
        _ => PeerAction::HangUp,
    }
}

async fn within<T>(
    deadline: Duration,
    what: &str,
    work: impl Future<Output = Result<T, Ended>>,
) -> Result<T, Ended> {
    timeout(deadline, work).await.unwrap_or_else(|_| {
        Err(Ended::Report(Error::new(
            Code::TimedOut,
            "the connection was closed",
            format!("{what} did not arrive within {} s", deadline.as_secs()),
            "",
        )))
    })
}

fn refuse_request(error: RequestError) -> Ended {
    let code = match error {
        RequestError::UnknownCommand(_) => Code::UnknownCommand,
        RequestError::UnknownVersion { .. } => Code::UnknownVersion,
        RequestError::Body(_) => Code::Malformed,
    };
    Ended::Report(Error::new(code, "cannot answer", error.to_string(), error.fix()))
}

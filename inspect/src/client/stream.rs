//! The two transports as one blocking stream.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::path::Path;
use std::sync::{Arc, OnceLock, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use rgops_protocol::received::Speaker;

use super::endpoint::Endpoint;
use super::error::ClientError;

/// Longest single wait; after it the deadline is checked again, because Ctrl-C may have moved it closer.
const SLICE: Duration = Duration::from_millis(250);

/// A connected socket with a deadline: a peer that sends single bytes slowly cannot block the client.
#[derive(Debug)]
pub(super) struct Stream {
    socket: Socket,
    /// For the next read or write.
    deadline: Instant,
    /// For the whole answer.
    end: Option<Instant>,
    /// After a finish request, the time at which the answer must end; shared by all clones.
    finish: Arc<OnceLock<Instant>>,
}

#[derive(Debug)]
enum Socket {
    #[cfg(target_os = "linux")]
    Local(std::os::unix::net::UnixStream),
    Tcp(TcpStream),
}

/// The process that listens.
#[derive(Debug, Clone, Copy)]
pub(super) struct Listener {
    /// The process in our pid namespace, where that is known.
    pub(super) pid: Option<u32>,
    /// The speaker of its texts.
    pub(super) speaker: Speaker,
}

/// Connects, and checks the owner of a local socket and that process `pid` listens, if one is given. The
/// timeout applies also to what follows.
pub(super) fn open(
    endpoint: &Endpoint,
    pid: Option<u32>,
    timeout: Duration,
) -> Result<(Stream, Listener), ClientError> {
    let deadline = after(timeout);
    let (socket, listener) = connect(endpoint, pid, timeout)?;
    Ok((Stream { socket, deadline, end: None, finish: Arc::default() }, listener))
}

/// The time after `timeout`; a timeout beyond the range of the clock becomes a hundred years.
fn after(timeout: Duration) -> Instant {
    const LONG: Duration = Duration::from_secs(100 * 365 * 86_400);
    let now = Instant::now();
    now.checked_add(timeout).unwrap_or(now + LONG)
}

fn connect(
    endpoint: &Endpoint,
    pid: Option<u32>,
    timeout: Duration,
) -> Result<(Socket, Listener), ClientError> {
    match endpoint {
        Endpoint::Local { path, .. } => open_local(path, pid, timeout),
        Endpoint::Tcp { address, .. } => {
            let refused = |error| ClientError::ConnectionRefused { address: address.clone(), error };
            let deadline = after(timeout);
            let mut last = io::Error::new(io::ErrorKind::NotFound, "the host name has no address");
            for resolved in addresses(address, timeout)?.map_err(refused)? {
                let left = deadline.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return Err(ClientError::TimedOut);
                }
                match TcpStream::connect_timeout(&resolved, left) {
                    Ok(stream) => {
                        return Ok((Socket::Tcp(stream), Listener { pid: None, speaker: Speaker::Another }));
                    }
                    Err(error) => last = error,
                }
            }
            match last.kind() {
                io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Err(ClientError::TimedOut),
                _ => Err(refused(last)),
            }
        }
    }
}

/// The addresses of `host:port`. The C library's resolver takes no deadline, so it runs on its own thread,
/// which is abandoned when the resolver does not answer in time.
fn addresses(address: &str, timeout: Duration) -> Result<io::Result<Vec<SocketAddr>>, ClientError> {
    let (sender, receiver) = mpsc::channel();
    let name = address.to_owned();
    thread::spawn(move || {
        // The receiver is gone when it took too long.
        let _ = sender.send(name.to_socket_addrs().map(Iterator::collect));
    });
    receiver.recv_timeout(timeout).map_err(|_| ClientError::TimedOut)
}

#[cfg(not(target_os = "linux"))]
fn open_local(_: &Path, _: Option<u32>, _: Duration) -> Result<(Socket, Listener), ClientError> {
    Err(ClientError::Unsupported)
}

#[cfg(target_os = "linux")]
fn open_local(path: &Path, pid: Option<u32>, timeout: Duration) -> Result<(Socket, Listener), ClientError> {
    let connected = super::local::connect(path, pid, timeout)?;
    let listener = Listener { pid: connected.pid, speaker: connected.speaker };
    Ok((Socket::Local(connected.stream), listener))
}

impl Stream {
    /// All reads and writes from now on must be complete within `timeout` together.
    pub(super) fn set_deadline(&mut self, timeout: Duration) {
        self.deadline = after(timeout);
    }

    /// They must also be complete before `end`, whatever [`Stream::set_deadline`] allows.
    pub(super) fn end_by(&mut self, end: Option<Instant>) {
        self.end = end;
    }

    /// They must also be complete within `grace` from now, on all clones: the agent was asked to finish. Only
    /// the first call counts.
    pub(super) fn finish_within(&self, grace: Duration) {
        self.finish.get_or_init(|| after(grace));
    }

    /// Whether [`Stream::finish_within`] was called.
    pub(super) fn was_finished(&self) -> bool {
        self.finish.get().is_some()
    }

    /// Whether the time for the whole answer is over, not only that for the next read.
    pub(super) fn is_past_end(&self) -> bool {
        let now = Instant::now();
        [self.end, self.finish.get().copied()].into_iter().flatten().any(|end| now >= end)
    }

    pub(super) fn try_clone(&self) -> io::Result<Stream> {
        let socket = match &self.socket {
            #[cfg(target_os = "linux")]
            Socket::Local(stream) => Socket::Local(stream.try_clone()?),
            Socket::Tcp(stream) => Socket::Tcp(stream.try_clone()?),
        };
        let (deadline, end, finish) = (self.deadline, self.end, self.finish.clone());
        Ok(Stream { socket, deadline, end, finish })
    }

    /// How long to wait before the deadline is checked again; an error when no time is left.
    fn slice(&self) -> io::Result<Option<Duration>> {
        let ends = [Some(self.deadline), self.end, self.finish.get().copied()];
        let end = ends.into_iter().flatten().min().unwrap_or(self.deadline);
        match end.checked_duration_since(Instant::now()) {
            Some(left) if !left.is_zero() => Ok(Some(left.min(SLICE))),
            _ => Err(io::ErrorKind::TimedOut.into()),
        }
    }
}

/// Whether only a slice of time is over (socket(7), SO_RCVTIMEO).
fn is_slice(result: &io::Result<usize>) -> bool {
    matches!(result, Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut))
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let slice = self.slice()?;
            let result = match &mut self.socket {
                #[cfg(target_os = "linux")]
                Socket::Local(stream) => {
                    stream.set_read_timeout(slice)?;
                    stream.read(buffer)
                }
                Socket::Tcp(stream) => {
                    stream.set_read_timeout(slice)?;
                    stream.read(buffer)
                }
            };
            if !is_slice(&result) {
                return result;
            }
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            let slice = self.slice()?;
            let result = match &mut self.socket {
                #[cfg(target_os = "linux")]
                Socket::Local(stream) => {
                    stream.set_write_timeout(slice)?;
                    stream.write(bytes)
                }
                Socket::Tcp(stream) => {
                    stream.set_write_timeout(slice)?;
                    stream.write(bytes)
                }
            };
            if !is_slice(&result) {
                return result;
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

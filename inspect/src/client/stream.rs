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

/// A wait is looked at again this often, because its end may come nearer meanwhile: Ctrl-C.
const SLICE: Duration = Duration::from_millis(250);

/// A connected socket with a deadline: a peer that sends a byte now and then does not hold us.
#[derive(Debug)]
pub(super) struct Stream {
    socket: Socket,
    /// For what is read or written next.
    deadline: Instant,
    /// For all of it.
    end: Option<Instant>,
    /// When the agent was asked to finish, until when it has to: shared by all clones.
    finish: Arc<OnceLock<Instant>>,
}

#[derive(Debug)]
enum Socket {
    #[cfg(target_os = "linux")]
    Local(std::os::unix::net::UnixStream),
    Tcp(TcpStream),
}

/// Who listens.
#[derive(Debug, Clone, Copy)]
pub(super) struct Listener {
    /// The process in our pid namespace, where that is known.
    pub(super) pid: Option<u32>,
    /// Whose its sentences are.
    pub(super) speaker: Speaker,
}

/// Connects, and checks that a local socket belongs to whom it may: to process `pid`, if one is given. The
/// timeout is for what follows, too.
pub(super) fn open(
    endpoint: &Endpoint,
    pid: Option<u32>,
    timeout: Duration,
) -> Result<(Stream, Listener), ClientError> {
    let deadline = after(timeout);
    let (socket, listener) = connect(endpoint, pid, timeout)?;
    Ok((Stream { socket, deadline, end: None, finish: Arc::default() }, listener))
}

/// So long from now; a time longer than the clock can tell is a hundred years.
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
            let nobody = |error| ClientError::ConnectionRefused { address: address.clone(), error };
            let deadline = after(timeout);
            let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
            for resolved in addresses(address, timeout)?.map_err(nobody)? {
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
                _ => Err(nobody(last)),
            }
        }
    }
}

/// The addresses of `host:port`. The C library's resolver takes no deadline, so it has a thread of its own,
/// which is left behind when it does not answer in time.
fn addresses(address: &str, timeout: Duration) -> Result<io::Result<Vec<SocketAddr>>, ClientError> {
    let (sender, receiver) = mpsc::channel();
    let name = address.to_owned();
    thread::spawn(move || {
        // Nobody listens any more when it took too long.
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
    /// Everything that is read and written from now on has to be done within `timeout`, together.
    pub(super) fn set_deadline(&mut self, timeout: Duration) {
        self.deadline = after(timeout);
    }

    /// And before `end`, whatever [`Stream::set_deadline`] says.
    pub(super) fn end_by(&mut self, end: Option<Instant>) {
        self.end = end;
    }

    /// And within `grace` from now, on all clones: the agent was asked to finish. Only the first time counts.
    pub(super) fn finish_within(&self, grace: Duration) {
        self.finish.get_or_init(|| after(grace));
    }

    /// Whether [`Stream::finish_within`] was called.
    pub(super) fn was_finished(&self) -> bool {
        self.finish.get().is_some()
    }

    /// Whether the time for all of it is over, and not only that for what is read next.
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

    /// How long to wait before the time is looked at again; an error when nothing is left of it.
    fn slice(&self) -> io::Result<Option<Duration>> {
        let ends = [Some(self.deadline), self.end, self.finish.get().copied()];
        let end = ends.into_iter().flatten().min().unwrap_or(self.deadline);
        match end.checked_duration_since(Instant::now()) {
            Some(left) if !left.is_zero() => Ok(Some(left.min(SLICE))),
            _ => Err(io::ErrorKind::TimedOut.into()),
        }
    }
}

/// Whether a slice of time is over (socket(7), SO_RCVTIMEO), and nothing else happened.
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

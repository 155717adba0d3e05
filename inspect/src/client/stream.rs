//! The two transports as one blocking stream.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::path::Path;
use std::time::{Duration, Instant};

use super::{ClientError, Endpoint};

/// A connected socket with a deadline: a peer that sends a byte now and then does not hold us.
#[derive(Debug)]
pub(super) struct Stream {
    socket: Socket,
    deadline: Instant,
}

#[derive(Debug)]
enum Socket {
    #[cfg(target_os = "linux")]
    Local(std::os::unix::net::UnixStream),
    Tcp(TcpStream),
}

/// Who listens: the process in our pid namespace, where that is known.
pub(super) type Listener = Option<u32>;

/// Connects, and checks that a local socket belongs to whom it may: to process `pid`, if one is given. The
/// timeout is for what follows, too.
pub(super) fn open(
    endpoint: &Endpoint,
    pid: Option<u32>,
    timeout: Duration,
) -> Result<(Stream, Listener), ClientError> {
    let deadline = Instant::now() + timeout;
    let (socket, listener) = connect(endpoint, pid, timeout)?;
    Ok((Stream { socket, deadline }, listener))
}

fn connect(
    endpoint: &Endpoint,
    pid: Option<u32>,
    timeout: Duration,
) -> Result<(Socket, Listener), ClientError> {
    match endpoint {
        Endpoint::Local { path, .. } => open_local(path, pid, timeout),
        Endpoint::Tcp { address, .. } => {
            let nobody = |error| ClientError::NobodyListens { address: address.clone(), error };
            let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
            for resolved in address.to_socket_addrs().map_err(nobody)? {
                match TcpStream::connect_timeout(&resolved, timeout) {
                    Ok(stream) => return Ok((Socket::Tcp(stream), None)),
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

#[cfg(not(target_os = "linux"))]
fn open_local(_: &Path, _: Option<u32>, _: Duration) -> Result<(Socket, Listener), ClientError> {
    Err(ClientError::Unsupported)
}

#[cfg(target_os = "linux")]
fn open_local(path: &Path, pid: Option<u32>, timeout: Duration) -> Result<(Socket, Listener), ClientError> {
    let connected = super::local::connect(path, pid, timeout)?;
    Ok((Socket::Local(connected.stream), connected.pid))
}

impl Stream {
    /// Everything that is read and written from now on has to be done within `timeout`, together.
    pub(super) fn set_deadline(&mut self, timeout: Duration) {
        self.deadline = Instant::now() + timeout;
    }

    pub(super) fn try_clone(&self) -> io::Result<Stream> {
        let socket = match &self.socket {
            #[cfg(target_os = "linux")]
            Socket::Local(stream) => Socket::Local(stream.try_clone()?),
            Socket::Tcp(stream) => Socket::Tcp(stream.try_clone()?),
        };
        Ok(Stream { socket, deadline: self.deadline })
    }

    /// What is left of the time; an error when nothing is.
    fn left(&self) -> io::Result<Option<Duration>> {
        match self.deadline.checked_duration_since(Instant::now()) {
            Some(left) if !left.is_zero() => Ok(Some(left)),
            _ => Err(io::ErrorKind::TimedOut.into()),
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.left()?;
        match &mut self.socket {
            #[cfg(target_os = "linux")]
            Socket::Local(stream) => {
                stream.set_read_timeout(left)?;
                stream.read(buffer)
            }
            Socket::Tcp(stream) => {
                stream.set_read_timeout(left)?;
                stream.read(buffer)
            }
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let left = self.left()?;
        match &mut self.socket {
            #[cfg(target_os = "linux")]
            Socket::Local(stream) => {
                stream.set_write_timeout(left)?;
                stream.write(bytes)
            }
            Socket::Tcp(stream) => {
                stream.set_write_timeout(left)?;
                stream.write(bytes)
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

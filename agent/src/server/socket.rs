//! The socket of a connection, local or TCP, as one type, so that the code that serves it is compiled once.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::reactor::{Direction, Reactor, Registered};

/// A connected socket.
#[derive(Debug)]
pub(crate) struct Socket(Registered<Stream>);

#[derive(Debug)]
enum Stream {
    Local(UnixStream),
    Tcp(TcpStream),
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Stream::Local(stream) => stream.as_fd(),
            Stream::Tcp(stream) => stream.as_fd(),
        }
    }
}

impl Stream {
    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Local(stream) => (&mut &*stream).read(buffer),
            Stream::Tcp(stream) => (&mut &*stream).read(buffer),
        }
    }

    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Local(stream) => (&mut &*stream).write(bytes),
            Stream::Tcp(stream) => (&mut &*stream).write(bytes),
        }
    }
}

impl Socket {
    /// A non-blocking connection of a local socket.
    pub(crate) fn local(reactor: &Arc<Reactor>, connection: OwnedFd) -> io::Result<Socket> {
        Registered::new(reactor, Stream::Local(connection.into())).map(Socket)
    }

    /// A non-blocking connection of a TCP socket.
    pub(crate) fn tcp(reactor: &Arc<Reactor>, connection: OwnedFd) -> io::Result<Socket> {
        let stream = TcpStream::from(connection);
        // Without it a small last packet may be delayed. A failure costs only latency.
        let _ = stream.set_nodelay(true);
        Registered::new(reactor, Stream::Tcp(stream)).map(Socket)
    }

    /// Writes what fits into the socket's buffer now, without waiting. The rest is lost.
    pub(crate) fn write_now(&mut self, bytes: &[u8]) {
        let mut context = Context::from_waker(Waker::noop());
        let _ = Pin::new(self).poll_write(&mut context, bytes);
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.get().as_fd()
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = |stream: &Stream| stream.read(buffer.initialize_unfilled());
        self.0.poll(Direction::Read, context, read).map_ok(|count| buffer.advance(count))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.0.poll(Direction::Write, context, |stream| stream.write(bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Neither kind of socket buffers in user space.
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut_down = match self.0.get() {
            Stream::Local(stream) => stream.shutdown(Shutdown::Write),
            Stream::Tcp(stream) => stream.shutdown(Shutdown::Write),
        };
        // An error means that it is no longer connected, which is the aim.
        drop(shut_down);
        Poll::Ready(Ok(()))
    }
}

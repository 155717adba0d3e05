//! A connection's socket, local or TCP, as one type: the code that serves it is compiled once.

use std::io;
use std::os::fd::AsFd as _;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use interprocess::local_socket::tokio::Stream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::engine::system;

/// A connected socket.
#[derive(Debug)]
pub(crate) enum Socket {
    Local(Stream),
    Tcp(TcpStream),
}

impl Socket {
    /// Writes what fits into the system's buffer now, without waiting. What does not fit is lost.
    pub(crate) fn write_now(&mut self, bytes: &[u8]) {
        let mut nobody = Context::from_waker(Waker::noop());
        let _ = Pin::new(self).poll_write(&mut nobody, bytes);
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Socket::Local(stream) => Pin::new(stream).poll_read(context, buffer),
            Socket::Tcp(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Socket::Local(stream) => Pin::new(stream).poll_write(context, bytes),
            Socket::Tcp(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Neither socket buffers in user space.
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            // interprocess' own shutdown does nothing.
            Socket::Local(Stream::UdSocket(stream)) => {
                system::shut_down(stream.as_fd(), system::ShutDown::Writing);
                Poll::Ready(Ok(()))
            }
            Socket::Tcp(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}

//! A stream of a client that may not be silent for long: not before it has shown the secret, and not while it is to read.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};

use super::passes::Pass;

/// A stream with deadlines.
pub struct Patient {
    stream: TcpStream,
    pass: Pass,
    first: Pin<Box<Sleep>>,
    write: Pin<Box<Sleep>>,
    write_timeout: Duration,
    /// Whether a write waits for the client.
    is_blocked: bool,
}

impl Patient {
    /// The stream ends if the client has not shown the secret `first_timeout` from now, and if it does not read anything
    /// for `write_timeout` while there is something to read.
    pub(super) fn new(
        stream: TcpStream,
        pass: Pass,
        first_timeout: Duration,
        write_timeout: Duration,
    ) -> Patient {
        Patient {
            stream,
            pass,
            first: Box::pin(sleep(first_timeout)),
            write: Box::pin(sleep(write_timeout)),
            write_timeout,
            is_blocked: false,
        }
    }

    fn wrote(&mut self, done: Poll<io::Result<usize>>, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if done.is_ready() {
            self.is_blocked = false;
            return done;
        }
        if !self.is_blocked {
            self.is_blocked = true;
            self.write.as_mut().reset(Instant::now() + self.write_timeout);
        }
        match self.write.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl AsyncRead for Patient {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        to: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(context, to);
        if read.is_pending() && !self.pass.is_known() && self.first.as_mut().poll(context).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        read
    }
}

impl AsyncWrite for Patient {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let done = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.wrote(done, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let done = Pin::new(&mut self.stream).poll_write_vectored(context, bytes);
        self.wrote(done, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    // Both are done at once on a TCP stream; they say nothing about what the client reads.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

    use std::future::poll_fn;
    use std::sync::Arc;

    use tokio::net::TcpListener;

    use super::super::passes::{Crowd, Passes};
    use super::*;

    /// A stream whose client does nothing, what the client holds, and its pass.
    async fn silent(first: Duration, write: Duration) -> (Patient, TcpStream, Pass) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        let mut held = None;
        Arc::new(Passes::new(Crowd::default())).admit(Instant::now(), |pass| {
            held = Some(pass);
            tokio::spawn(async {}).abort_handle()
        });
        let pass = held.unwrap();
        (Patient::new(stream, pass.clone(), first, write), client, pass)
    }

    fn run(test: impl Future<Output = ()>) {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
            tokio::time::timeout(Duration::from_secs(60), test).await.unwrap();
        });
    }

    #[test]
    fn a_client_that_does_not_read_is_left() {
        run(async {
            let (mut stream, _client, _) = silent(Duration::from_secs(50), Duration::from_millis(100)).await;
            let bytes = [0; 1 << 16];
            let error = loop {
                let wrote = poll_fn(|context| Pin::new(&mut stream).poll_write(context, &bytes)).await;
                if let Err(error) = wrote {
                    break error;
                }
            };
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        });
    }

    #[test]
    fn only_a_client_that_has_shown_the_secret_may_be_silent() {
        run(async {
            let (mut stream, client, pass) = silent(Duration::from_millis(50), Duration::from_secs(50)).await;
            let mut bytes = [0; 8];
            let mut read = async || {
                let mut to = ReadBuf::new(&mut bytes);
                poll_fn(|context| Pin::new(&mut stream).poll_read(context, &mut to)).await
            };
            assert_eq!(read().await.unwrap_err().kind(), io::ErrorKind::TimedOut);
            pass.show().await;
            assert!(tokio::time::timeout(Duration::from_millis(200), read()).await.is_err());
            drop(client);
            assert!(read().await.is_ok());
        });
    }
}

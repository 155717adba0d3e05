//! The TCP address: checked before it is bound.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsFd;

use tokio::net::TcpStream;

use crate::ListenError;
use crate::engine::system;
use crate::options::Tcp;

/// Binds what was asked for, if it may be: a token always, loopback unless asked by the name that
/// says insecure.
pub(crate) fn bind(asked: &Tcp, has_token: bool) -> Result<TcpListener, ListenError> {
    let wrong = |why: &str| ListenError::Address { address: asked.address.clone(), why: why.to_owned() };
    let address: SocketAddr = asked
        .address
        .parse()
        .map_err(|_| wrong("not an IP address and port, such as 127.0.0.1:7777 or [::1]:0"))?;
    if !has_token {
        return Err(ListenError::NoToken(asked.address.clone()));
    }
    if !address.ip().is_loopback() && !asked.insecure {
        return Err(wrong(
            "others can reach it and nothing is encrypted; use a loopback address and a tunnel \
             (ssh -L), or Options::tcp_insecure_remote",
        ));
    }
    let listening = TcpListener::bind(address).and_then(|listener| {
        listener.set_nonblocking(true)?;
        Ok(listener)
    });
    listening.map_err(|error| ListenError::Socket { address: asked.address.clone(), error })
}

/// A listening TCP socket, closed for good when dropped: also for the fork children that share it.
#[derive(Debug)]
pub(crate) struct Listener(tokio::net::TcpListener);

impl Listener {
    /// Must run inside a Tokio runtime.
    pub(crate) fn of(listener: TcpListener) -> io::Result<Listener> {
        tokio::net::TcpListener::from_std(listener).map(Listener)
    }

    /// The next connection. Cancel-safe.
    pub(crate) async fn accept(&self) -> io::Result<TcpStream> {
        let (stream, _) = self.0.accept().await?;
        // Without it a small last packet may wait; a failure costs latency only.
        let _ = stream.set_nodelay(true);
        Ok(stream)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        system::shut_down(self.0.as_fd(), system::ShutDown::Both);
    }
}

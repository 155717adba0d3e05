//! The TCP address: checked before it is bound.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsFd as _;
use std::sync::Arc;

use rgops_capture::socket;

use super::socket::Socket;
use crate::ListenError;
use crate::options::Tcp;
use crate::reactor::{Direction, Reactor, Registered};

/// Parses and checks the requested address. It always needs a token, and must be a loopback address unless
/// `Options::tcp_insecure_remote` requested it. It must be an IP address, not a host name, so no name is resolved.
pub(crate) fn checked(requested: &Tcp, has_token: bool) -> Result<SocketAddr, ListenError> {
    let wrong = |why: &str| ListenError::Address { address: requested.address.clone(), why: why.to_owned() };
    let address: SocketAddr = requested
        .address
        .parse()
        .map_err(|_| wrong("not an IP address and port, such as 127.0.0.1:7777 or [::1]:0"))?;
    if !has_token {
        return Err(ListenError::NoToken(requested.address.clone()));
    }
    if !address.ip().is_loopback() && !requested.insecure {
        return Err(wrong(
            "other hosts can reach it and nothing is encrypted; use a loopback address and a tunnel \
             (ssh -L), or Options::tcp_insecure_remote",
        ));
    }
    Ok(address)
}

/// A listening TCP socket.
#[derive(Debug)]
pub(crate) struct Listener {
    listener: Registered<TcpListener>,
    address: SocketAddr,
}

impl Listener {
    /// Binds and listens. Call it on the agent's thread, so that the socket is in the agent's descriptor table.
    pub(crate) fn bind(reactor: &Arc<Reactor>, address: SocketAddr) -> Result<Listener, ListenError> {
        let bound = TcpListener::bind(address).and_then(|listener| {
            listener.set_nonblocking(true)?;
            let address = listener.local_addr()?;
            Ok(Listener { listener: Registered::new(reactor, listener)?, address })
        });
        bound.map_err(|error| ListenError::Socket { address: address.to_string(), error })
    }

    /// The address, with the port that the system chose for 0.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next connection. Cancel-safe.
    pub(crate) async fn accept(&self) -> io::Result<Socket> {
        let accept = |listener: &TcpListener| socket::accept(listener.as_fd());
        let connection = self.listener.when_ready(Direction::Read, accept).await?;
        Socket::tcp(self.listener.reactor(), connection)
    }
}

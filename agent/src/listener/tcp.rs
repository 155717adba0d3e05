//! The TCP address: checked before it is bound.

use std::net::{SocketAddr, TcpListener};

use crate::ListenError;
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

//! What is asked: `rgops serve` over HTTP, or the library in this process.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http_body_util::{BodyExt as _, Empty};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use rgops_serve::fleet::Fleet;
use rgops_serve::metrics::Metrics;
use tokio::net::TcpStream;

/// For this measurement alone, on the loopback device.
pub const TOKEN: &str = "0123456789abcdef0123456789abcdef";

#[derive(Clone)]
pub enum Server {
    Http(Arc<Http>),
    Library(Arc<Metrics>, Fleet),
}

pub struct Http {
    pub address: SocketAddr,
    serve: Mutex<Child>,
    /// Connections that nobody uses now.
    idle: Mutex<Vec<SendRequest<Empty<Bytes>>>>,
}

impl Server {
    pub async fn start(rgops: &str, port: u16, is_library: bool) -> Result<Server, String> {
        if is_library {
            return Ok(Server::Library(Arc::new(Metrics::default()), Fleet::default()));
        }
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let serve = Command::new(rgops)
            .args(["serve", &address.to_string()])
            .env("RGOPS_TOKEN", TOKEN)
            .stdout(Stdio::null())
            .spawn()
            .map_err(|error| format!("cannot start {rgops}: {error}"))?;
        let server =
            Server::Http(Arc::new(Http { address, serve: Mutex::new(serve), idle: Mutex::default() }));
        for _ in 0..100 {
            if TcpStream::connect(address).await.is_ok() {
                return Ok(server);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Err(format!("{rgops} serve does not listen at {address}"))
    }

    pub fn pid(&self) -> u32 {
        match self {
            Server::Http(http) => http.serve.lock().unwrap_or_else(PoisonError::into_inner).id(),
            Server::Library(..) => std::process::id(),
        }
    }

    /// The text of `/metrics`.
    pub async fn request(&self) -> Result<String, String> {
        match self {
            Server::Http(http) => http.request().await,
            Server::Library(metrics, fleet) => {
                let (metrics, fleet) = (Arc::clone(metrics), fleet.clone());
                let answer = tokio::task::spawn_blocking(move || metrics.exposition(&fleet, None).text);
                answer.await.map_err(|error| error.to_string())
            }
        }
    }
}

impl Http {
    async fn request(&self) -> Result<String, String> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut connection = match idle.filter(SendRequest::is_ready) {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        let request = Request::get("/metrics")
            .header("Host", self.address.to_string())
            .header("Authorization", format!("Bearer {TOKEN}"))
            .body(Empty::new())
            .map_err(|error| error.to_string())?;
        let answer = connection.send_request(request).await.map_err(|error| error.to_string())?;
        let status = answer.status();
        let body = answer.into_body().collect().await.map_err(|error| error.to_string())?.to_bytes();
        if status != StatusCode::OK {
            return Err(status.to_string());
        }
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        String::from_utf8(body.into()).map_err(|error| error.to_string())
    }

    async fn connect(&self) -> Result<SendRequest<Empty<Bytes>>, String> {
        let stream = TcpStream::connect(self.address).await.map_err(|error| error.to_string())?;
        let (sender, connection) =
            handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
        tokio::spawn(connection);
        Ok(sender)
    }
}

impl Drop for Http {
    fn drop(&mut self) {
        let serve = self.serve.get_mut().unwrap_or_else(PoisonError::into_inner);
        let _ = serve.kill();
        let _ = serve.wait();
    }
}

//! Clients that request `/metrics` and then read one byte a second.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use crate::server::{Server, TOKEN};

pub struct Readers {
    tasks: Vec<JoinHandle<()>>,
    closed: Arc<AtomicUsize>,
}

/// Starts so many; none for the library, which has no connections.
pub async fn start(server: &Server, count: usize) -> Result<Readers, String> {
    let closed = Arc::new(AtomicUsize::new(0));
    let mut tasks = Vec::new();
    if let Server::Http(http) = server {
        for _ in 0..count {
            let mut stream = TcpStream::connect(http.address).await.map_err(|error| error.to_string())?;
            let request = format!(
                "GET /metrics HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {TOKEN}\r\n\r\n",
                http.address
            );
            stream.write_all(request.as_bytes()).await.map_err(|error| error.to_string())?;
            let closed = Arc::clone(&closed);
            tasks.push(tokio::spawn(async move {
                while matches!(stream.read(&mut [0]).await, Ok(1)) {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
                closed.fetch_add(1, Ordering::Relaxed);
            }));
        }
    }
    Ok(Readers { tasks, closed })
}

impl Readers {
    /// How many were still connected, and how many the server had closed.
    pub async fn finished(self) -> (usize, usize) {
        let closed = self.closed.load(Ordering::Relaxed);
        for task in &self.tasks {
            task.abort();
        }
        (self.tasks.len() - closed, closed)
    }
}

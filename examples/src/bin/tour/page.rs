//! The last station: a profile in the browser.

use std::io::{self, IsTerminal as _};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// The time limit for the server to start, and for a page.
const TIMEOUT: Duration = Duration::from_secs(30);

/// `rgops pprof --http`, which runs until this is dropped.
pub(crate) struct Page {
    address: String,
    server: Child,
}

impl Page {
    /// Starts it.
    ///
    /// # Errors
    /// When it does not start, or says no address.
    pub(crate) async fn open(rgops: &Path, profile: &Path) -> io::Result<Page> {
        println!("\n$ rgops pprof --http {}", profile.display());
        let mut server = Command::new(rgops)
            .args(["pprof", "--http", "--no_browser"])
            .arg(profile)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let output = server.stdout.take().ok_or_else(|| io::Error::other("no output"))?;
        let mut lines = BufReader::new(output).lines();
        let first = timeout(TIMEOUT, lines.next_line()).await;
        match first {
            Ok(Ok(Some(address))) if address.starts_with("http://") => Ok(Page { address, server }),
            _ => Err(io::Error::other("rgops pprof --http says no address")),
        }
    }

    /// Asks for the page as a browser does. Returns what is wrong with it.
    pub(crate) async fn check(&self) -> Option<String> {
        match timeout(TIMEOUT, self.status()).await {
            Ok(Ok(status)) if status.starts_with("HTTP/1.1 200") => None,
            Ok(Ok(status)) => Some(format!("{}: {status}", self.address)),
            Ok(Err(error)) => Some(format!("{}: {error}", self.address)),
            Err(_) => Some(format!("{}: no answer in {} s", self.address, TIMEOUT.as_secs())),
        }
    }

    /// The first line of the answer.
    async fn status(&self) -> io::Result<String> {
        let rest = self.address.strip_prefix("http://").unwrap_or_default();
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let mut connection = TcpStream::connect(host).await?;
        let request = format!("GET /{path}flamegraph HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        connection.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        connection.read_to_end(&mut answer).await?;
        let answer = String::from_utf8_lossy(&answer);
        Ok(answer.lines().next().unwrap_or_default().to_owned())
    }

    /// Shows the address. If somebody is at the terminal, the page stays until Ctrl-C.
    pub(crate) async fn show(mut self) {
        println!("The flame graph of the shop, its source and its call graph are in your browser at\n");
        println!("  {}\n", self.address);
        if io::stdout().is_terminal() && io::stdin().is_terminal() {
            println!("Ctrl-C ends the page and the tour.");
            let _ = tokio::signal::ctrl_c().await;
        } else {
            println!("The page ends with the tour, as this is not a terminal.");
        }
        let _ = self.server.kill().await;
    }
}

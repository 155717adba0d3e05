//! A small HTTP server for tests: it keeps the requests, and answers as it is told.

use std::io::{self, BufRead as _, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// A received request.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// With its query, in small letters.
    pub(crate) path: String,
    /// Its header, in small letters.
    pub(crate) header: String,
    /// What was posted.
    pub(crate) body: String,
}

/// What is written, byte by byte: the status line and everything after it.
pub(crate) type Answer = Vec<u8>;

/// The server. Its threads end with the test.
pub(crate) struct Server {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
}

/// Makes an encrypted stream of a connection, or returns it as it is.
pub(crate) type Wrap = dyn Fn(TcpStream) -> io::Result<Box<dyn Stream>> + Send + Sync;

/// A connection.
pub(crate) trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

impl Server {
    /// Answers each request by `answer`; `None` never answers.
    pub(crate) fn start(answer: impl Fn(&Request) -> Option<Answer> + Send + Sync + 'static) -> Server {
        Server::start_wrapped("127.0.0.1", Box::new(|stream| Ok(Box::new(stream))), answer)
    }

    /// The same at an address of this computer, on streams made by `wrap`.
    pub(crate) fn start_wrapped(
        host: &str,
        wrap: Box<Wrap>,
        answer: impl Fn(&Request) -> Option<Answer> + Send + Sync + 'static,
    ) -> Server {
        let listener = TcpListener::bind((host, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (kept, answer, wrap) = (requests.clone(), Arc::new(answer), Arc::new(wrap));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (kept, answer, wrap) = (kept.clone(), answer.clone(), wrap.clone());
                // A broken connection is for the client to notice.
                thread::spawn(move || wrap(stream).and_then(|stream| serve(stream, &kept, &*answer)));
            }
        });
        Server { address, requests }
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// `http://127.0.0.1:PORT` + `path`.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// What was asked so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

fn serve(
    mut stream: Box<dyn Stream>,
    kept: &Mutex<Vec<Request>>,
    answer: &dyn Fn(&Request) -> Option<Answer>,
) -> io::Result<()> {
    let mut header = String::new();
    {
        // Byte by byte, so that nothing behind the header is taken.
        let mut lines = BufReader::with_capacity(1, &mut stream);
        while !header.ends_with("\r\n\r\n") {
            if lines.read_line(&mut header)? == 0 {
                return Ok(());
            }
        }
    }
    let header = header.to_ascii_lowercase();
    // A body that is not read would reset the connection.
    let length = header.lines().find_map(|line| line.strip_prefix("content-length: ")?.trim().parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body)?;
    let path = header.split(' ').nth(1).unwrap_or_default().to_owned();
    let request = Request { path, header, body: String::from_utf8_lossy(&body).into_owned() };
    kept.lock().unwrap().push(request.clone());
    match answer(&request) {
        Some(answer) => {
            stream.write_all(&answer)?;
            stream.flush()
        }
        None => {
            // Until the client gives up.
            let _ = stream.read(&mut [0; 64]);
            Ok(())
        }
    }
}

/// An answer with a body and these header lines, each with its line end.
pub(crate) fn answer(status: &str, header: &str, body: &[u8]) -> Option<Answer> {
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n{header}\r\n");
    Some([head.as_bytes(), body].concat())
}

//! A client of HTTP that does what it is told, also what a browser would not.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use rgops_tests::waiting::DEADLINE;

use crate::server::{Server, TOKEN};

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Lower-case names.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(of, _)| of == name).map_or("", |(_, value)| value)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// A connection.
pub(crate) fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(&server.host).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.set_write_timeout(Some(DEADLINE)).unwrap();
    stream
}

/// `GET` with the token.
pub(crate) fn get(server: &Server, path: &str) -> Answer {
    let headers = format!("Host: {}\r\nAuthorization: Bearer {TOKEN}\r\n", server.host);
    send(server, "GET", path, &headers, "")
}

/// Any request; `headers` are lines.
pub(crate) fn send(server: &Server, method: &str, path: &str, headers: &str, body: &str) -> Answer {
    let mut stream = connect(server);
    let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    let request = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n{headers}{length}\r\n{body}");
    stream.write_all(request.as_bytes()).unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    let end = bytes
        .windows(4)
        .position(|of| of == b"\r\n\r\n")
        .unwrap_or_else(|| panic!("{method} {path}: no answer"));
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers = lines.filter_map(|line| line.split_once(": "));
    let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
    Answer { status, headers, body: bytes[end + 4..].to_vec() }
}

//! Answers of what could be made.

use std::fmt::Write as _;

use http::StatusCode;
use http::header::{self, HeaderValue};

use super::escape::without_controls;
use super::headers::{FILE, HTML, JSON, Reply, TEXT, answer};

/// A profile as a file: `gz` is the compressed message. `name` is `heap`, `profile`, …; that of a difference has
/// `-delta` behind it.
pub fn profile_file(name: &str, gz: Vec<u8>, is_delta: bool) -> Reply {
    let delta = if is_delta { "-delta" } else { "" };
    file(&format!("{name}{delta}"), gz)
}

/// A file with this name. What is not a letter, digit, dot, hyphen or underscore in the name becomes an underscore.
pub fn file(name: &str, bytes: Vec<u8>) -> Reply {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-' | '_');
    let name = name.replace(|letter| !is_plain(letter), "_");
    let mut reply = answer(StatusCode::OK, FILE, bytes);
    if let Ok(disposition) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
        reply.headers_mut().insert(header::CONTENT_DISPOSITION, disposition);
    }
    reply
}

/// A text.
pub fn text(text: impl Into<String>) -> Reply {
    answer(StatusCode::OK, TEXT, text.into().into_bytes())
}

/// A JSON document.
pub fn json(document: impl Into<String>) -> Reply {
    answer(StatusCode::OK, JSON, document.into().into_bytes())
}

/// A page. Its only style is [`STYLE`](super::STYLE), in one `<style>`.
pub fn html(status: StatusCode, page: String) -> Reply {
    answer(status, HTML, page.into_bytes())
}

/// The program's name and the arguments that may be told, with NUL between them. Over TCP that is the name only.
pub fn cmdline<T: AsRef<str>>(arguments: impl IntoIterator<Item = T>) -> Reply {
    let mut joined = String::new();
    for (at, argument) in arguments.into_iter().enumerate() {
        if at > 0 {
            joined.push('\0');
        }
        joined.push_str(argument.as_ref());
    }
    text(joined)
}

/// Names of addresses. One without a name is left out by the caller, as in Go.
pub fn symbol<T: AsRef<str>>(named: impl IntoIterator<Item = (u64, T)>) -> Reply {
    let mut lines = String::from("num_symbols: 1\n");
    for (address, name) in named {
        // Writing to a String cannot fail.
        let _ = writeln!(lines, "{address:#x} {}", without_controls(name.as_ref()));
    }
    text(lines)
}

/// `/debug/pprof` leads to `/debug/pprof/`, with the same method, as in Go. `to` is a path of this server.
pub fn moved(to: &str) -> Reply {
    led(StatusCode::TEMPORARY_REDIRECT, to)
}

/// After a form: leads to another page, with `GET`. `to` is a path of this server.
pub fn redirect(to: &str) -> Reply {
    led(StatusCode::SEE_OTHER, to)
}

fn led(status: StatusCode, to: &str) -> Reply {
    let mut reply = answer(status, TEXT, Vec::new());
    if let Ok(to) = HeaderValue::from_str(to) {
        reply.headers_mut().insert(header::LOCATION, to);
    }
    reply
}

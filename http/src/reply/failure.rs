//! Answers of what could not be made. Each has the header by which `go tool pprof` shows its text.

use std::time::Duration;

use http::StatusCode;
use http::header::{self, HeaderName, HeaderValue};

use super::escape::without_controls;
use super::headers::{Reply, TEXT, answer};
use crate::ask::Refusal;

/// An error with this text. Control characters in it are escaped.
pub fn error(status: StatusCode, text: &str) -> Reply {
    let mut reply = answer(status, TEXT, format!("{}\n", without_controls(text)).into_bytes());
    reply.headers_mut().insert(HeaderName::from_static("x-go-pprof"), HeaderValue::from_static("1"));
    reply
}

/// A request that cannot be answered, in Go's words where it has some.
pub fn refused(refusal: &Refusal) -> Reply {
    let mut reply = error(refusal.status(), &refusal.to_string());
    if let Refusal::Method { allowed } = refusal {
        reply.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
        // It is Go's router that refuses a method, and not its package for profiles.
        reply.headers_mut().remove("x-go-pprof");
    }
    reply
}

/// A CPU profile is taken already.
pub fn cpu_busy() -> Reply {
    error(StatusCode::INTERNAL_SERVER_ERROR, "Could not enable CPU profiling: cpu profiling already in use")
}

/// A trace is taken already.
pub fn trace_busy() -> Reply {
    error(StatusCode::INTERNAL_SERVER_ERROR, "Could not enable tracing: execution tracer already enabled")
}

/// The client left, or the server ends.
pub fn cancelled() -> Reply {
    error(StatusCode::INTERNAL_SERVER_ERROR, "context canceled")
}

/// Something went wrong: `what` and why.
pub fn failed(what: &str) -> Reply {
    error(StatusCode::INTERNAL_SERVER_ERROR, what)
}

/// This program does not have it: why, and what to do about it. Asking again does not help.
pub fn unavailable(reason: &str, fix: &str) -> Reply {
    error(StatusCode::NOT_IMPLEMENTED, &format!("unavailable ({reason}, {fix})"))
}

/// It cannot be had now: why. `after` is when to ask again, rounded up to a second.
pub fn try_again(reason: &str, after: Duration) -> Reply {
    let seconds = after.as_secs().saturating_add(u64::from(after.subsec_nanos() > 0)).max(1);
    let mut reply =
        error(StatusCode::SERVICE_UNAVAILABLE, &format!("unavailable ({reason}, ask again in {seconds} s)"));
    reply.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    reply
}

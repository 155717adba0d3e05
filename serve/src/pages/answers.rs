//! Answers: pages, problems, redirects.

use axum::body::Body;
use axum::http::header::{self, HeaderValue};
use axum::http::{Response, StatusCode};
use maud::{Markup, html};
use rgops_inspect::session::{ErrorKind, SessionError};

use super::frame;
use crate::fleet::NotFound;

/// An answer of this media type.
pub(super) fn body(status: StatusCode, kind: &'static str, body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// A page.
pub(super) fn html(status: StatusCode, page: String) -> Response<Body> {
    body(status, "text/html; charset=utf-8", page)
}

/// Leads to another address of ours.
pub(super) fn redirect(to: &str) -> Response<Body> {
    let mut response = html(StatusCode::SEE_OTHER, String::new());
    if let Ok(to) = HeaderValue::from_str(to) {
        response.headers_mut().insert(header::LOCATION, to);
    }
    response
}

/// A file to be saved under this name, which has only letters of ASCII, digits, dots and dashes.
pub(super) fn download(file: &str, kind: &'static str, bytes: impl Into<Body>) -> Response<Body> {
    let mut response = body(StatusCode::OK, kind, bytes);
    if let Ok(disposition) = HeaderValue::from_str(&format!("attachment; filename=\"{file}\"")) {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, disposition);
    }
    response
}

/// Why there is no page, and what to do.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    title: String,
    why: String,
    fix: Markup,
}

impl Problem {
    /// A problem with the text of a way out.
    pub(super) fn new(
        status: StatusCode,
        title: impl Into<String>,
        why: impl Into<String>,
        fix: impl Into<String>,
    ) -> Problem {
        let fix: String = fix.into();
        let fix = html! { @if !fix.is_empty() { p.fix { "Fix: " (fix) } } };
        Problem { status, title: title.into(), why: why.into(), fix }
    }

    /// The same with a link as the way out.
    pub(super) fn with_link(mut self, address: &str, text: &str) -> Problem {
        self.fix = html! { (self.fix) p { a href=(address) { (text) } } };
        self
    }

    /// Its page.
    pub(super) fn page(&self) -> Response<Body> {
        let body = html! {
            section.problem role="alert" {
                p { (self.why) }
                (self.fix)
            }
            p { a href="/" { "All programs" } }
        };
        html(self.status, frame::plain(&self.title, &body).page())
    }

    /// Its text, for a stream or a script.
    pub(super) fn text(&self) -> Response<Body> {
        body(self.status, "text/plain; charset=utf-8", format!("{}: {}\n", self.title, self.why))
    }
}

impl From<NotFound> for Problem {
    fn from(error: NotFound) -> Problem {
        let status = match error {
            NotFound::Several { .. } => StatusCode::CONFLICT,
            _ => StatusCode::NOT_FOUND,
        };
        let fix = "choose it in the list of all programs; one that ended is not there";
        Problem::new(status, "No such program", error.to_string(), fix)
    }
}

impl From<SessionError> for Problem {
    fn from(error: SessionError) -> Problem {
        let status = match error.kind() {
            ErrorKind::NotFound => StatusCode::NOT_FOUND,
            ErrorKind::Refused => StatusCode::FORBIDDEN,
            ErrorKind::TimedOut => StatusCode::GATEWAY_TIMEOUT,
            ErrorKind::Usage => StatusCode::BAD_REQUEST,
            _ => StatusCode::BAD_GATEWAY,
        };
        Problem::new(status, sentence(&error.what()), error.why(), error.fix())
    }
}

/// The same text with a capital.
pub(super) fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

//! Headers that all answers have: what a browser may do with them.

use http::header::{self, HeaderName, HeaderValue};
use http::{Response, StatusCode};

/// An answer with its whole body.
pub type Reply = Response<Vec<u8>>;

/// The style of our pages: the only one that [`protect`] lets a browser use.
pub const STYLE: &str = include_str!("page.css");

/// Nothing runs, is loaded or frames us; forms go to us; the style is [`STYLE`], by its hash.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; \
    style-src 'sha256-/RFXdN0O/Qtdh01SlGe9GLlBRAqoqvGZmUvkiI/zfIQ='; \
    form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Adds the headers that keep a browser from running, keeping or sharing what is in an answer. Every answer of this
/// crate has them; a header that is there already remains.
pub fn protect<B>(response: &mut Response<B>) {
    let all: [(HeaderName, &'static str); 6] = [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    let headers = response.headers_mut();
    for (name, value) in all {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
}

/// An answer of this media type.
pub(crate) fn answer(status: StatusCode, kind: &'static str, body: Vec<u8>) -> Reply {
    let mut reply = Response::new(body);
    *reply.status_mut() = status;
    reply.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    protect(&mut reply);
    reply
}

/// The media type of texts.
pub(crate) const TEXT: &str = "text/plain; charset=utf-8";
/// The media type of pages.
pub(crate) const HTML: &str = "text/html; charset=utf-8";
/// The media type of files.
pub(crate) const FILE: &str = "application/octet-stream";
/// The media type of documents.
pub(crate) const JSON: &str = "application/json";

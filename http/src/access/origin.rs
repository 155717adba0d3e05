//! Whether a page of another site made a request.

use http::header::{self, AsHeaderName};
use http::{HeaderMap, Method};

/// A page of another site made the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a page of another site made this request; open the address by itself")]
pub struct Foreign;

/// Checks `Origin` and `Sec-Fetch-Site` against `host`, which is the checked `Host` of the request. `scheme` is that of
/// this server, `http` or `https`. Who is not a browser sends neither.
///
/// # Errors
/// [`Foreign`].
pub fn check_origin(method: &Method, headers: &HeaderMap, scheme: &str, host: &str) -> Result<(), Foreign> {
    let of_scheme = |origin: &'_ str| origin.strip_prefix(scheme)?.strip_prefix("://").map(str::to_owned);
    let is_origin = |origin: &str| of_scheme(origin).is_some_and(|of| of.eq_ignore_ascii_case(host));
    // Our pages send no referrer, and for that browsers write `null` as the origin of a form. Only Sec-Fetch-Site tells
    // that from the `null` of a foreign page in a sandbox.
    let is_own_page = only(headers, "sec-fetch-site") == Some("same-origin");
    match (headers.contains_key(header::ORIGIN), only(headers, header::ORIGIN)) {
        (false, _) => {}
        (true, Some("null")) if is_own_page => {}
        (true, Some(origin)) if is_origin(origin) => {}
        _ => return Err(Foreign),
    }
    match (headers.contains_key("sec-fetch-site"), only(headers, "sec-fetch-site")) {
        (false, _) => Ok(()),
        (true, _) if is_own_page => Ok(()),
        // Somebody typed the address or opened a bookmark.
        (true, Some("none")) if matches!(*method, Method::GET | Method::HEAD) => Ok(()),
        _ => Err(Foreign),
    }
}

/// The value of a header that is there once; `None` if it is there twice or is not text.
pub fn only(headers: &HeaderMap, name: impl AsHeaderName) -> Option<&str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok();
    if values.next().is_some() { None } else { value }
}

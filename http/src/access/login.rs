//! The login page.

use http::header::{HeaderValue, SET_COOKIE};
use http::{StatusCode, Uri};

use super::secrets::SESSION;
use crate::form;
use crate::reply::{Reply, STYLE, error, html, html_escaped, redirect};

/// Where the login page is.
pub const LOGIN_PATH: &str = "/login";

/// The most bytes of its form.
pub const MAX_FORM_BYTES: usize = 16 << 10;

/// The longest path that it leads to.
const MAX_TO_BYTES: usize = 4096;

/// What the form has.
pub(super) struct Form {
    pub(super) token: String,
    to: String,
}

impl Form {
    /// Of the body of a request.
    pub(super) fn of(body: &[u8]) -> Form {
        let body = if body.len() > MAX_FORM_BYTES { "".into() } else { String::from_utf8_lossy(body) };
        let field = |name: &str| form::value(&body, name).unwrap_or_default();
        Form { token: field("token"), to: field("to") }
    }

    /// Where it leads to: a path of this server, or `home`.
    pub(super) fn to<'a>(&'a self, home: &'a str) -> &'a str {
        if is_local(&self.to) { &self.to } else { home }
    }
}

/// Whether a browser takes this for a path of the same server. `//host` and `/\host` are other servers; a line end would
/// end the header, and browsers drop tabs.
fn is_local(to: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && byte != b'\\';
    to.len() <= MAX_TO_BYTES && to.starts_with('/') && !to.starts_with("//") && to.bytes().all(is_plain)
}

/// Leads a browser to the login page at `path`, and from there to what it asked for.
pub(super) fn lead(path: &str, uri: &Uri) -> Reply {
    let asked = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    match is_local(asked) {
        true => redirect(&format!("{path}?to={}", form::encoded(asked))),
        false => redirect(path),
    }
}

/// Nobody needs to log in.
pub(super) fn not_needed(home: &str) -> Reply {
    redirect(home)
}

/// The form.
pub(super) fn page(uri: &Uri) -> Reply {
    let to = uri.query().and_then(|query| form::value(query, "to")).unwrap_or_default();
    written(StatusCode::OK, &to, "")
}

/// The form again.
pub(super) fn wrong(form: &Form) -> Reply {
    written(StatusCode::UNAUTHORIZED, &form.to, "<p role=\"alert\">The token is wrong.</p>\n")
}

/// The form is not asked for and not sent.
pub(super) fn method() -> Reply {
    let mut reply = error(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed");
    reply.headers_mut().insert(http::header::ALLOW, HeaderValue::from_static("GET, HEAD, POST"));
    reply
}

/// The cookie, and the way to what was asked for.
pub(super) fn done(cookie: &str, session: &str, is_tls: bool, to: &str) -> Reply {
    let mut reply = redirect(to);
    let secure = if is_tls { "; Secure" } else { "" };
    let seconds = SESSION.as_secs();
    let cookie = format!("{cookie}={session}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}");
    if let Ok(mut cookie) = HeaderValue::from_str(&cookie) {
        cookie.set_sensitive(true);
        reply.headers_mut().insert(SET_COOKIE, cookie);
    }
    reply
}

/// The form sends itself to where it is, so it needs no path.
fn written(status: StatusCode, to: &str, alert: &str) -> Reply {
    let to = if is_local(to) { html_escaped(to) } else { String::new() };
    html(
        status,
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width\">\n<title>rgops: log in</title>\n\
             <style>{STYLE}</style>\n</head>\n<body>\n<h1>rgops</h1>\n\
             <p>This server needs the token that it was started with.</p>\n{alert}\
             <form method=\"post\">\n<label for=\"token\">Token</label>\n\
             <input id=\"token\" name=\"token\" type=\"password\" autocomplete=\"current-password\" required autofocus>\n\
             <input name=\"to\" type=\"hidden\" value=\"{to}\">\n<button>Log in</button>\n</form>\n</body>\n</html>\n"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_leads_only_to_paths_of_this_server() {
        for to in ["/", "/p/shop/debug/pprof/heap?debug=1", "/a%0d%0ab"] {
            assert!(is_local(to), "{to}");
        }
        let others =
            ["", "//evil", "/\\evil", "/a\\b", "http://evil", "evil", "/a\r\nb", "/\tevil", "/é", "/ /evil"];
        for to in others {
            assert!(!is_local(to), "{to:?}");
        }
        assert!(!is_local(&format!("/{}", "a".repeat(MAX_TO_BYTES))));
    }
}

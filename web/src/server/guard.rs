//! Which requests are answered at all.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::Response;

use super::headers::{self, redirect};
use super::passes::Pass;
use super::peer::Peer;
use super::state::Gate;
use crate::layout;

/// The most bytes of a request's path and headers; the query has a limit of its own.
const REQUEST_BYTES: usize = 32 << 10;
/// The most headers.
const HEADERS: usize = 64;
/// Why a path that begins with nothing of ours is refused.
const NO_SECRET: &str = "The address lacks the secret part. Open the whole address that rgops printed.";

/// Answers 403 to a request that did not come from the address that was printed or from one of our pages.
pub(super) async fn guard(State(gate): State<Arc<Gate>>, request: Request, next: Next) -> Response {
    if is_too_large(&request) {
        let why = "The request is too large.";
        return refusal(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, why);
    }
    let checked = check(&gate, request.method(), request.uri(), request.headers());
    let known = match checked {
        Ok(known) => known,
        Err(why) => return refusal(StatusCode::FORBIDDEN, why),
    };
    let redeemed = match known {
        Known::Secret => None,
        Known::Ticket(ticket) => {
            let peer = request.extensions().get().copied();
            let Some(view) = redeem(&gate, peer, &ticket).await else {
                return refusal(StatusCode::FORBIDDEN, NO_SECRET);
            };
            Some(view)
        }
    };
    if let Some(pass) = request.extensions().get::<Pass>() {
        pass.clone().show().await;
    }
    headers::protect(match redeemed {
        None => next.run(request).await,
        Some(view) => redirect(&format!("/{}/ui/{view}", gate.secret.text())),
    })
}

/// The page that a ticket leads to. Whoever else asks for it, it remains good.
async fn redeem(gate: &Gate, peer: Option<Peer>, ticket: &str) -> Option<String> {
    let peer = peer?;
    let is_ours = tokio::task::spawn_blocking(move || peer.is_ours()).await.unwrap_or(false);
    if is_ours { gate.tickets.take(ticket) } else { None }
}

/// An answer that ends the connection.
fn refusal(status: StatusCode, why: &str) -> Response {
    let mut response = headers::html(status, layout::refusal(why));
    response.headers_mut().insert(header::CONNECTION, header::HeaderValue::from_static("close"));
    headers::protect(response)
}

fn is_too_large(request: &Request) -> bool {
    let headers = request.headers();
    let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    headers.len() > HEADERS || bytes + request.uri().path().len() > REQUEST_BYTES
}

/// Why a request is answered.
enum Known {
    /// Its path has the secret.
    Secret,
    /// Its path is this ticket, if it is of someone who may use it.
    Ticket(String),
}

fn check(gate: &Gate, method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<Known, &'static str> {
    let is_loopback = gate.address.is_loopback();
    // HTTP/1.1 has exactly one; a request with an absolute address has it there, too, and must not disagree.
    let host = only(headers, header::HOST).ok_or("The request does not say which host it is for.")?;
    let is_same = uri.authority().is_none_or(|authority| authority.as_str().eq_ignore_ascii_case(host));
    if !is_same || !gate.address.is_host(host) {
        return Err(if is_loopback {
            "The request is for another host. Open the address that rgops printed."
        } else {
            "The request is for another host. Open the address by the IP address of the machine."
        });
    }
    let is_origin =
        |origin: &str| origin.strip_prefix("http://").is_some_and(|of| of.eq_ignore_ascii_case(host));
    let foreign =
        "The page of another site made this request. Open the address that rgops printed by itself.";
    // Our pages send no referrer, and for that browsers write `null` as the origin of a form. Only Sec-Fetch-Site tells
    // that from the `null` of a foreign page in a sandbox.
    let is_own_page = only(headers, "sec-fetch-site") == Some("same-origin");
    match (headers.contains_key(header::ORIGIN), only(headers, header::ORIGIN)) {
        (false, _) => {}
        (true, Some("null")) if is_own_page => {}
        (true, Some(origin)) if is_origin(origin) => {}
        _ => return Err(foreign),
    }
    match (headers.contains_key("sec-fetch-site"), only(headers, "sec-fetch-site")) {
        (false, _) => {}
        (true, _) if is_own_page => {}
        (true, Some("none")) if method == Method::GET => {}
        _ => return Err(foreign),
    }
    let secret = uri.path().split('/').nth(1).unwrap_or_default();
    if gate.secret.is(secret) {
        return Ok(Known::Secret);
    }
    let ticket = uri.path().trim_start_matches('/');
    if method == Method::GET && gate.tickets.is_good(ticket) {
        return Ok(Known::Ticket(ticket.to_owned()));
    }
    Err(NO_SECRET)
}

/// The value of a header that is there once.
fn only(headers: &HeaderMap, name: impl header::AsHeaderName) -> Option<&str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok();
    if values.next().is_some() { None } else { value }
}

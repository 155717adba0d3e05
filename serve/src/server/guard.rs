//! Which requests are answered at all: those with the token, the cookie of the login page, or a ticket, that are for us
//! and not of another site's page.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::header::SET_COOKIE;
use http::request::Parts;
use http::{Method, StatusCode};
use rgops_http::access::{Denied, LOGIN_PATH, MAX_FORM_BYTES};
use rgops_http::reply::{self, Reply, protect};
use rgops_web::listening::{Pass, Peer};

use super::state::Gate;
use super::weight::sent;

/// The time for the form of the login page to arrive.
const FORM_TIMEOUT: Duration = Duration::from_secs(10);
/// The most bytes of a request's headers.
const REQUEST_BYTES: usize = 32 << 10;

/// Answers a request that may ask; the others have the login page, 401 or 403.
pub(super) async fn guard(State(gate): State<Arc<Gate>>, request: Request, next: Next) -> Response {
    let mut response = answer(&gate, request, next).await;
    protect(&mut response);
    gate.numbers.answered(response.status());
    response
}

async fn answer(gate: &Gate, request: Request, next: Next) -> Response {
    if is_too_large(&request) {
        let why = "the path and the headers are too large";
        return sent(reply::error(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, why));
    }
    let pass = request.extensions().get::<Pass>().cloned();
    let show = async || {
        if let Some(pass) = &pass {
            pass.show().await;
        }
    };
    if gate.access.is_login(request.uri().path()) {
        let reply = login(gate, request).await;
        if reply.headers().contains_key(SET_COOKIE) {
            show().await;
        }
        return sent(reply);
    }
    let (parts, body) = request.into_parts();
    match gate.access.check(&parts) {
        Ok(_) => {
            show().await;
            next.run(Request::from_parts(parts, body)).await
        }
        Err(denied) => match redeem(gate, &parts, denied).await {
            Some(to) => sent(gate.access.let_in(&to)),
            None => sent(gate.access.denied(&parts, denied)),
        },
    }
}

async fn login(gate: &Gate, request: Request) -> Reply {
    let (parts, body) = request.into_parts();
    let body = match parts.method {
        Method::POST => form(body).await,
        _ => Some(Vec::new()),
    };
    match body {
        Some(body) => gate.access.login(&parts, &body),
        None => {
            let why = "the form is too large, or did not arrive in time";
            reply::error(StatusCode::BAD_REQUEST, why)
        }
    }
}

async fn form(body: Body) -> Option<Vec<u8>> {
    Some(tokio::time::timeout(FORM_TIMEOUT, to_bytes(body, MAX_FORM_BYTES)).await.ok()?.ok()?.into())
}

/// The page that a ticket leads to. Whoever else asks for it, it remains good.
async fn redeem(gate: &Gate, parts: &Parts, denied: Denied) -> Option<String> {
    // These are said only to requests that are for us and of nobody's page.
    if !matches!(denied, Denied::Missing | Denied::Expired) || parts.method != Method::GET {
        return None;
    }
    let ticket = parts.uri.path().strip_prefix(LOGIN_PATH)?.strip_prefix('/')?;
    if !gate.tickets.is_good(ticket) {
        return None;
    }
    let peer: Peer = parts.extensions.get().copied()?;
    let is_ours = tokio::task::spawn_blocking(move || peer.is_ours()).await.unwrap_or(false);
    if is_ours { gate.tickets.take(ticket) } else { None }
}

fn is_too_large(request: &Request) -> bool {
    let headers = request.headers().iter();
    let headers: usize = headers.map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    // The query of `symbol` may be long, and has a limit of its own.
    headers > REQUEST_BYTES || target > rgops_http::ask::MAX_QUERY_BYTES
}

//! `/p/PROGRAM/debug/pprof/…`.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{Path, Request, State};
use axum::response::Response;
use http::Method;
use rgops_http::ask::{MAX_BODY_BYTES, ask};
use rgops_http::reply::{self, head, moved, refused};

use super::state::State as Shared;
use super::weight::sent;

/// What the paths of profiles have in common.
const BELOW: &str = "/debug/pprof/";
/// The time for the body of a request to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// A program's name or pid in a path.
#[derive(serde::Deserialize)]
pub(super) struct Of {
    pub(super) program: String,
}

/// `/p/PROGRAM/debug/pprof` leads to `/p/PROGRAM/debug/pprof/`.
pub(super) async fn without_slash(request: Request) -> Response {
    let query = request.uri().query().map_or_else(String::new, |query| format!("?{query}"));
    sent(moved(&format!("{}/{query}", request.uri().path())))
}

/// The answers of `net/http/pprof`.
pub(super) async fn pprof(
    State(shared): State<Shared>,
    Path(Of { program }): Path<Of>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let below = parts.uri.path().split_once(BELOW).map_or("", |(_, below)| below);
    let body = match parts.method {
        Method::POST => match received(body).await {
            Some(body) => body,
            None => {
                let why = "the body is too large, or did not arrive in time";
                return sent(reply::error(http::StatusCode::BAD_REQUEST, why));
            }
        },
        _ => Vec::new(),
    };
    let ask = match ask(&parts.method, below, parts.uri.query(), &body) {
        Ok(ask) => ask,
        Err(refusal) => return sent(refused(&refusal)),
    };
    let program = match shared.numbers.find(&shared.fleet, program).await {
        Ok(program) => program,
        Err(reply) => return sent(reply),
    };
    if parts.method == Method::HEAD {
        return sent(head(&ask));
    }
    let answered = shared.flights.ask(&program, ask).await;
    shared.weight.response(&answered)
}

async fn received(body: Body) -> Option<Vec<u8>> {
    // One byte more, by which a body that is too large is known.
    let body = tokio::time::timeout(BODY_TIMEOUT, to_bytes(body, MAX_BODY_BYTES + 1)).await;
    Some(body.ok()?.ok()?.into())
}

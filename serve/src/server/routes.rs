//! Which answer an address has.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use axum::routing::{any, get};
use http::header::HOST;
use rgops_http::reply;

use super::guard::guard;
use super::profiles::{Of, pprof, without_slash};
use super::state::{Gate, State as Shared};
use super::weight::sent;
use crate::pages::{self, Pages};

/// All addresses, behind the checks of [`guard`].
pub(super) fn router(shared: Shared, gate: Arc<Gate>, pages: Arc<Pages>) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/sd", get(targets))
        .route("/p/{program}/metrics", get(metrics_of))
        .route("/p/{program}/debug/pprof", any(without_slash))
        .route("/p/{program}/debug/pprof/", any(pprof))
        .route("/p/{program}/debug/pprof/{*below}", any(pprof))
        .with_state(shared)
        .merge(pages::router(pages))
        .fallback(nothing)
        .layer(from_fn_with_state(gate, guard))
}

async fn nothing() -> Response {
    sent(reply::error(http::StatusCode::NOT_FOUND, "there is no such page; the programs are listed at /"))
}

async fn metrics(State(shared): State<Shared>, request: Request) -> Response {
    let answered = shared.numbers.all(&shared.fleet, request.headers()).await;
    shared.weight.response(&answered)
}

async fn metrics_of(
    State(shared): State<Shared>,
    Path(Of { program }): Path<Of>,
    request: Request,
) -> Response {
    match shared.numbers.find(&shared.fleet, program).await {
        Ok(program) => shared.weight.response(&shared.numbers.of(program, request.headers()).await),
        Err(reply) => sent(reply),
    }
}

async fn targets(State(shared): State<Shared>, request: Request) -> Response {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let answered = shared.numbers.targets(&shared.fleet, host.to_owned()).await;
    shared.weight.response(&answered)
}

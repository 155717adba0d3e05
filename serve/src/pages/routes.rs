//! Which page an address has.

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::{any, get, post};
use rgops_web::shell::protect;

use super::shared::Pages;
use super::{assets, host, program, results, tasks, threads};

/// `/`, `/p/PROGRAM/` and what their pages ask for (`/p/PROGRAM/live`, `/assets/…`). It needs a Tokio runtime with time.
///
/// Two parts of the path have names: `program` and `id`.
pub fn router(pages: Arc<Pages>) -> Router {
    Router::new()
        .route("/", get(host::page))
        .route("/live", get(host::live))
        .route("/assets/{name}", get(assets::asset))
        .route("/p/{program}", get(program::leads))
        .route("/p/{program}/", get(program::page))
        .route("/p/{program}/live", get(program::live))
        .route("/p/{program}/threads", get(threads::page))
        .route("/p/{program}/tasks", get(tasks::page))
        .route("/p/{program}/take", post(results::take))
        .route("/p/{program}/results/{id}", get(results::leads))
        .route("/p/{program}/results/{id}/", get(results::page))
        .route("/p/{program}/results/{id}/live", get(results::live))
        .route("/p/{program}/results/{id}/end", post(results::end))
        .route("/p/{program}/results/{id}/file", get(results::file))
        .route("/p/{program}/results/{id}/ui/", any(results::analyser))
        .route("/p/{program}/results/{id}/ui/{*rest}", any(results::analyser))
        .route_layer(from_fn(protected))
        .with_state(pages)
}

async fn protected(request: Request, next: Next) -> Response {
    protect(next.run(request).await)
}

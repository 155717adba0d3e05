//! The routes: what each request does, in a span of its own.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;

use crate::cart::{self, CartPage, Carts};
use crate::catalogue::Catalogue;
use crate::database::Database;
use crate::recommendations::Recommender;
use crate::report;
use crate::sessions::Sessions;

/// The state of the shop, cheap to clone: axum clones it for each request.
#[derive(Debug, Clone)]
pub(crate) struct Shop {
    catalogue: Arc<Catalogue>,
    carts: Arc<Carts>,
    sessions: Arc<Sessions>,
    database: Arc<Database>,
    recommender: Recommender,
}

impl Shop {
    /// Opens the shop; must be called inside the runtime.
    pub(crate) fn open(database_connections: usize) -> Shop {
        let catalogue = Arc::new(Catalogue::new());
        Shop {
            recommender: Recommender::start(Arc::clone(&catalogue)),
            catalogue,
            carts: Arc::default(),
            sessions: Arc::default(),
            database: Arc::new(Database::open(database_connections)),
        }
    }

    fn record_request(&self, session: u64) {
        self.sessions.record_request(session, &self.carts);
    }
}

/// The handler of each route.
pub(crate) fn router(shop: Shop) -> Router {
    Router::new()
        .route("/products/{id}", get(product_page))
        .route("/search", get(search))
        .route("/cart/{session}", get(show_cart))
        .route("/cart/{session}/{product}", post(add_to_cart))
        .route("/checkout/{session}", post(checkout))
        .route("/recommendations/{session}", get(recommendations))
        .route("/report", get(sales_report))
        .with_state(shop)
}

#[tracing::instrument(level = "info", skip(shop))]
async fn product_page(State(shop): State<Shop>, Path(id): Path<usize>) -> Response {
    match shop.catalogue.page(id) {
        Some(page) => Json(page).into_response(),
        None => (StatusCode::NOT_FOUND, "no such product\n").into_response(),
    }
}

#[derive(Debug, Deserialize)]
struct Search {
    q: String,
}

#[tracing::instrument(level = "info", skip(shop))]
async fn search(State(shop): State<Shop>, Query(search): Query<Search>) -> Response {
    Json(shop.catalogue.search(&search.q, 20)).into_response()
}

#[tracing::instrument(level = "info", skip(shop))]
async fn show_cart(State(shop): State<Shop>, Path(session): Path<u64>) -> Json<CartPage> {
    shop.record_request(session);
    Json(shop.carts.page(&shop.catalogue, session).await)
}

#[tracing::instrument(level = "info", skip(shop))]
async fn add_to_cart(State(shop): State<Shop>, Path((session, product)): Path<(u64, usize)>) -> StatusCode {
    if shop.catalogue.product(product).is_none() {
        return StatusCode::NOT_FOUND;
    }
    shop.record_request(session);
    shop.carts.add(session, product).await;
    StatusCode::NO_CONTENT
}

#[tracing::instrument(level = "info", skip(shop))]
async fn checkout(State(shop): State<Shop>, Path(session): Path<u64>) -> Response {
    shop.record_request(session);
    let products = shop.carts.take(session).await;
    let total_cents = cart::total_cents(&shop.catalogue, &products);
    match shop.database.check_out(session, products, total_cents).await {
        Some(order) => Json(order).into_response(),
        None => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

#[tracing::instrument(level = "info", skip(shop))]
async fn recommendations(State(shop): State<Shop>, Path(session): Path<u64>) -> Response {
    shop.record_request(session);
    match shop.recommender.ask(session).await {
        Some(titles) => Json(titles).into_response(),
        None => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

#[tracing::instrument(level = "info", skip(shop), fields(sessions = shop.sessions.count()))]
async fn sales_report(State(shop): State<Shop>) -> Response {
    let orders = shop.database.orders().await;
    let catalogue = Arc::clone(&shop.catalogue);
    let report = tokio::task::spawn_blocking(move || report::sales_by_product(&catalogue, &orders));
    match report.await {
        Ok(csv) => ([("content-type", "text/csv")], csv).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

//! A typical web service: axum with its default features on multi-threaded Tokio, JSON in and out, tracing with a
//! filter from the environment, a worker task behind a channel, and a deadline on each request.

use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};

#[derive(Debug, Serialize, Deserialize)]
struct Order {
    id: u64,
    item: String,
    price: f64,
}

type Orders = mpsc::Sender<(u64, oneshot::Sender<Order>)>;

async fn show(State(orders): State<Orders>, Path(id): Path<u64>) -> Result<Json<Order>, StatusCode> {
    let (answer, answered) = oneshot::channel();
    orders.send((id, answer)).await.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    let order = tokio::time::timeout(Duration::from_secs(1), answered).await;
    order.map_err(|_| StatusCode::GATEWAY_TIMEOUT)?.map(Json).map_err(|_| StatusCode::NOT_FOUND)
}

async fn place(Json(order): Json<Order>) -> Json<Order> {
    tracing::info!(?order, "placed");
    Json(order)
}

#[tokio::main]
async fn main() {
    #[cfg(feature = "agent")]
    rgops_agent::listen(rgops_agent::Options::default()).expect("the agent listens");
    tracing_subscriber::fmt()
        .json()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .init();
    let (orders, mut asked) = mpsc::channel::<(u64, oneshot::Sender<Order>)>(16);
    tokio::spawn(async move {
        while let Some((id, answer)) = asked.recv().await {
            let _ = answer.send(Order { id, item: "tea".to_owned(), price: 2.5 });
        }
    });
    let router =
        Router::new().route("/order/{id}", get(show)).route("/order", post(place)).with_state(orders);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    println!("ready");
    axum::serve(listener, router)
        .with_graceful_shutdown(async {
            let _ = tokio::signal::ctrl_c().await;
        })
        .await
        .expect("serves");
}

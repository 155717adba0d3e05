//! A web service: a request that waits for a lock, one behind layers and boxed services, an idle keep-alive
//! connection, and one that has received nothing yet.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::error_handling::HandleErrorLayer;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::get;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, Notify};
use tokio::time::sleep;
use tower::util::{BoxCloneService, BoxService, service_fn};
use tower::{BoxError, Service as _, ServiceBuilder, ServiceExt as _};

use crate::{Kept, LONG};

/// The state that handlers share.
#[derive(Clone)]
struct Shop {
    stock: Arc<Mutex<u64>>,
    arrived: Arc<Notify>,
}

pub(crate) async fn start(kept: &mut Kept) {
    let shop = Shop { stock: Arc::default(), arrived: Arc::default() };
    let layers =
        ServiceBuilder::new().layer(HandleErrorLayer::new(failed)).concurrency_limit(10).timeout(LONG);
    let routes = Router::new()
        .route("/", get(async || "fine"))
        .route("/checkout", get(checkout))
        .route("/logged", get(checkout).layer(from_fn(logs)))
        .route("/limited", get(checkout).layer(layers))
        .with_state(shop.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("it listens");
    let until = shop.arrived.clone();
    tokio::spawn(serves(listener, routes, until));
    kept.push(Box::new(shop.stock.clone().try_lock_owned().expect("it is not locked yet")));

    for path in ["/checkout", "/logged", "/limited"] {
        let mut client = TcpStream::connect(address).await.expect("it listens");
        ask(&mut client, path).await;
        shop.arrived.notified().await;
        kept.push(Box::new(client));
    }
    let silent = TcpStream::connect(address).await.expect("it listens");
    kept.push(Box::new(silent));
    // Connections are accepted in order: after this answer, the silent one before it also has its task.
    let mut client = TcpStream::connect(address).await.expect("it listens");
    ask(&mut client, "/").await;
    let mut answer = Vec::new();
    while !answer.ends_with(b"fine") {
        client.read_buf(&mut answer).await.expect("an answer");
    }
    kept.push(Box::new(client));

    tokio::spawn(calls_boxed_services());
    tokio::spawn(calls_buffered());
    sleep(Duration::from_millis(20)).await;
}

async fn serves(listener: TcpListener, routes: Router, _until: Arc<Notify>) {
    let _ = axum::serve(listener, routes).with_graceful_shutdown(std::future::pending()).await;
}

async fn ask(client: &mut TcpStream, path: &str) {
    let request = format!("GET {path} HTTP/1.1\r\nhost: shop\r\n\r\n");
    client.write_all(request.as_bytes()).await.expect("it reads");
}

async fn checkout(State(shop): State<Shop>) -> String {
    shop.arrived.notify_one();
    let left = reserve(&shop).await;
    left.to_string()
}

async fn reserve(shop: &Shop) -> u64 {
    let mut stock = shop.stock.lock().await;
    *stock += 1;
    *stock
}

async fn logs(request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    println!("{}", response.status());
    response
}

async fn failed(error: BoxError) -> StatusCode {
    println!("{error}");
    StatusCode::SERVICE_UNAVAILABLE
}

async fn price(number: u64) -> Result<u64, BoxError> {
    sleep(LONG).await;
    Ok(number)
}

async fn calls_boxed_services() {
    let inner = BoxService::new(service_fn(price));
    let mut outer = BoxService::new(inner.map_response(|number| number + 1));
    let _ = outer.ready().await.expect("always").call(1).await;
    let cloned = BoxCloneService::new(service_fn(price));
    let _ = cloned.oneshot(2).await;
}

async fn calls_buffered() {
    let service = ServiceBuilder::new().buffer(4).timeout(LONG).service(service_fn(price));
    let _ = service.oneshot(3).await;
}

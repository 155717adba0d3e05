//! A small web service on multi-threaded Tokio.

use axum::Router;
use axum::routing::get;

#[tokio::main]
async fn main() {
    #[cfg(feature = "agent")]
    rgops_agent::listen(rgops_agent::Options::default()).expect("the agent listens");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    println!("ready");
    axum::serve(listener, Router::new().route("/", get(|| async { "hello" }))).await.expect("serves");
}

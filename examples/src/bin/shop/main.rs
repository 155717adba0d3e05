//! A web shop to inspect: axum on multi-threaded Tokio, with what real services have (CPU work, a pool of database
//! connections, a cart behind a lock, a worker task behind a channel, blocking jobs, timers, spans) and a load
//! generator that keeps it busy.
#![forbid(unsafe_code)]

mod cart;
mod catalogue;
mod database;
mod histogram;
mod load;
mod recommendations;
mod report;
mod routes;
mod sessions;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use clap::Parser;
#[cfg(not(feature = "plain-allocator"))]
use rgops_agent::alloc::Sampling;
use rgops_agent::{self as agent, Options};
use rgops_examples::announce;
use rgops_examples::lifetime::Lifetime;
use tokio::net::TcpListener;
use tokio::runtime::Builder;

// `rgops pprof-heap` and `rgops leaks` need this. Benchmarks build without it to measure its cost.
#[cfg(not(feature = "plain-allocator"))]
#[global_allocator]
static ALLOCATOR: Sampling<std::alloc::System> = Sampling::new(std::alloc::System);

/// A web shop on Tokio and axum, with a load generator, to try rgops on.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Examples:\n  shop --load 500\n  shop --port 8080 --workers 2 --log\n  curl 'http://127.0.0.1:8080/search?q=green+lamp'\n  rgops stack shop; rgops pprof-cpu shop --duration 10s; rgops pprof-heap shop\n\n\
        Routes: GET /products/ID, GET /search?q=WORDS, GET and POST /cart/SESSION[/PRODUCT],\n\
        POST /checkout/SESSION, GET /recommendations/SESSION, GET /report"
)]
struct Arguments {
    /// Port on 127.0.0.1; 0 for any free port
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    port: u16,
    /// Worker threads of the service's runtime [default: one per CPU]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    workers: Option<u16>,
    /// Requests per second the shop sends to itself, from a thread named "load"
    #[arg(long, value_name = "RPS", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    load: Option<u32>,
    /// Connections of the load generator
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=1024))]
    connections: u16,
    /// Connections of the simulated database
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=1024))]
    database_connections: u16,
    /// Write the spans of requests to standard error
    #[arg(long)]
    log: bool,
    #[command(flatten)]
    lifetime: Lifetime,
}

fn main() -> io::Result<()> {
    let arguments = Arguments::parse();
    if arguments.log {
        use tracing_subscriber::fmt::format::FmtSpan;
        tracing_subscriber::fmt().with_writer(io::stderr).with_span_events(FmtSpan::CLOSE).init();
    }
    let mut builder = Builder::new_multi_thread();
    if let Some(workers) = arguments.workers {
        builder.worker_threads(usize::from(workers));
    }
    let runtime = builder.enable_all().build()?;
    // The agent watches the runtime in which it is started.
    let inside = runtime.enter();
    let agent = agent::listen(Options::default())?;
    drop(inside);
    let result = runtime.block_on(serve(&arguments, &agent));
    // Do not wait for a running report.
    runtime.shutdown_timeout(Duration::from_millis(200));
    result
}

async fn serve(arguments: &Arguments, agent: &agent::Agent) -> io::Result<()> {
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], arguments.port))).await?;
    let address = listener.local_addr()?;
    let shop = routes::Shop::open(usize::from(arguments.database_connections));
    let service = tokio::spawn(axum::serve(listener, routes::router(shop)).into_future());
    let lifetime = arguments.lifetime.begin()?;
    announce::started("shop", Some(&format!("http://{address}")), agent)?;
    let load = match arguments.load {
        Some(rate) => Some(load::start(address, rate, usize::from(arguments.connections))?),
        None => None,
    };
    lifetime.ended().await;
    if let Some(load) = load {
        // `stop` joins the thread, and must not block a worker of the service that the thread still talks to.
        let summary = tokio::task::spawn_blocking(move || load.stop()).await.map_err(io::Error::other)?;
        println!("{}", summary?);
    }
    service.abort();
    Ok(())
}

//! The load generator: a small paced HTTP/1.1 client with keep-alive connections. It has its own thread and runtime,
//! so the service's runtime shows only the service.
//!
//! Requests are due at fixed times, whether or not earlier ones have been answered, and their latency counts from the
//! due time. So a slow service cannot improve its own numbers (coordinated omission).

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use crate::catalogue::{PRODUCTS, mix};
use crate::histogram::Histogram;

/// The thread that generates the load.
pub(crate) struct Load {
    stop: oneshot::Sender<()>,
    thread: JoinHandle<io::Result<Summary>>,
}

/// Starts sending `rate` requests per second over this number of connections.
///
/// # Errors
/// When no thread can be started.
pub(crate) fn start(address: SocketAddr, rate: u32, connections: usize) -> io::Result<Load> {
    let (stop, stopped) = oneshot::channel();
    let thread = thread::Builder::new().name("load".to_owned()).spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(run(address, rate, connections, stopped))
    })?;
    Ok(Load { stop, thread })
}

impl Load {
    /// Stops the load; blocks until the requests in flight are answered.
    ///
    /// # Errors
    /// When it could not start.
    pub(crate) fn stop(self) -> io::Result<Summary> {
        let _ = self.stop.send(());
        self.thread.join().map_err(|_| io::Error::other("the load generator panicked"))?
    }
}

/// What visitors request, and how often in 100 requests.
const VISITS: [(Route, u64); 7] = [
    (Route::Product, 35),
    (Route::Search, 20),
    (Route::AddToCart, 14),
    (Route::ShowCart, 10),
    (Route::Recommendations, 12),
    (Route::Checkout, 8),
    (Route::Report, 1),
];

#[derive(Debug, Clone, Copy)]
enum Route {
    Product,
    Search,
    AddToCart,
    ShowCart,
    Recommendations,
    Checkout,
    Report,
}

const SEARCHES: [&str; 6] =
    ["green+lamp", "oak+table", "walnut+leather+sofa", "clock", "blue+glass", "silver+steel+shelf+12"];
/// Number of concurrent visitors.
const SESSIONS: u64 = 200;
/// Maximum number of due requests that wait for a connection. More are dropped and counted.
const BACKLOG: usize = 1000;

/// A due request, with its number.
struct Due {
    number: u64,
    at: Instant,
}

async fn run(
    address: SocketAddr,
    rate: u32,
    connections: usize,
    mut stopped: oneshot::Receiver<()>,
) -> io::Result<Summary> {
    let (due, queue) = mpsc::channel(BACKLOG);
    let queue = Arc::new(Mutex::new(queue));
    let mut clients = JoinSet::new();
    for _ in 0..connections {
        clients.spawn(client(address, Arc::clone(&queue)));
    }
    let begin = Instant::now();
    let given_up = pace(rate, &due, &mut stopped).await;
    let elapsed = begin.elapsed();
    drop(due);
    let mut summary = Summary { elapsed, given_up, ..Summary::default() };
    // A service that hangs would block us for ever.
    let _ = tokio::time::timeout(Duration::from_secs(2), async {
        while let Some(client) = clients.join_next().await {
            if let Ok(counted) = client {
                summary.merge(&counted);
            }
        }
    })
    .await;
    Ok(summary)
}

/// Hands out requests when they are due until stopped; returns the number of dropped requests.
async fn pace(rate: u32, due: &mpsc::Sender<Due>, stopped: &mut oneshot::Receiver<()>) -> u64 {
    let begin = Instant::now();
    let (mut number, mut given_up) = (0, 0);
    // Tokio's timers have a resolution of one millisecond: a tick hands out all requests that became due.
    let mut tick = interval(Duration::from_millis(2));
    tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            _ = &mut *stopped => return given_up,
            _ = tick.tick() => {}
        }
        let now = begin.elapsed();
        while let at = Duration::from_nanos(number * 1_000_000_000 / u64::from(rate))
            && at <= now
        {
            if due.try_send(Due { number, at: begin + at }).is_err() {
                given_up += 1;
            }
            number += 1;
        }
    }
}

type Queue = Arc<Mutex<mpsc::Receiver<Due>>>;

/// One connection: sends the due requests, and reconnects after an error.
async fn client(address: SocketAddr, queue: Queue) -> Summary {
    let mut counted = Summary::default();
    let mut connection = None;
    loop {
        let next = queue.lock().await.recv().await;
        let Some(due) = next else { return counted };
        match answer(&mut connection, address, due.number).await {
            Ok(status) if status < 400 => counted.latencies.add(due.at.elapsed()),
            Ok(_) => counted.refused += 1,
            Err(_) => {
                counted.failed += 1;
                connection = None;
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn answer(
    connection: &mut Option<BufReader<TcpStream>>,
    address: SocketAddr,
    number: u64,
) -> io::Result<u16> {
    let stream = match connection {
        Some(stream) => stream,
        None => {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            connection.insert(BufReader::new(stream))
        }
    };
    stream.get_mut().write_all(request(number).as_bytes()).await?;
    read_response(stream).await
}

fn request(number: u64) -> String {
    let chance = mix(number);
    let (session, product) = (mix(chance ^ 1) % SESSIONS, mix(chance ^ 2) as usize % PRODUCTS);
    let (method, path) = match route(chance % 100) {
        Route::Product => ("GET", format!("/products/{product}")),
        Route::Search => ("GET", format!("/search?q={}", SEARCHES[product % SEARCHES.len()])),
        Route::AddToCart => ("POST", format!("/cart/{session}/{product}")),
        Route::ShowCart => ("GET", format!("/cart/{session}")),
        Route::Recommendations => ("GET", format!("/recommendations/{session}")),
        Route::Checkout => ("POST", format!("/checkout/{session}")),
        Route::Report => ("GET", "/report".to_owned()),
    };
    format!("{method} {path} HTTP/1.1\r\nhost: shop\r\ncontent-length: 0\r\n\r\n")
}

fn route(mut chance: u64) -> Route {
    for (route, weight) in VISITS {
        match chance.checked_sub(weight) {
            Some(rest) => chance = rest,
            None => return route,
        }
    }
    Route::Product
}

/// Reads one response to its end and returns its status. The shop always sends a content-length.
async fn read_response(stream: &mut BufReader<TcpStream>) -> io::Result<u16> {
    let bad = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    let mut line = String::new();
    stream.read_line(&mut line).await?;
    let status = line.split(' ').nth(1).and_then(|word| word.parse().ok());
    let status = status.ok_or_else(|| bad("no status line"))?;
    let mut length = 0;
    loop {
        line.clear();
        if stream.read_line(&mut line).await? == 0 {
            return Err(bad("the connection ended in the headers"));
        }
        let header = line.trim_end();
        if header.is_empty() {
            break;
        }
        if let Some((name, value)) = header.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().map_err(|_| bad("the content-length is not a number"))?;
        }
    }
    let read = tokio::io::copy(&mut stream.take(length), &mut tokio::io::sink()).await?;
    if read == length { Ok(status) } else { Err(bad("the connection ended in the body")) }
}

/// The results of the load generator.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    elapsed: Duration,
    latencies: Histogram,
    refused: u64,
    failed: u64,
    given_up: u64,
}

impl Summary {
    fn merge(&mut self, other: &Summary) {
        self.latencies.merge(&other.latencies);
        self.refused += other.refused;
        self.failed += other.failed;
        self.given_up += other.given_up;
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (answered, seconds) = (self.latencies.count(), self.elapsed.as_secs_f64());
        let milliseconds = |latency: Duration| latency.as_secs_f64() * 1e3;
        write!(
            formatter,
            "load: {answered} answers in {seconds:.1} s ({:.0}/s), {} refused, {} failed, {} skipped; \
             latency ms: median {:.1}, 90 % {:.1}, 99 % {:.1}, longest {:.1}",
            answered as f64 / seconds.max(1e-9),
            self.refused,
            self.failed,
            self.given_up,
            milliseconds(self.latencies.quantile(0.5)),
            milliseconds(self.latencies.quantile(0.9)),
            milliseconds(self.latencies.quantile(0.99)),
            milliseconds(self.latencies.longest()),
        )
    }
}

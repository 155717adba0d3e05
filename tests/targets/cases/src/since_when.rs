//! Some that move and some that do not: `cases since-when`. Two tasks wait on sockets: one is written to all the time, the
//! other never. Two more take turns at a timer and wait forever. A thread sleeps, and another wakes again and again.
//!
//! Prints `quiet LOCAL PEER`, the addresses of the socket that nobody writes to.

use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;

const LONG: Duration = Duration::from_secs(600);
const TURN: Duration = Duration::from_millis(20);

pub(crate) fn run(_: &[String]) {
    thread::Builder::new().name("still".to_owned()).spawn(sleep_for_long).expect("a thread");
    thread::Builder::new().name("moving".to_owned()).spawn(sleep_in_turns).expect("a thread");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(async {
        crate::watch();
        let (quiet, kept) = connection();
        println!("quiet {} {}", quiet.local_addr().expect("bound"), quiet.peer_addr().expect("connected"));
        let (noisy, mut writer) = connection();
        thread::spawn(move || {
            while writer.write_all(b"x").is_ok() {
                thread::sleep(TURN);
            }
        });
        tokio::spawn(read_from_quiet(quiet));
        tokio::spawn(read_from_noisy(noisy));
        tokio::spawn(wait_in_turns());
        println!("ready");
        wait_forever().await;
        drop(kept);
    });
}

/// Both ends of a connection within this process.
fn connection() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let one = TcpStream::connect(listener.local_addr().expect("bound")).expect("a listener");
    let (other, _) = listener.accept().expect("a connection");
    (one, other)
}

fn nonblocking(stream: TcpStream) -> tokio::net::TcpStream {
    stream.set_nonblocking(true).expect("a socket");
    tokio::net::TcpStream::from_std(stream).expect("a socket")
}

async fn read_from_quiet(stream: TcpStream) {
    let mut stream = nonblocking(stream);
    let _ = stream.read(&mut [0; 16]).await;
}

async fn read_from_noisy(stream: TcpStream) {
    let mut stream = nonblocking(stream);
    while stream.read(&mut [0; 16]).await.is_ok_and(|read| read > 0) {}
}

async fn wait_in_turns() {
    loop {
        tokio::time::sleep(TURN).await;
    }
}

async fn wait_forever() {
    std::future::pending().await
}

#[inline(never)]
fn sleep_for_long() {
    loop {
        thread::sleep(LONG);
    }
}

#[inline(never)]
fn sleep_in_turns() {
    loop {
        thread::sleep(TURN);
    }
}

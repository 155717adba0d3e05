//! N threads parked at known places and known depths: the expected result of a thread dump.
//!
//! Thread `c-0042` waits in place 42 mod 11, under 42 mod 41 calls of `crowd::depth_step`.
#![forbid(unsafe_code)]

use std::hint::black_box;
use std::io::{self, PipeReader, Read as _};
use std::net::{TcpListener, UdpSocket};
use std::os::unix::net::UnixStream;
use std::sync::mpsc;
use std::sync::{Arc, Barrier, Condvar, Mutex, PoisonError, RwLock};
use std::thread;
use std::time::Duration;

use clap::Parser;
use rgops_agent::{self as agent, Options};
use rgops_examples::lifetime::Lifetime;
use rgops_examples::{announce, threads};

/// Parks N threads in known places at known depths, and prints "ready" when all are parked.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Examples:\n  crowd 1000\n  crowd 1000 --json   also prints where each thread is\n  rgops stack crowd"
)]
struct Arguments {
    /// Number of threads
    #[arg(value_name = "N", default_value = "1000", value_parser = clap::value_parser!(u32).range(1..=9999))]
    threads: u32,
    #[command(flatten)]
    lifetime: Lifetime,
    /// Print each thread's name, id, place and depth as one line of JSON after "ready"
    #[arg(long)]
    json: bool,
}

const FOREVER: Duration = Duration::from_secs(1_000_000);
/// The maximum depth of a thread.
const MAX_DEPTH: u32 = 40;
/// A thousand threads with the default 2 MiB would reserve 2 GB.
const STACK_BYTES: usize = 64 * 1024;
/// Places where a thread may be parked: the name of the function at the bottom of its stack.
const PLACES: [&str; 11] = [
    "crowd::in_sleep",
    "crowd::in_park",
    "crowd::in_mutex",
    "crowd::in_condvar_with_timeout",
    "crowd::in_channel",
    "crowd::in_pipe_read",
    "crowd::in_tcp_accept",
    "crowd::in_udp_receive_with_timeout",
    "crowd::in_unix_read",
    "crowd::in_rwlock_read",
    "crowd::in_barrier",
];

fn main() -> io::Result<()> {
    let arguments = Arguments::parse();
    let agent = agent::listen(Options::default())?;
    announce::started("crowd", None, &agent)?;

    let square = Arc::new(Square::open()?);
    // Held for ever, so no thread gets them.
    let _mutex = square.mutex.lock().unwrap_or_else(PoisonError::into_inner);
    let _rwlock = square.rwlock.write().unwrap_or_else(PoisonError::into_inner);
    let (report, arrived) = mpsc::channel();
    for number in 0..arguments.threads {
        let (square, report) = (Arc::clone(&square), report.clone());
        let thread = thread::Builder::new().name(name_of(number)).stack_size(STACK_BYTES);
        thread.spawn(move || {
            let _ = report.send(threads::own_id().map(|id| (number, id)));
            // Our sender would keep the channel's buffers alive. Dropping it is the last step before parking.
            drop(report);
            descend(depth_of(number), place_of(number), &square);
        })?;
    }
    let count = arguments.threads as usize;
    let mut crowd = arrived.iter().take(count).collect::<io::Result<Vec<_>>>()?;
    crowd.sort_unstable();
    let ids: Vec<u32> = crowd.iter().map(|&(_, id)| id).collect();
    threads::wait_until_asleep(&ids, Duration::from_secs(30))?;
    announce::ready()?;
    if arguments.json {
        print_places(&crowd);
    }
    arguments.lifetime.wait()?;
    // The threads wait for ever and cannot be joined. `exit` removes the agent's socket.
    std::process::exit(0)
}

fn name_of(number: u32) -> String {
    format!("c-{number:04}")
}

fn place_of(number: u32) -> usize {
    number as usize % PLACES.len()
}

fn depth_of(number: u32) -> u32 {
    number % (MAX_DEPTH + 1)
}

fn print_places(crowd: &[(u32, u32)]) {
    let threads: Vec<_> = crowd
        .iter()
        .map(|&(number, id)| {
            serde_json::json!({
                "name": name_of(number),
                "tid": id,
                "place": PLACES[place_of(number)],
                "depth": depth_of(number),
            })
        })
        .collect();
    println!("{}", serde_json::json!({ "threads": threads }));
}

/// The objects that the threads wait for. None of the waits ever ends.
struct Square {
    mutex: Mutex<()>,
    rwlock: RwLock<()>,
    barrier: Barrier,
    pipe: PipeReader,
    _pipe_writer: io::PipeWriter,
    tcp: TcpListener,
    udp: UdpSocket,
    unix: UnixStream,
    _unix_peer: UnixStream,
}

impl Square {
    fn open() -> io::Result<Square> {
        let (pipe, pipe_writer) = io::pipe()?;
        let (unix, unix_peer) = UnixStream::pair()?;
        let udp = UdpSocket::bind("127.0.0.1:0")?;
        udp.set_read_timeout(Some(FOREVER))?;
        Ok(Square {
            mutex: Mutex::new(()),
            rwlock: RwLock::new(()),
            barrier: Barrier::new(usize::MAX),
            pipe,
            _pipe_writer: pipe_writer,
            tcp: TcpListener::bind("127.0.0.1:0")?,
            udp,
            unix,
            _unix_peer: unix_peer,
        })
    }
}

/// Parks under `depth` calls of `depth_step`.
fn descend(depth: u32, place: usize, square: &Square) {
    if depth == 0 {
        park(place, square);
    } else {
        depth_step(depth, place, square);
    }
}

#[inline(never)]
fn depth_step(depth: u32, place: usize, square: &Square) -> u32 {
    if depth == 1 {
        park(place, square);
        return depth;
    }
    // The addition and the optimisation barrier keep this a call; otherwise it would become a loop.
    black_box(depth_step(black_box(depth - 1), place, square)) + 1
}

#[inline(never)]
fn park(place: usize, square: &Square) {
    match place {
        0 => in_sleep(),
        1 => in_park(),
        2 => in_mutex(&square.mutex),
        3 => in_condvar_with_timeout(),
        4 => in_channel(),
        5 => in_pipe_read(&square.pipe),
        6 => in_tcp_accept(&square.tcp),
        7 => in_udp_receive_with_timeout(&square.udp),
        8 => in_unix_read(&square.unix),
        9 => in_rwlock_read(&square.rwlock),
        _ => in_barrier(&square.barrier),
    }
}

// Each place is a loop. Waits may end early, and a loop is never compiled into a tail call, which would remove the
// function from the stack.

#[inline(never)]
fn in_sleep() {
    loop {
        thread::sleep(FOREVER);
    }
}

#[inline(never)]
fn in_park() {
    loop {
        thread::park();
    }
}

#[inline(never)]
fn in_mutex(mutex: &Mutex<()>) {
    loop {
        drop(mutex.lock());
    }
}

#[inline(never)]
fn in_condvar_with_timeout() {
    let (mutex, condvar) = (Mutex::new(()), Condvar::new());
    let mut guard = mutex.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        guard = condvar.wait_timeout(guard, FOREVER).unwrap_or_else(PoisonError::into_inner).0;
    }
}

#[inline(never)]
fn in_channel() {
    // The sender must live, or receiving would fail at once.
    let (_sender, receiver) = mpsc::channel::<()>();
    loop {
        let _ = receiver.recv();
    }
}

#[inline(never)]
fn in_pipe_read(mut pipe: &PipeReader) {
    loop {
        let _ = pipe.read(&mut [0]);
    }
}

#[inline(never)]
fn in_tcp_accept(listener: &TcpListener) {
    loop {
        drop(listener.accept());
    }
}

#[inline(never)]
fn in_udp_receive_with_timeout(socket: &UdpSocket) {
    loop {
        let _ = socket.recv(&mut [0]);
    }
}

#[inline(never)]
fn in_unix_read(mut stream: &UnixStream) {
    loop {
        let _ = stream.read(&mut [0]);
    }
}

#[inline(never)]
fn in_rwlock_read(rwlock: &RwLock<()>) {
    loop {
        drop(rwlock.read());
    }
}

#[inline(never)]
fn in_barrier(barrier: &Barrier) {
    loop {
        barrier.wait();
    }
}

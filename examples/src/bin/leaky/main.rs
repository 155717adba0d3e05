//! A program with a leak, a cache and churn in one process: `rgops leaks` and `rgops pprof-heap` must name the leak.
//! It knows exactly how much each of them holds.
#![forbid(unsafe_code)]

mod cache;
mod churn;
mod leak;
mod random;
mod truth;

use std::alloc::System;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;
use rgops::arguments::size;
use rgops_agent::alloc::Sampling;
use rgops_agent::{self as agent, Command, Options};
use rgops_examples::announce;
use rgops_examples::lifetime::Lifetime;
use tokio::signal::unix::{SignalKind, signal};

use crate::cache::Cache;
use crate::churn::Churn;
use crate::leak::Leak;
use crate::truth::Truth;

#[global_allocator]
static ALLOCATOR: Sampling<System> = Sampling::new(System);

/// Leaks memory in one place, keeps a cache that fills to its limit in another, and allocates and frees
/// a lot in a third.
///
/// SIGUSR1 pauses it and makes it print its exact live memory; the next SIGUSR1 resumes it. SIGUSR2
/// pauses it, drops everything and prints the same. It also prints this at its end.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Examples:\n  leaky\n  leaky --leak 8M --cache 64M --json\n  rgops leaks leaky --duration 30s; rgops pprof-heap leaky; rgops memstats leaky; rgops gc leaky"
)]
struct Arguments {
    /// Leak rate in bytes per second: 500k, 1MiB; 0 for no leak
    #[arg(long, value_name = "BYTES", default_value = "1MiB", value_parser = size)]
    leak: u64,
    /// Limit of the cache in bytes, reached after some seconds; then new entries replace old ones
    #[arg(long, value_name = "BYTES", default_value = "32MiB", value_parser = size)]
    cache: u64,
    /// Bytes per second put into the cache
    #[arg(long, value_name = "BYTES", default_value = "8MiB", value_parser = size)]
    fill: u64,
    /// Bytes per second allocated and freed
    #[arg(long, value_name = "BYTES", default_value = "32MiB", value_parser = size)]
    churn: u64,
    /// Print live memory as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    lifetime: Lifetime,
}

/// The three kinds of memory. The thread of each holds its lock only for a moment at a time, so holding all three
/// locks stops all allocation.
struct Memory {
    leak: Mutex<Leak>,
    cache: Mutex<Cache>,
    churn: Mutex<Churn>,
}

type Standing<'m> = (MutexGuard<'m, Leak>, MutexGuard<'m, Cache>, MutexGuard<'m, Churn>);

impl Memory {
    fn stand_still(&self) -> Standing<'_> {
        (locked(&self.leak), locked(&self.cache), locked(&self.churn))
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn main() -> io::Result<()> {
    let arguments = Arguments::parse();
    // Both commands change the program, so they must be allowed.
    let agent = agent::listen(Options::default().allow(Command::Gc).allow(Command::HeapRate))?;
    announce::started("leaky", None, &agent)?;
    let memory = Arc::new(Memory {
        leak: Mutex::new(Leak::new()),
        cache: Mutex::new(Cache::new(arguments.cache)),
        churn: Mutex::new(Churn::new()),
    });
    work(&memory, "leak", arguments.leak, |memory, bytes| locked(&memory.leak).grow(bytes))?;
    work(&memory, "cache", arguments.fill, |memory, bytes| locked(&memory.cache).fill(bytes))?;
    work(&memory, "churn", arguments.churn, |memory, bytes| locked(&memory.churn).turn(bytes))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(live(&arguments, &memory))
}

/// Starts a thread that calls `turn` with the bytes that are due, a hundred times a second.
fn work(
    memory: &Arc<Memory>,
    name: &str,
    bytes_a_second: u64,
    turn: fn(&Memory, u64) -> u64,
) -> io::Result<()> {
    let memory = Arc::clone(memory);
    thread::Builder::new().name(name.to_owned()).spawn(move || {
        let (mut done, mut last) = (0.0, Instant::now());
        loop {
            thread::sleep(Duration::from_millis(10));
            let now = Instant::now();
            // What was missed during a pause is not made up for.
            let elapsed = (now - last).min(Duration::from_millis(100));
            last = now;
            done -= elapsed.as_secs_f64() * bytes_a_second as f64;
            if done < 0.0 {
                done += turn(&memory, (-done) as u64) as f64;
            }
        }
    })?;
    Ok(())
}

async fn live(arguments: &Arguments, memory: &Memory) -> io::Result<()> {
    let mut toggle = signal(SignalKind::user_defined1())?;
    let mut drop_all = signal(SignalKind::user_defined2())?;
    let mut standing: Option<Standing<'_>> = None;
    // Not earlier: until here the signals would end the program.
    announce::ready()?;
    let ended = arguments.lifetime.ended();
    tokio::pin!(ended);
    loop {
        tokio::select! {
            ended = &mut ended => {
                ended?;
                let held = standing.take().unwrap_or_else(|| memory.stand_still());
                return print(&held, arguments.json);
            }
            _ = toggle.recv() => {
                standing = match standing.take() {
                    Some(_) => None,
                    None => Some(memory.stand_still()),
                };
            }
            _ = drop_all.recv() => {
                let mut held = standing.take().unwrap_or_else(|| memory.stand_still());
                held.0.clear();
                held.1.clear();
                held.2.clear();
                standing = Some(held);
            }
        }
        match &standing {
            Some(held) => print(held, arguments.json)?,
            None => announce::ready()?,
        }
    }
}

fn print((leak, cache, churn): &Standing<'_>, json: bool) -> io::Result<()> {
    truth::print(&[("leak", leak.truth), ("cache", cache.truth), ("churn", churn.truth)], json)
}

/// Writes to a block so that its pages are resident, and counts it.
fn touched(block: Vec<u8>, truth: &mut Truth) -> Box<[u8]> {
    let block = block.into_boxed_slice();
    truth.allocated(block.len());
    std::hint::black_box(block)
}

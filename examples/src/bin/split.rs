//! Four threads with known shares of CPU, to check a profiler: one always busy, one busy for 1 ms of every 10, one
//! for 20 µs of every 2 ms, one for 1 % of the time.
#![forbid(unsafe_code)]

use std::hint::black_box;
use std::io;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;
use rgops_agent::{self as agent, Options};
use rgops_examples::lifetime::Lifetime;
use rgops_examples::{announce, threads};

/// Runs four threads with known shares of CPU, and prints each one's CPU clock at the end.
///
/// A profile must give each thread the share that its clock shows. The second and third run too briefly
/// for a sampler that only looks at one running thread from time to time.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Examples:\n  split\n  split --seconds 15 --json\n  rgops pprof-cpu split --duration 15s --hz 999"
)]
struct Arguments {
    #[command(flatten)]
    lifetime: Lifetime,
    /// Print the clocks at the end as JSON
    #[arg(long)]
    json: bool,
}

/// The rhythm of a thread: busy time and sleeping time.
struct Rhythm {
    name: &'static str,
    busy: Duration,
    asleep: Duration,
}

const RHYTHMS: [Rhythm; 4] = [
    Rhythm { name: "busy", busy: Duration::from_secs(1), asleep: Duration::ZERO },
    Rhythm { name: "1ms-of-10", busy: Duration::from_millis(1), asleep: Duration::from_millis(9) },
    Rhythm { name: "20us-of-2ms", busy: Duration::from_micros(20), asleep: Duration::from_micros(1980) },
    Rhythm { name: "1-percent", busy: Duration::from_millis(10), asleep: Duration::from_millis(990) },
];

fn main() -> io::Result<()> {
    let arguments = Arguments::parse();
    let agent = agent::listen(Options::default())?;
    announce::started("split", None, &agent)?;
    let (report, started) = mpsc::channel();
    for rhythm in &RHYTHMS {
        let report = report.clone();
        thread::Builder::new().name(rhythm.name.to_owned()).spawn(move || {
            let _ = report.send(threads::own_id().map(|id| (rhythm.name, id)));
            live(rhythm)
        })?;
    }
    let running = started.iter().take(RHYTHMS.len()).collect::<io::Result<Vec<_>>>()?;
    announce::ready()?;
    arguments.lifetime.wait()?;
    let clocks = running
        .into_iter()
        .map(|(name, id)| Ok((name, id, threads::cpu_ns(id)?)))
        .collect::<io::Result<Vec<_>>>()?;
    print_clocks(&clocks, arguments.json);
    Ok(())
}

fn live(rhythm: &Rhythm) -> ! {
    loop {
        // Every thread has its own function at the leaf, so a profile shows which is which.
        match rhythm.name {
            "busy" => spin_always(rhythm.busy),
            "1ms-of-10" => spin_one_millisecond(rhythm.busy),
            "20us-of-2ms" => spin_twenty_microseconds(rhythm.busy),
            _ => spin_one_percent(rhythm.busy),
        }
        if !rhythm.asleep.is_zero() {
            thread::sleep(rhythm.asleep);
        }
    }
}

#[inline(never)]
fn spin_always(time: Duration) {
    black_box(spin(time));
}

#[inline(never)]
fn spin_one_millisecond(time: Duration) {
    black_box(spin(time) + 1);
}

#[inline(never)]
fn spin_twenty_microseconds(time: Duration) {
    black_box(spin(time) + 2);
}

#[inline(never)]
fn spin_one_percent(time: Duration) {
    black_box(spin(time) + 3);
}

#[inline(always)]
fn spin(time: Duration) -> u64 {
    let start = Instant::now();
    let mut turns = 0;
    while start.elapsed() < time {
        turns = black_box(turns + 1);
    }
    turns
}

fn print_clocks(clocks: &[(&str, u32, u64)], json: bool) {
    if json {
        let threads: Vec<_> = clocks
            .iter()
            .map(|(name, id, cpu_ns)| serde_json::json!({ "name": name, "tid": id, "cpu_ns": cpu_ns }))
            .collect();
        println!("{}", serde_json::json!({ "threads": threads }));
        return;
    }
    println!("{:<12} {:>8} {:>12}", "thread", "tid", "CPU ms");
    for (name, id, cpu_ns) in clocks {
        println!("{name:<12} {id:>8} {:>12.3}", *cpu_ns as f64 / 1e6);
    }
}

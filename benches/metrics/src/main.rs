//! Asks `rgops serve` for `/metrics` as fast as told, and shows what that costs everyone.

mod load;
mod program;
mod server;
mod slow;
mod usage;

use std::process::ExitCode;
use std::time::Duration;

use load::{Load, Results};
use program::Programs;
use server::Server;
use usage::Watch;

struct Options {
    rgops: String,
    seconds: u64,
    rate: u64,
    programs: usize,
    slow: usize,
    port: u16,
    is_library: bool,
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1).peekable();
    if arguments.next_if(|first| first == "program").is_some() {
        return program::main();
    }
    let mut options = Options {
        rgops: "rgops".to_owned(),
        seconds: 60,
        rate: 1000,
        programs: 20,
        slow: 200,
        port: 7676,
        is_library: false,
    };
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().unwrap_or_default();
        let is_understood = match argument.as_str() {
            "--rgops" => {
                options.rgops = value();
                true
            }
            "--quick" => {
                options.seconds = 10;
                true
            }
            "--library" => {
                options.is_library = true;
                true
            }
            "--seconds" => value().parse().map(|number| options.seconds = number).is_ok(),
            "--rate" => value().parse().map(|number| options.rate = number).is_ok(),
            "--programs" => value().parse().map(|number| options.programs = number).is_ok(),
            "--slow" => value().parse().map(|number| options.slow = number).is_ok(),
            "--port" => value().parse().map(|number| options.port = number).is_ok(),
            _ => false,
        };
        if !is_understood {
            eprintln!("metrics: wrong argument: {argument}");
            return ExitCode::from(2);
        }
    }
    let runtime = tokio::runtime::Runtime::new().expect("threads for the runtime");
    match runtime.block_on(measure(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("metrics: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn measure(options: &Options) -> Result<(), String> {
    let mut programs = Programs::start(options.programs)?;
    let server = Server::start(&options.rgops, options.port, options.is_library).await?;
    let quiet = Duration::from_secs((options.seconds / 3).max(5));

    let before = programs.throughput(quiet).await?;
    let first = server.request().await?;
    let answering =
        first.lines().filter(|line| line.starts_with("rgops_up{") && line.ends_with(" 1")).count();
    if answering < options.programs {
        return Err(format!("{answering} of {} programs answer", options.programs));
    }
    let (cpu_before, watch) = (agents_cpu_s(&first), Watch::start(server.pid()));
    let readers = slow::start(&server, options.slow).await?;
    let load = Load::start(&server, options.rate, Duration::from_secs(options.seconds));
    let meanwhile = programs.throughput(Duration::from_secs(options.seconds)).await?;
    let results = load.finished().await;
    let last = server.request().await?;
    let usage = watch.finished();
    let (open, cut) = readers.finished().await;
    let after = programs.throughput(quiet).await?;

    println!(
        "{} programs, {} requests a second for {} s, {} slow readers; an answer has {:.1} kB",
        options.programs,
        options.rate,
        options.seconds,
        options.slow,
        last.len() as f64 / 1e3
    );
    show(&results);
    println!("slow readers: {open} still open, {cut} closed by the server");
    usage.show();
    let cost = (agents_cpu_s(&last) - cpu_before) / options.seconds as f64 / options.programs as f64;
    println!("CPU of an agent's thread: {:.3} %", cost * 100.0);
    println!("\nwork of the programs a second (of {} due)", program::RATE as usize * options.programs);
    let reference = (before + after) / 2.0;
    for (name, rate) in [("before", before), ("meanwhile", meanwhile), ("after", after)] {
        println!("{name:<10} {rate:>10.1} {:>8.2} %", (rate / reference - 1.0) * 100.0);
    }
    Ok(())
}

fn show(results: &Results) {
    println!(
        "\n{:>9} {:>9} {:>8} {:>8} {:>8} {:>8} {:>8}",
        "answers", "failed", "p50 ms", "p90", "p99", "p99.9", "max"
    );
    let at = |share| results.percentile(share).as_secs_f64() * 1e3;
    println!(
        "{:>9} {:>9} {:>8.2} {:>8.2} {:>8.2} {:>8.2} {:>8.2}",
        results.latencies.len(),
        results.failures,
        at(0.5),
        at(0.9),
        at(0.99),
        at(0.999),
        at(1.0)
    );
    if let Some(error) = &results.first_failure {
        println!("first failure: {error}");
    }
}

/// The sum of all agents.
fn agents_cpu_s(text: &str) -> f64 {
    let lines = text.lines().filter(|line| line.starts_with("rgops_agent_cpu_seconds_total{"));
    lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum()
}

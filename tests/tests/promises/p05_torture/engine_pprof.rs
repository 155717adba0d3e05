//! The same torture on engine `pprof`, reported beside the native engine: a row for each rate, each from its own
//! process. Nothing is asserted: the engine is known to lose samples, and a crash is part of the report. The stacks
//! without guard pages are left out: its handler needs more stack (docs/ENGINES.md). 2 s per row, or
//! `RGOPS_TORTURE_SECONDS`.

use std::time::{Duration, Instant};

use rgops_agent::{CpuEngine, Options};
use rgops_inspect::client::ClientError;
use rgops_protocol::reply::pprof_cpu::{CpuSample, CpuTotals, PprofCpuPart};
use rgops_protocol::request::{PprofCpuRequest, Request};
use rgops_tests::itself::{self, Itself};

use super::native::{self, Plugins};

const ENGINES: [(&str, &str); 2] =
    [("native", "p05_torture::native::target"), ("pprof", "p05_torture::engine_pprof::target")];

#[test]
fn its_numbers_are_reported_beside_the_native_engines() {
    let seconds = native::seconds(2);
    let _plugins = Plugins::build();
    println!("engine   Hz     CPU     captured  said to be lost  depth  samples  the process");
    for hz in [100, 999, 10_000] {
        for (engine, name) in ENGINES {
            let target = Itself::start(name);
            match profile(&target, hz, seconds) {
                Ok(profiled) => println!("{engine:<6} {hz:>5}  {}  went on", profiled.row()),
                Err(error) => {
                    println!("{engine:<6} {hz:>5}  {error}; the process: {}", what_happened(target))
                }
            }
        }
    }
}

#[test]
#[ignore = "started by the other test"]
fn target() {
    if itself::is_target() {
        native::torture(Options::default().cpu_engine(CpuEngine::Pprof), &native::WORKS);
    }
}

struct Profiled {
    totals: CpuTotals,
    period_ns: u64,
    frames: u64,
}

impl Profiled {
    fn row(&self) -> String {
        let totals = &self.totals;
        let cpu_ns = (totals.process_cpu_ns - totals.agent_cpu_ns) as f64;
        let lost_ns = totals.unsampled_cpu_ns
            + totals.late_cpu_ns
            + (totals.dropped_ring + totals.dropped_cache) * self.period_ns;
        format!(
            "{:>5.2} s  {:>6.1} %  {:>13.1} %  {:>5.1}  {:>7}",
            cpu_ns / 1e9,
            (totals.weight * self.period_ns) as f64 / cpu_ns * 100.0,
            lost_ns as f64 / cpu_ns * 100.0,
            self.frames as f64 / totals.weight.max(1) as f64,
            totals.weight,
        )
    }
}

/// The complete profile.
fn profile(target: &Itself, hz: u32, seconds: u64) -> Result<Profiled, ClientError> {
    let request = Request::PprofCpu(PprofCpuRequest { duration_ms: seconds * 1000, hz });
    let collected = target.ask::<PprofCpuPart>(&request)?;
    collected.end?;
    let (mut frames, mut period_ns) = (0, 0);
    for part in &collected.parts {
        match part {
            PprofCpuPart::Start(start) => period_ns = start.period_ns,
            PprofCpuPart::Samples(samples) => {
                let of_one = |sample: &CpuSample| u64::from(sample.weight) * sample.stack.frames.len() as u64;
                frames += samples.iter().map(of_one).sum::<u64>();
            }
            _ => {}
        }
    }
    match collected.parts.into_iter().next_back() {
        Some(PprofCpuPart::Totals(totals)) => Ok(Profiled { totals, period_ns, frames }),
        last => panic!("a complete profile ends with its totals: {last:?}"),
    }
}

/// How the process ended, if it ended within 10 s.
fn what_happened(mut target: Itself) -> String {
    let begin = Instant::now();
    while target.is_running() {
        if begin.elapsed() > Duration::from_secs(10) {
            return "it continues, or hangs".to_owned();
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    target.death().0.to_string()
}

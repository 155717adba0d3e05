//! A CPU profile taken by `rgops pprof-cpu` and read back from its file: weights by thread.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use rgops_inspect::profile;

use crate::running::{Answer, Running, rgops};

/// A profile.
#[derive(Debug)]
pub struct Profiled {
    /// What the command printed.
    pub answer: Answer,
    /// CPU time by thread name, in nanoseconds: the sum of the samples' weights.
    pub cpu_ns: BTreeMap<String, u64>,
    /// The samples' weights by thread name, in periods.
    pub weights: BTreeMap<String, u64>,
    /// Names of all functions in the profile, including inlined ones.
    pub functions: BTreeSet<String>,
    /// The program's CPU clock over the window, without the agent's threads, in nanoseconds, from the file's
    /// comments.
    pub clock_ns: u64,
    /// The part of it without samples, which is counted: threads without a timer, and ticks that the kernel had not
    /// delivered at the end (more on a busy machine).
    pub silent_ns: u64,
    /// Begin of the profile, in nanoseconds since 1970.
    pub begin_ns: u64,
    /// Length of the profile in nanoseconds.
    pub duration_ns: u64,
}

impl Profiled {
    /// Profiles a program.
    ///
    /// # Panics
    /// When the command fails or the file cannot be read.
    pub fn take(target: &Running, seconds: u32, hz: u32) -> Profiled {
        static FILES: AtomicU32 = AtomicU32::new(0);
        let number = FILES.fetch_add(1, Ordering::Relaxed);
        let file = format!("rgops-profiled-{}-{number}.pb.gz", std::process::id());
        let file: PathBuf = std::env::temp_dir().join(file);
        let (pid, seconds, hz) = (target.pid().to_string(), seconds.to_string(), hz.to_string());
        let output = file.display().to_string();
        let answer =
            rgops(&["pprof-cpu", &pid, "--duration", &seconds, "--hz", &hz, "--output", &output, "--force"]);
        assert!([0, 6].contains(&answer.code), "{answer:?}");
        let bytes = fs::read(&file).expect("the command wrote it");
        let _ = fs::remove_file(&file);
        let profile = profile::read(&bytes).expect("the command wrote it");

        let (mut cpu_ns, mut weights) = (BTreeMap::new(), BTreeMap::new());
        for sample in &profile.sample {
            let thread = sample.label.iter().find(|label| profile.text(label.key) == "thread");
            let thread = thread.map_or("", |label| profile.text(label.str)).to_owned();
            let [samples, cpu] = sample.value[..] else { panic!("two sample types: {sample:?}") };
            *weights.entry(thread.clone()).or_default() += samples.unsigned_abs();
            *cpu_ns.entry(thread).or_default() += cpu.unsigned_abs();
        }
        let functions = profile.function.iter().map(|function| profile.text(function.name).to_owned());
        let functions = functions.collect();
        let begin_ns = profile.time_nanos.unsigned_abs();
        let duration_ns = profile.duration_nanos.unsigned_abs();
        let mut comments = profile.comment.iter().map(|comment| profile.text(*comment));
        let clocks = comments.find_map(|comment| comment.strip_prefix("# cpu clock: process "));
        let mut clocks = clocks
            .expect("the file states the clocks")
            .split(' ')
            .filter_map(|word| word.parse::<u64>().ok());
        let mut next = |of: &str| clocks.next().unwrap_or_else(|| panic!("the file does not state {of}"));
        let clock_ns = next("clock of the process") - next("clock of the agent");
        let silent_ns = next("time not sampled") + next("late ticks");
        Profiled { answer, cpu_ns, weights, functions, clock_ns, silent_ns, begin_ns, duration_ns }
    }
}

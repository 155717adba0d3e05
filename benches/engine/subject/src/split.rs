//! Four threads with known shares of CPU, the same as in the example `split`.

use std::hint::black_box;
use std::io;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crate::signals::{cpu_ns_of, own_tid, process_cpu_ns};

/// Name, busy time, sleeping time.
const RHYTHMS: [(&str, Duration, Duration); 4] = [
    ("busy", Duration::from_secs(1), Duration::ZERO),
    ("1ms-of-10", Duration::from_millis(1), Duration::from_millis(9)),
    ("20us-of-2ms", Duration::from_micros(20), Duration::from_micros(1980)),
    ("1-percent", Duration::from_millis(10), Duration::from_millis(990)),
];

pub struct Split {
    threads: Vec<(&'static str, u32)>,
}

impl Split {
    pub fn start() -> io::Result<Split> {
        let (report, started) = mpsc::channel();
        for (name, busy, asleep) in RHYTHMS {
            let report = report.clone();
            thread::Builder::new().name(name.to_owned()).spawn(move || {
                let _ = report.send((name, own_tid()));
                loop {
                    let began = Instant::now();
                    while began.elapsed() < busy {
                        black_box(began);
                    }
                    if !asleep.is_zero() {
                        thread::sleep(asleep);
                    }
                }
            })?;
        }
        Ok(Split { threads: started.iter().take(RHYTHMS.len()).collect() })
    }

    /// CPU time of the process and of each thread in nanoseconds, as `name=ns`.
    pub fn clocks(&self) -> io::Result<String> {
        let threads = self.threads.iter().map(|(name, tid)| format!(" {name}={}", cpu_ns_of(*tid)));
        Ok(format!("process={}", process_cpu_ns()) + &threads.collect::<String>())
    }
}

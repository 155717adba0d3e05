//! Memory that grows, and memory that only seems to.

use std::collections::VecDeque;
use std::hint::black_box;
use std::thread;
use std::time::Duration;

use crate::program::{ready, runtime};

pub(crate) const PROGRAMS: &[(&str, fn())] = &[
    ("leak", leak),
    ("slow-leak", slow_leak),
    ("nearly-at-its-limit", nearly_at_its_limit),
    ("cache", cache),
    ("memory-in-waves", waves),
];

/// Sick: a list that is only added to, 2 MB a second.
fn leak() {
    let _runtime = runtime(4);
    thread::spawn(|| {
        let mut kept = Vec::new();
        loop {
            remember(&mut kept);
            thread::sleep(Duration::from_millis(10));
        }
    });
    ready()
}

#[inline(never)]
fn remember(kept: &mut Vec<Vec<u8>>) {
    kept.push(black_box(vec![1_u8; 20_000]));
}

/// Sick, but slowly: 5 MB a minute in pieces of 400 bytes.
fn slow_leak() {
    let _runtime = runtime(4);
    thread::spawn(|| {
        let mut kept = Vec::with_capacity(1_000_000);
        loop {
            remember_slowly(&mut kept);
            thread::sleep(Duration::from_millis(24));
        }
    });
    ready()
}

#[inline(never)]
fn remember_slowly(kept: &mut Vec<Box<[u8]>>) {
    for _ in 0..5 {
        kept.push(black_box(vec![1_u8; 400].into_boxed_slice()));
    }
}

/// Sick: its address space is nearly as large as RLIMIT_AS allows.
fn nearly_at_its_limit() {
    let _runtime = runtime(4);
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let size = status.lines().find_map(|line| line.strip_prefix("VmSize:")).unwrap_or_default();
    let kibibytes: u64 = size.trim().trim_end_matches(" kB").parse().expect("the size of the address space");
    let limit = kibibytes * 1024 + kibibytes * 1024 / 20;
    let limits = libc::rlimit { rlim_cur: limit, rlim_max: limit };
    // SAFETY: `limits` lives during the call.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const limits) }, 0);
    ready()
}

/// Healthy: a full cache whose oldest entry goes for each new one.
fn cache() {
    let _runtime = runtime(4);
    let mut entries: VecDeque<Vec<u8>> = (0..1000).map(|_| vec![1_u8; 20_000]).collect();
    thread::spawn(move || {
        loop {
            entries.push_back(black_box(vec![1_u8; 20_000]));
            entries.pop_front();
            thread::sleep(Duration::from_micros(100));
        }
    });
    ready()
}

/// Healthy: memory of a batch, for half a second, then none; there were batches before.
fn waves() {
    let _runtime = runtime(4);
    let batch = || {
        let mut kept = Vec::new();
        for _ in 0..100 {
            remember(&mut kept);
            thread::sleep(Duration::from_millis(5));
        }
        black_box(&kept);
    };
    batch();
    thread::spawn(move || {
        loop {
            batch();
        }
    });
    ready()
}

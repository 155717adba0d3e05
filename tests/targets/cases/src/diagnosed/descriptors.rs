//! Descriptors and the limit of them.

use std::fs::File;

use crate::program::{ready, runtime};

pub(crate) const PROGRAMS: &[(&str, fn())] =
    &[("out-of-descriptors", nearly_all), ("many-descriptors", half)];

/// Sick: nearly all that the limit allows.
fn nearly_all() {
    open(256, 240);
}

/// Healthy: half of them.
fn half() {
    open(256, 128);
}

fn open(limit: u64, count: usize) {
    let limits = libc::rlimit { rlim_cur: limit, rlim_max: limit };
    // SAFETY: `limits` lives during the call.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limits) }, 0);
    let runtime = runtime(4);
    let mut files = Vec::new();
    while std::fs::read_dir("/proc/self/fd").map_or(count, Iterator::count) < count {
        files.push(File::open("/dev/null"));
    }
    let _kept = (runtime, files);
    ready()
}

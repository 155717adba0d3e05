//! A thread that spends its time in the kernel, or in its own code: `cases kernel-time reads` and `… computes`.

use std::fs::File;
use std::hint::black_box;
use std::io::Read as _;

/// Each read of so much takes about a millisecond of the kernel.
const BUFFER_BYTES: usize = 8 << 20;

pub(crate) fn run(arguments: &[String]) {
    match arguments.first().map(String::as_str) {
        Some("reads") => reads_zeros(),
        _ => computes(),
    }
}

#[inline(never)]
fn reads_zeros() {
    let mut zeros = File::open("/dev/zero").expect("it is always there");
    let mut buffer = vec![1; BUFFER_BYTES];
    loop {
        zeros.read_exact(black_box(&mut buffer)).expect("it never ends");
    }
}

#[inline(never)]
fn computes() {
    let mut count = 0_u64;
    loop {
        count = black_box(count.wrapping_mul(3) + 1);
    }
}

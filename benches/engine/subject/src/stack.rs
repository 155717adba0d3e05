//! Stacks of a known depth with different frames, and the cost of a signal on them.

use std::hint::black_box;
use std::io;

use crate::signals::{Raiser, thread_cpu_ns};

/// More than the second-level cache of the machines we measured on. The third level may be shared and larger.
const COLD_BYTES: usize = 8 << 20;

/// CPU time in nanoseconds per signal, delivery included, under `depth` calls.
///
/// Warm: one signal directly after another. Cold: other memory is written between two signals, as it is between two
/// ticks of a profile; reading the clock is then part of the time.
pub fn cost(depth: u64, signals: u64, cold: bool, mark: u64) -> io::Result<f64> {
    let raiser = Raiser::new(mark);
    let mut spent = 0;
    let mut measure = || {
        // The first signal fills caches and triggers lazy initialisation.
        raiser.raise();
        spent = if cold { one_by_one(&raiser, signals) } else { in_a_row(&raiser, signals) };
    };
    descend(depth, &mut measure);
    Ok(spent as f64 / signals as f64)
}

fn in_a_row(raiser: &Raiser, signals: u64) -> u64 {
    let before = thread_cpu_ns();
    for _ in 0..signals {
        raiser.raise();
    }
    thread_cpu_ns() - before
}

fn one_by_one(raiser: &Raiser, signals: u64) -> u64 {
    let mut memory = vec![1u8; COLD_BYTES];
    let mut spent = 0;
    for turn in 0..signals {
        for line in memory.chunks_mut(64) {
            line[0] = line[0].wrapping_add(turn as u8);
        }
        black_box(&mut memory);
        let before = thread_cpu_ns();
        raiser.raise();
        spent += thread_cpu_ns() - before;
    }
    spent
}

/// Calls `leaf` under `depth` calls of eight functions in turn. Their frames differ in size, so an unwinder needs a
/// different rule for each.
pub fn descend(depth: u64, leaf: &mut dyn FnMut()) {
    step::<2>(depth, leaf);
}

macro_rules! chain {
    ($($words:literal => $next:literal),*) => {
        fn next<const WORDS: usize>(depth: u64, leaf: &mut dyn FnMut()) -> u64 {
            match WORDS {
                $($words => step::<$next>(depth, leaf),)*
                _ => unreachable!("the chain is closed"),
            }
        }
    };
}

chain!(2 => 5, 5 => 3, 3 => 9, 9 => 4, 4 => 17, 17 => 6, 6 => 30, 30 => 2);

#[inline(never)]
fn step<const WORDS: usize>(depth: u64, leaf: &mut dyn FnMut()) -> u64 {
    let mut locals = black_box([depth; WORDS]);
    if depth <= 1 {
        leaf();
    } else {
        locals[0] = next::<WORDS>(depth - 1, leaf);
    }
    // Work after the call prevents a tail call and keeps the locals in the frame.
    black_box(&locals).iter().fold(0, |sum: u64, word| sum.wrapping_add(*word))
}

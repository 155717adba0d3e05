//! A fixed amount of work, with different stacks, on threads that live as long as the program.

use std::hint::black_box;
use std::io;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use crate::signals::{process_cpu_ns, thread_cpu_ns};
use crate::stack;

const THREADS: usize = 2;
/// Words sorted and hashed at the bottom of each stack: 4 KiB, so other programs' use of the caches has little
/// effect.
const WORDS: usize = 512;

pub struct Workers {
    orders: Vec<Sender<u64>>,
    done: Receiver<u64>,
}

impl Workers {
    pub fn start() -> io::Result<Workers> {
        let (report, done) = mpsc::channel();
        let mut orders = Vec::new();
        for number in 0..THREADS {
            let (order, received) = mpsc::channel();
            let report = report.clone();
            thread::Builder::new().name(format!("worker-{number}")).spawn(move || {
                for units in received {
                    if report.send(work(units)).is_err() {
                        return;
                    }
                }
            })?;
            orders.push(order);
        }
        Ok(Workers { orders, done })
    }

    /// CPU time of the whole process while each worker does this number of units.
    pub fn work(&self, units: u64) -> io::Result<u64> {
        let before = process_cpu_ns();
        for order in &self.orders {
            order.send(units).map_err(io::Error::other)?;
        }
        for _ in &self.orders {
            black_box(self.done.recv().map_err(io::Error::other)?);
        }
        Ok(process_cpu_ns() - before)
    }
}

/// One unit sorts and hashes under 8 to 71 calls.
fn work(units: u64) -> u64 {
    let mut random = 0x9e37_79b9_7f4a_7c15u64;
    let mut sum = 0u64;
    for unit in 0..units {
        stack::descend(8 + unit % 64, &mut || {
            let mut words: Vec<u64> = (0..WORDS)
                .map(|_| {
                    random ^= random << 13;
                    random ^= random >> 7;
                    random ^= random << 17;
                    random
                })
                .collect();
            words.sort_unstable();
            sum = words.iter().fold(sum, |hash, word| (hash ^ word).wrapping_mul(0x100_0000_01b3));
        });
    }
    sum
}

/// Starts threads that sleep for ever.
pub fn add_sleepers(count: u64) -> io::Result<()> {
    for _ in 0..count {
        thread::Builder::new().stack_size(64 * 1024).spawn(|| {
            loop {
                thread::park();
            }
        })?;
    }
    Ok(())
}

/// Uses this amount of CPU time.
pub fn burn_ns(ns: u64) {
    let before = thread_cpu_ns();
    while thread_cpu_ns() - before < ns {
        black_box(before);
    }
}

//! Programs for `rgops diagnose`: `diagnosed NAME`. Some are sick in one way each; their siblings do nearly the same
//! under full load and are healthy.
//!
//! Each listens, prints `pid N`, comes into its state, and prints `ready`.

mod cpu;
mod descriptors;
mod locks;
mod memory;
mod pool;
mod program;
mod tasks;
mod timers;
mod workers;

use std::process::exit;

#[global_allocator]
static ALLOCATOR: rgops_agent::alloc::Sampling<std::alloc::System> =
    rgops_agent::alloc::Sampling::new(std::alloc::System);

/// Name, and what runs.
type Named = (&'static str, fn());

/// All programs, by theme.
const PROGRAMS: &[&[Named]] = &[
    cpu::PROGRAMS,
    descriptors::PROGRAMS,
    locks::PROGRAMS,
    memory::PROGRAMS,
    pool::PROGRAMS,
    tasks::PROGRAMS,
    timers::PROGRAMS,
    workers::PROGRAMS,
];

fn main() {
    let name = std::env::args().nth(1).unwrap_or_default();
    let mut all = PROGRAMS.iter().flat_map(|theme| theme.iter());
    match all.find(|(known, _)| *known == name) {
        Some((_, run)) => run(),
        None => {
            let names: Vec<&str> =
                PROGRAMS.iter().flat_map(|theme| theme.iter()).map(|(name, _)| *name).collect();
            eprintln!("usage: diagnosed NAME, with a name of: {}", names.join(", "));
            exit(2);
        }
    }
}

//! A program whose threads run on every kind of small stack, each with a canary below it that must not change.
//!
//! Orders on standard input, one per line: `listen`, `start`, `report`.
#![cfg_attr(not(target_os = "linux"), allow(unused, reason = "captures are of Linux"))]

#[cfg(target_os = "linux")]
mod places;
#[cfg(target_os = "linux")]
mod uses;

#[cfg(target_os = "linux")]
#[global_allocator]
static ALLOCATOR: rgops_agent::alloc::Sampling<std::alloc::System> =
    rgops_agent::alloc::Sampling::new(std::alloc::System);

#[cfg(target_os = "linux")]
fn main() {
    use std::io::{self, BufRead as _};

    let mut agent = None;
    uses::install_handlers();
    uses::print_line("ready");
    for order in io::stdin().lock().lines() {
        let order = order.expect("standard input is a pipe");
        match order.split_whitespace().next() {
            Some("listen") => {
                let options = rgops_agent::Options::default().heap_rate(4096);
                let new = rgops_agent::listen(options).expect("it can listen");
                uses::print_line(&format!("listening {}", new.address()));
                agent = Some(new);
            }
            Some("start") => uses::print_line(&format!("started {}", uses::start())),
            Some("report") => {
                uses::report().iter().for_each(|line| uses::print_line(line));
                uses::print_line("end");
            }
            _ => uses::print_line("what?"),
        }
    }
    drop(agent);
    // Its threads run for ever.
    // SAFETY: ends the process at once.
    unsafe { libc::_exit(0) };
}

#[cfg(not(target_os = "linux"))]
fn main() {}

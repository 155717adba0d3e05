//! What `docs/SECURITY.md` promises, one module a promise, named after its number: real processes,
//! real sockets, other users. `RGOPS_LONG=1` takes longer looks, `RGOPS_NO_SKIP=1` fails where a
//! machine cannot run a test (some need root).
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "tests")]

mod p01_linking;
mod p02_listen_fails;
mod p03_idle;
mod p04_stuck;
mod p08_tasks;
mod p09_memory;
mod p10_fork;
mod p11_the_operators_word;
mod p12_local_socket;
mod p13_socket_life;
mod p13_socket_lost;
mod p14_same_user;
mod p15_tcp_token;
mod p16_bad_clients;
mod p17_bounds;
mod p18_one_at_a_time;
mod p20_no_secrets;
mod p21_read_only;
mod p22_descriptors;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Held by tests that flood an agent or take the time: at the same time they would fight for CPUs.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

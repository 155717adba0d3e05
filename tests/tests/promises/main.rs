//! The promises of `docs/SECURITY.md`, one module per promise, named after its number, with real processes, real
//! sockets and other users. `RGOPS_LONG=1` measures longer. `RGOPS_NO_SKIP=1` fails if a machine cannot run a test
//! (some need root).
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "tests")]

mod p01_linking;
mod p02_listen_fails;
mod p03_idle;
#[cfg(target_env = "gnu")]
mod p04_stopped_in_malloc;
mod p04_stuck;
#[cfg(target_env = "gnu")]
mod p05_torture;
mod p06_blocked_signals;
mod p06_exec;
mod p06_replaced;
mod p06_signal_number;
#[cfg(target_env = "gnu")]
mod p06_signals;
mod p06_taken_over;
#[cfg(all(target_arch = "x86_64", target_env = "gnu"))]
mod p07_sleepers;
mod p08_tasks;
mod p09_memory;
mod p10_fork;
mod p11_operator_overrides;
mod p12_local_socket;
mod p13_deleted_socket;
mod p13_socket_life;
mod p13_socket_lost;
mod p14_identity;
mod p14_same_user;
mod p15_tcp_token;
mod p16_bad_clients;
mod p17_bounds;
mod p18_one_at_a_time;
mod p20_no_secrets;
mod p21_read_only;
mod p22_descriptors;
mod p23_stacks;
mod p26_files;
mod p26_hostile_process;
mod p27_output_files;
mod p28_advice;
mod p29_old_and_new;

use rgops_tests::turns::alone;

//! Programs in sandboxes: what the agent does if a seccomp filter denies the calls it needs, as `docs/SECURITY.md`
//! states ("Sandboxes"). The program sets the filters itself, before or after it listens, on all its threads.
#![cfg(all(target_os = "linux", target_env = "gnu", target_arch = "x86_64"))]
#![expect(clippy::unwrap_used, reason = "tests")]

mod answers;
mod denied;
mod filters;
mod strict;
mod target;

//! A process that means harm to whoever looks at it: an agent's socket whose answers have one shape of
//! attack. It is started by `p26_hostile_process.rs`, as another user.
//!
//! `hostile SHAPE`: listens in `$RGOPS_DIR` under the name an agent of this process would have, prints
//! "ready", and serves until it is killed. Further arguments are there to be seen.

#[cfg(target_os = "linux")]
#[path = "hostile/answers.rs"]
mod answers;
#[cfg(target_os = "linux")]
#[path = "hostile/serving.rs"]
mod serving;

#[cfg(target_os = "linux")]
fn main() {
    serving::serve();
}

#[cfg(not(target_os = "linux"))]
fn main() {}

//! The main thread has ended and others run, as in programs that leave `main` with `pthread_exit`: `cases leaderless`.

use std::thread;
use std::time::{Duration, Instant};

pub(crate) fn run(_arguments: &[String]) {
    let worker = thread::Builder::new().name("keeps-working".to_owned());
    worker.spawn(work_forever).expect("a thread can be started");
    // SAFETY: ends this thread and nothing else. Nothing of it is used by another thread.
    unsafe { libc::syscall(libc::SYS_exit, 0) };
}

fn work_forever() {
    let _connected = std::net::TcpListener::bind("127.0.0.1:0");
    loop {
        count_for(Duration::from_millis(50));
        thread::sleep(Duration::from_millis(50));
    }
}

#[inline(never)]
fn count_for(time: Duration) {
    let (begin, mut sum) = (Instant::now(), 0_u64);
    while begin.elapsed() < time {
        sum = std::hint::black_box(sum.wrapping_mul(31) + 1);
    }
}

//! A program that may open 64 files and has opened all of them but N: `cases emfile N`. It prints `ready` then.

use std::fs::File;
use std::thread;
use std::time::Duration;

pub(crate) fn run(arguments: &[String]) {
    let free: usize = arguments.first().and_then(|free| free.parse().ok()).unwrap_or(0);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("there are descriptors");
    runtime.spawn(async { tokio::time::sleep(Duration::from_secs(600)).await });
    let limit = libc::rlimit { rlim_cur: 64, rlim_max: 64 };
    // SAFETY: the kernel reads the limit, which is alive.
    unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) };
    let mut open = Vec::new();
    while let Ok(file) = File::open("/dev/null") {
        open.push(file);
    }
    open.truncate(open.len() - free);
    println!("ready");
    loop {
        thread::sleep(Duration::from_secs(600));
        std::hint::black_box(&open);
    }
}

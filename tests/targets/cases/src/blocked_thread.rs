//! A thread in each role that waits in each way: `cases blocked-thread ROLE WAIT`, with a WAIT of `mutex`, `sleep`,
//! `recv`, `read`, `child`, `blocking_recv` or `await`. Only `await` leaves the thread to the runtime.

use std::fs::File;
use std::io::Read as _;
use std::process::Command;
use std::sync::{Mutex, mpsc};
use std::thread;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::task::{LocalSet, block_in_place, spawn_blocking};

const LONG: Duration = Duration::from_secs(600);

static LOCK: Mutex<()> = Mutex::new(());

pub(crate) fn run(arguments: &[String]) {
    let word = |at: usize| arguments.get(at).map_or("", String::as_str).to_owned();
    let (role, wait) = (word(0), word(1));
    let multi = || Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let current = || Builder::new_current_thread().enable_all().build().expect("a runtime");
    match role.as_str() {
        "main" => multi().block_on(waits(wait)),
        "current-thread" => current().block_on(waits(wait)),
        "local-set" => LocalSet::new().block_on(&current(), async move {
            let _ = tokio::task::spawn_local(waits(wait)).await;
        }),
        "worker" => keep(&multi(), async move {
            let _ = tokio::spawn(waits(wait)).await;
        }),
        "blocking" => keep(&multi(), async move {
            let handle = tokio::runtime::Handle::current();
            let _ = spawn_blocking(move || waits_in_thread(&handle, wait)).await;
        }),
        "in-place" => keep(&multi(), async move {
            let handle = tokio::runtime::Handle::current();
            let _ = tokio::spawn(async move { block_in_place(|| waits_in_thread(&handle, wait)) }).await;
        }),
        "thread" => {
            let runtime = multi();
            let handle = runtime.handle().clone();
            let named = thread::Builder::new().name("outsider".to_owned());
            let outsider = named.spawn(move || handle.block_on(waits(wait)));
            let _ = outsider.expect("a thread").join();
        }
        other => panic!("unknown role {other:?}"),
    }
}

/// Waits for something that waits without a thread: the thread of the role is another one.
fn keep(runtime: &Runtime, started: impl Future<Output = ()>) {
    runtime.block_on(started);
}

async fn waits(how: String) {
    match how.as_str() {
        "await" => tokio::time::sleep(LONG).await,
        _ => blocks(&how),
    }
}

fn waits_in_thread(handle: &tokio::runtime::Handle, how: String) {
    match how.as_str() {
        "await" => handle.block_on(waits(how)),
        _ => blocks(&how),
    }
}

#[inline(never)]
fn blocks(how: &str) {
    match how {
        "mutex" => {
            let (locked, is_locked) = mpsc::channel();
            thread::spawn(move || {
                let _kept = LOCK.lock();
                let _ = locked.send(());
                thread::sleep(LONG);
            });
            let _ = is_locked.recv();
            drop(LOCK.lock());
        }
        "sleep" => thread::sleep(LONG),
        "recv" => {
            let (_kept, receiver) = mpsc::channel::<()>();
            let _ = receiver.recv();
        }
        "blocking_recv" => {
            let (_kept, mut receiver) = tokio::sync::mpsc::channel::<()>(1);
            let _ = receiver.blocking_recv();
        }
        "read" => {
            // The other end is open in this process and never written.
            let mut ends = [0; 2];
            // SAFETY: an array of two descriptors.
            let made = unsafe { libc::pipe(ends.as_mut_ptr()) };
            assert_eq!(made, 0);
            let mut pipe = File::open(format!("/proc/self/fd/{}", ends[0])).expect("a pipe");
            let _ = pipe.read(&mut [0]);
        }
        "child" => {
            let _ = Command::new("sleep").arg("600").status();
        }
        other => panic!("unknown wait {other:?}"),
    }
}

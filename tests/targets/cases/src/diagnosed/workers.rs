//! What runs on workers, and must or must not.

use std::hint::black_box;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::task::{block_in_place, yield_now};

use crate::program::{LONG, compute, listen, ready, runtime};

pub(crate) const PROGRAMS: &[(&str, fn())] = &[
    ("spinning-worker", spinning),
    ("sleeping-worker", sleeping),
    ("receiving-worker", receiving),
    ("blocked-current-thread", blocked_current_thread),
    ("sleeps-on-workers", sleeps),
    ("reads-on-workers", reads),
    ("long-polls", long_polls),
    ("one-task-of-long-polls", one_task_of_long_polls),
    ("blocks-in-place", blocks_in_place),
    ("busy-current-thread", busy_current_thread),
    ("blocked-main", blocked_main),
];

/// Sick: one poll never ends.
fn spinning() {
    let runtime = runtime(4);
    let (began, begun) = mpsc::channel();
    runtime.spawn(async move {
        let _ = began.send(());
        spin_forever();
    });
    let _ = begun.recv();
    ready()
}

#[inline(never)]
fn spin_forever() {
    let mut turns = 0_u64;
    loop {
        turns = black_box(turns.wrapping_add(1));
    }
}

/// Sick: a poll sleeps for ten minutes.
fn sleeping() {
    let runtime = runtime(4);
    let (began, begun) = mpsc::channel();
    runtime.spawn(async move {
        let _ = began.send(());
        sleep_in_a_poll(LONG);
    });
    let _ = begun.recv();
    ready()
}

#[inline(never)]
fn sleep_in_a_poll(time: Duration) {
    thread::sleep(time);
    black_box(());
}

/// Sick: a poll waits for a message of a std channel that nobody sends.
fn receiving() {
    let runtime = runtime(4);
    let (began, begun) = mpsc::channel();
    let (kept, never) = mpsc::channel::<()>();
    runtime.spawn(async move {
        let _ = began.send(());
        receive_in_a_poll(&never);
    });
    let _ = begun.recv();
    black_box(&kept);
    ready()
}

#[inline(never)]
fn receive_in_a_poll(never: &mpsc::Receiver<()>) {
    let _ = never.recv();
    black_box(());
}

/// Sick: the future of `block_on` blocks the only thread that polls tasks.
fn blocked_current_thread() {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let inside = runtime.enter();
    listen();
    drop(inside);
    runtime.block_on(async {
        tokio::spawn(async { tokio::time::sleep(Duration::from_millis(10)).await });
        println!("ready");
        sleep_in_a_poll(LONG);
    });
}

/// Sick: each task sleeps for 300 ms in each of its polls.
fn sleeps() {
    let runtime = runtime(4);
    for _ in 0..4 {
        runtime.spawn(async {
            loop {
                sleep_in_a_poll(Duration::from_millis(300));
                yield_now().await;
            }
        });
    }
    ready()
}

/// Sick: tasks read from std sockets whose peer answers after 300 ms.
fn reads() {
    let runtime = runtime(4);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    for _ in 0..4 {
        let mut stream = TcpStream::connect(address).expect("a connection");
        let (mut peer, _) = listener.accept().expect("a connection");
        thread::spawn(move || {
            loop {
                thread::sleep(Duration::from_millis(300));
                let _ = peer.write_all(b"x");
            }
        });
        runtime.spawn(async move {
            loop {
                read_in_a_poll(&mut stream);
                yield_now().await;
            }
        });
    }
    ready()
}

#[inline(never)]
fn read_in_a_poll(stream: &mut TcpStream) {
    let _ = stream.read_exact(&mut [0]);
    black_box(());
}

/// Healthy: polls of 50 ms, one after the other, more tasks than workers.
fn long_polls() {
    let runtime = runtime(4);
    for _ in 0..6 {
        runtime.spawn(async {
            loop {
                compute(Duration::from_millis(50));
                yield_now().await;
            }
        });
    }
    ready()
}

/// Healthy: one task whose polls of 50 ms follow one another without a pause.
fn one_task_of_long_polls() {
    let runtime = runtime(4);
    runtime.spawn(async {
        loop {
            compute(Duration::from_millis(50));
            yield_now().await;
        }
    });
    ready()
}

/// Healthy: what blocks gives its worker away first.
fn blocks_in_place() {
    let runtime = runtime(8);
    for _ in 0..3 {
        runtime.spawn(async {
            loop {
                block_in_place(|| thread::sleep(Duration::from_secs(20)));
                yield_now().await;
            }
        });
    }
    runtime.spawn(busy());
    ready()
}

async fn busy() {
    loop {
        compute(Duration::from_millis(1));
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Healthy: a current-thread runtime under full load.
fn busy_current_thread() {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let inside = runtime.enter();
    listen();
    drop(inside);
    runtime.block_on(async {
        for _ in 0..20 {
            tokio::spawn(async {
                loop {
                    compute(Duration::from_millis(2));
                    yield_now().await;
                }
            });
        }
        println!("ready");
        tokio::time::sleep(LONG).await;
    });
}

/// Healthy: the main thread sleeps in the future of `block_on`, which blocks nobody: the workers poll the tasks.
fn blocked_main() {
    let runtime = runtime(4);
    for _ in 0..10 {
        runtime.spawn(busy());
    }
    runtime.block_on(async { ready() })
}

//! 490 blocking threads wait for one Mutex, and few others do something else.

use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::thread;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(600);
const WAITERS: usize = 490;

static ORDERS: Mutex<u64> = Mutex::new(0);

#[tokio::main(worker_threads = 4)]
pub(crate) async fn run(_: &[String]) {
    let (held, is_held) = mpsc::channel();
    thread::Builder::new().name("holder".to_owned()).spawn(move || holds(&held)).expect("a thread");
    let _ = is_held.recv();
    for number in 0..4 {
        thread::Builder::new().name(format!("queue-{number}")).spawn(waits_for_orders).expect("a thread");
    }
    for _ in 0..WAITERS {
        tokio::task::spawn_blocking(takes_order);
    }
    println!("ready");
    tokio::time::sleep(LONG).await;
}

#[inline(never)]
fn holds(held: &mpsc::Sender<()>) {
    let _orders = ORDERS.lock();
    let _ = held.send(());
    thread::sleep(LONG);
}

#[inline(never)]
fn takes_order() {
    *ORDERS.lock().expect("nothing panics") += 1;
}

#[inline(never)]
fn waits_for_orders() {
    let pair = Arc::new((Mutex::new(false), Condvar::new()));
    let ready = pair.0.lock().expect("nothing panics");
    drop(pair.1.wait(ready));
}

//! Tasks in `LocalSet`s that nobody told the agent about, and a runtime without tasks:
//! `cases local-set stack|busy|churn|heap|arbiters|none`.

use std::hint::spin_loop;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::task::{LocalSet, spawn_local, yield_now};
use tokio::time::sleep;

const LONG: Duration = Duration::from_secs(600);

/// Tasks of each set.
const MANY: usize = 20;

pub(crate) fn run(arguments: &[String]) {
    let shape = arguments.first().map_or("", String::as_str);
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    {
        let _inside = runtime.enter();
        crate::watch();
    }
    match shape {
        "stack" => on_the_stack(&runtime),
        "heap" => on_the_heap(&runtime),
        "busy" => {
            std::thread::spawn(|| on_another_thread(keeps_its_thread()));
            runtime.block_on(async { sleep(LONG).await });
        }
        "churn" => {
            std::thread::spawn(|| on_another_thread(spawns_short_tasks()));
            runtime.block_on(async { sleep(LONG).await });
        }
        "arbiters" => {
            ["arbiter:0", "arbiter:1"].into_iter().for_each(Arbiter::start);
            runtime.block_on(async {
                println!("ready");
                sleep(LONG).await;
            });
        }
        _ => runtime.block_on(async {
            println!("ready");
            sleep(LONG).await;
        }),
    }
}

async fn waits_in_a_set() {
    sleep(LONG).await;
}

fn spawn_all() {
    for _ in 0..MANY {
        spawn_local(waits_in_a_set());
    }
}

/// Two sets; the thread drives the one in the other.
fn on_the_stack(runtime: &Runtime) {
    let (outer, inner) = (LocalSet::new(), LocalSet::new());
    outer.block_on(runtime, async {
        spawn_local(waits_in_a_set());
        inner
            .run_until(async {
                spawn_all();
                yield_now().await;
                println!("ready");
                sleep(LONG).await;
            })
            .await;
    });
}

/// The set is within a larger box: only the pointer to it is on the stack.
fn on_the_heap(runtime: &Runtime) {
    let boxed = Box::new(([0_u64; 64], LocalSet::new()));
    boxed.1.block_on(runtime, async {
        spawn_all();
        yield_now().await;
        println!("ready");
        sleep(LONG).await;
    });
}

fn on_another_thread(last: impl Future<Output = ()> + 'static) {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let set = LocalSet::new();
    set.block_on(&runtime, async {
        spawn_all();
        yield_now().await;
        println!("ready");
        spawn_local(last);
        sleep(LONG).await;
    });
}

async fn keeps_its_thread() {
    loop {
        spin_loop();
    }
}

async fn spawns_short_tasks() {
    loop {
        spawn_local(yield_now());
        yield_now().await;
    }
}

/// As the arbiters of actix: each is a thread with a runtime and a set in one structure.
struct Arbiter {
    set: LocalSet,
    runtime: Runtime,
}

impl Arbiter {
    fn start(name: &str) {
        let thread = std::thread::Builder::new().name(name.to_owned());
        let arbiter = || {
            let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
            let arbiter = Arbiter { set: LocalSet::new(), runtime };
            arbiter.set.spawn_local(waits_in_an_arbiter());
            arbiter.set.block_on(&arbiter.runtime, async { sleep(LONG).await });
        };
        thread.spawn(arbiter).expect("a thread");
    }
}

async fn waits_in_an_arbiter() {
    sleep(LONG).await;
}

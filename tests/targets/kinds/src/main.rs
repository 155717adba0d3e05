//! Tasks of every kind, suspended for ever, each at a known place.
//!
//! Usage: kinds SCENARIO. It prints `ready` when all tasks of the scenario are spawned. It answers each line on
//! standard input with its agent's address, and ends at the end of that input.

mod bodies;
mod channels;
mod combinators;
mod functions;
mod http;
mod io;
mod locks;
mod streams;
mod tasks;
mod time;

use std::any::Any;
use std::io::BufRead as _;
use std::time::Duration;

use rgops_agent::Options;
use tokio::runtime::Builder;

/// Longer than any test.
const LONG: Duration = Duration::from_secs(100_000);

/// Objects that keep tasks waiting: senders, guards, the other ends of connections.
type Kept = Vec<Box<dyn Any + Send>>;

fn main() {
    let scenario = std::env::args().nth(1).expect("usage: kinds SCENARIO");
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let inside = runtime.enter();
    let agent = rgops_agent::listen(Options::default()).expect("the agent listens");
    let mut kept = Kept::new();
    match &*scenario {
        "bodies" => runtime.block_on(bodies::start(&mut kept)),
        "channels" => runtime.block_on(channels::start(&mut kept)),
        "combinators" => combinators::start(&mut kept),
        "functions" => functions::start(),
        "http" => runtime.block_on(http::start(&mut kept)),
        "io" => runtime.block_on(io::start(&mut kept)),
        "locks" => runtime.block_on(locks::start()),
        "streams" => streams::start(&mut kept),
        "tasks" => tasks::start(&agent, &mut kept),
        "time" => time::start(),
        other => panic!("there is no scenario {other}"),
    }
    drop(inside);
    println!("ready");
    for _ in std::io::stdin().lock().lines() {
        println!("{}", agent.address());
    }
    // Does not join tasks that wait for ever.
    std::process::exit(0);
}

//! Tasks in a `LocalSet` that nobody told the agent about, and a runtime without tasks: `cases local-set private|none`.

use std::time::Duration;

use tokio::runtime::Builder;
use tokio::task::{LocalSet, spawn_local};
use tokio::time::sleep;

const LONG: Duration = Duration::from_secs(600);

pub(crate) fn run(arguments: &[String]) {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    {
        let _inside = runtime.enter();
        crate::watch();
    }
    match arguments.first().map(String::as_str) {
        Some("private") => {
            let set = LocalSet::new();
            set.block_on(&runtime, async {
                spawn_local(sleep(LONG));
                tokio::task::yield_now().await;
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

//! The page with all profiles, with the counts that cost nothing to know.

use std::time::Duration;

use rgops_http::ask::{Kind, View};
use rgops_http::reply::{self, Index, Reply};
use rgops_inspect::session::{Answer, Session, StatsOptions, StatsView};
use rgops_inspect::text::escape;
use serde_json::Value;

use crate::fleet::Program;

/// How long a program is watched for its counts.
const WINDOW: Duration = Duration::from_millis(50);

/// The page. Without counts if the agent does not tell them.
pub(super) fn index(program: &Program, session: &mut Session) -> Reply {
    let about = format!("{} (pid {})", escape(&program.name), program.pid);
    let mut index = Index::new().about(about);
    let stats = session.stats(&StatsOptions::default().window(WINDOW));
    let stats = stats.ok().and_then(|stats| serde_json::to_value(stats.json(&StatsView::default())).ok());
    if let Some(stats) = stats {
        let threads = stats["threads"].as_array().map(|threads| threads.len() as u64);
        let runtimes = stats["runtimes"].as_array();
        let alive = |runtime: &Value| runtime["alive_tasks"].as_u64().unwrap_or(0);
        let tasks = runtimes.filter(|of| !of.is_empty()).map(|of| of.iter().map(alive).sum::<u64>());
        if let Some(threads) = threads {
            index = index.count(Kind::Threadcreate, threads).view_count(View::Threads, threads);
        }
        index = match tasks {
            Some(tasks) => index.count(Kind::Goroutine, tasks).view_count(View::Tasks, tasks),
            None => index,
        };
    }
    reply::index(&index)
}

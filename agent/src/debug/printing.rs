//! The printing itself: one moment for each interval, until standard error is closed.

use std::sync::Arc;
use std::time::Instant;

use rgops_protocol::reply::schedtrace::{RuntimeMoment, SchedtraceMoment};
#[cfg(native_engine)]
use rgops_protocol::request::Command;
use rgops_protocol::schedtrace_line::{SchedLine, TaskLine, WorkerLine};

use super::settings::Settings;
use super::stderr::Stderr;
use crate::collect::Context;
use crate::collect::schedtrace::follow::Follower;

/// The settings, and standard error; `None` if nothing was requested or there is no writer.
#[derive(Debug)]
pub(crate) struct Printing(Option<(Settings, Stderr)>);

impl Settings {
    /// Prints to this writer.
    pub(crate) fn with(self, stderr: Option<Stderr>) -> Printing {
        Printing(stderr.map(|stderr| (self, stderr)))
    }
}

impl Printing {
    /// Prints until the agent ends or standard error is closed.
    pub(crate) async fn print(self, context: Arc<Context>) {
        let Some((settings, mut stderr)) = self.0 else { return };
        if let Some(error) = settings.error {
            stderr.write(format!("{error}\n"));
        }
        let Some(interval) = settings.schedtrace else { return };
        let mut follower = Follower::new(&context.runtimes);
        let began = Instant::now();
        let mut due = began + interval;
        while !stderr.is_closed() {
            wait(&mut follower, due).await;
            follower.follow_new(&context.runtimes);
            let moment = follower.moment(began);
            let tasks = if settings.detail { busy_tasks(&follower, &context).await } else { Vec::new() };
            stderr.write(text(&follower.names(), &moment, settings.detail, &tasks));
            due = (due + interval).max(Instant::now() + interval / 2);
        }
    }
}

async fn wait(follower: &mut Follower, due: Instant) {
    while Instant::now() < due {
        let until = due.min(Instant::now() + follower.reading_interval(due));
        tokio::time::sleep_until(until.into()).await;
        follower.read();
    }
}

/// Ids and states of the tasks of each runtime that are not idle; none for a runtime with too many tasks.
#[cfg(native_engine)]
async fn busy_tasks(follower: &Follower, context: &Context) -> Vec<Vec<(u64, &'static str)>> {
    /// Walking this many tasks takes a few milliseconds, each time.
    const MAX_TASKS: u64 = 20_000;
    let mut tasks = Vec::new();
    for runtime in follower.watched() {
        let is_listed = !context.policy.is_denied(Command::Tasks) && runtime.alive_tasks() <= MAX_TASKS;
        tasks.push(if is_listed { crate::tasks::list::busy(&runtime).await } else { Vec::new() });
    }
    tasks
}

#[cfg(not(native_engine))]
async fn busy_tasks(_follower: &Follower, _context: &Context) -> Vec<Vec<(u64, &'static str)>> {
    Vec::new()
}

/// The lines of all runtimes.
fn text(
    names: &[String],
    moment: &SchedtraceMoment,
    detail: bool,
    tasks: &[Vec<(u64, &'static str)>],
) -> String {
    /// Maximum tasks printed for each runtime. One more line states how many were left out.
    const MAX_LINES: usize = 100;
    let mut text = String::new();
    for (at, (name, runtime)) in names.iter().zip(&moment.runtimes).enumerate() {
        text.push_str(&format!("{}\n", line(name, moment, runtime)));
        for index in 0..runtime.workers.len() {
            if detail {
                text.push_str(&format!("{}\n", worker(index, runtime, moment.interval_ns)));
            }
        }
        let tasks = tasks.get(at).map_or(&[][..], Vec::as_slice);
        for (id, state) in tasks.iter().copied().take(MAX_LINES) {
            text.push_str(&format!("{}\n", TaskLine { id, state, ..TaskLine::default() }));
        }
        if tasks.len() > MAX_LINES {
            text.push_str(&format!("T…: and {} more tasks that are not idle\n", tasks.len() - MAX_LINES));
        }
    }
    text
}

fn line<'l>(name: &'l str, moment: &SchedtraceMoment, runtime: &RuntimeMoment) -> SchedLine<'l> {
    let own = runtime.unstable.value();
    SchedLine {
        elapsed_ms: moment.time_ns / 1_000_000,
        runtime: name,
        workers: runtime.workers.len() as u64,
        idle_workers: Some(runtime.workers.iter().filter(|worker| worker.parked).count() as u64),
        // The unstable metrics do not report it either.
        searching: None,
        threads: moment.threads.value().copied(),
        blocking: own.map(|own| own.blocking_threads),
        idle_blocking: own.map(|own| own.idle_blocking_threads),
        blocking_queue: own.map(|own| own.blocking_queue),
        run_queue: Some(runtime.global_queue),
        local_queues: (0..runtime.workers.len()).map(|index| own?.local_queues.get(index).copied()).collect(),
        busy_percent: runtime.workers.iter().map(|worker| worker.busy_percent(moment.interval_ns)).collect(),
        alive: Some(runtime.alive_tasks),
        is_approximate: false,
    }
}

fn worker(index: usize, runtime: &RuntimeMoment, interval_ns: u64) -> WorkerLine<'static> {
    let (own, worker) = (runtime.unstable.value(), runtime.workers.get(index));
    WorkerLine {
        index,
        state: worker.map(|worker| match (worker.parked, worker.busy_percent(interval_ns)) {
            (true, _) => "parked",
            // No counter changed in the whole interval.
            (false, Some(100)) => "polling",
            (false, _) => "running",
        }),
        queue: own.and_then(|own| own.local_queues.get(index).copied()),
        polls: own.and_then(|own| own.polls.get(index).copied()),
        parks: worker.map(|worker| worker.parks),
        ..WorkerLine::default()
    }
}

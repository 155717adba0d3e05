//! Looks at the tasks while the threads are looked at, on a thread of their own: to decode them may take long.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

use rgops_protocol::reply::Module;

use super::schedule::Schedule;
use super::unless_busy::unless_busy;
use crate::session::connect::Session;
use crate::session::error::SessionError;
use crate::tasks::fetch::{KeptTypes, look};
use crate::tasks::files::TypeFiles;
use crate::tasks::graph::WaitGraph;
use crate::tasks::model::Tasks;
use crate::waits::TaskWaits;

/// Time between two looks.
const BETWEEN: Duration = Duration::from_millis(200);
/// Reading the memory that the decoder needs takes the agent about as long as the list.
const READS: u32 = 2;

/// What was seen of tasks.
#[derive(Debug, Default)]
pub(super) struct LookedTasks {
    pub(super) waits: TaskWaits,
    /// Why there is nothing; empty if there is.
    pub(super) missing: String,
    /// Looks that failed, and the first reason.
    pub(super) failed: Option<(u64, String)>,
}

/// Looks that are made.
#[derive(Debug)]
pub(super) struct TaskLooks {
    begin: Sender<(Instant, Duration)>,
    looks: JoinHandle<LookedTasks>,
}

impl TaskLooks {
    /// Reads the debug information, and returns then.
    pub(super) fn start(session: Session, modules: Vec<Module>) -> TaskLooks {
        let (begin, window) = channel();
        let (ready, is_ready) = channel();
        let looks = spawn(move || looks(&session, &modules, &ready, &window));
        // It ended if nothing comes.
        let _ = is_ready.recv();
        TaskLooks { begin, looks }
    }

    /// Looks from now on for the time of a window.
    pub(super) fn begin(&self, began: Instant, window: Duration) {
        // It ended if nobody listens: there are no tasks.
        let _ = self.begin.send((began, window));
    }

    /// What was seen, after the last look.
    pub(super) fn end(self) -> LookedTasks {
        drop(self.begin);
        let ended = || LookedTasks {
            missing: "the thread that looks at them ended".to_owned(),
            ..LookedTasks::default()
        };
        self.looks.join().unwrap_or_else(|_| ended())
    }
}

fn looks(
    session: &Session,
    modules: &[Module],
    ready: &Sender<()>,
    window: &Receiver<(Instant, Duration)>,
) -> LookedTasks {
    let mut looked = LookedTasks::default();
    let files = TypeFiles {
        local_pid: session.local_pid(),
        symbol_directories: session.options().symbols.clone(),
        budget: session.options().new_budget(),
    };
    let mut kept = KeptTypes::default();
    match tasks(session, modules, &files, &mut kept) {
        Ok(tasks) if tasks.runtimes.is_empty() => {
            "no Tokio runtime is watched: call rgops_agent::listen inside a runtime, or Agent::watch"
                .clone_into(&mut looked.missing);
        }
        Ok(tasks) => {
            if let Some(missing) = &tasks.no_memory {
                looked.failed = Some((1, missing.reason.clone()));
            }
        }
        Err(error) => looked.missing = error.to_string(),
    }
    if !looked.missing.is_empty() {
        return looked;
    }
    let _ = ready.send(());
    let Ok((began, window)) = window.recv() else { return looked };
    let end = began + window;
    let mut schedule = Schedule::new(began, BETWEEN);
    let mut is_first = true;
    loop {
        let is_last = schedule.at() >= end;
        sleep(schedule.at().min(end).saturating_duration_since(Instant::now()));
        let asked = Instant::now();
        let mut cost = Duration::ZERO;
        match tasks(session, modules, &files, &mut kept) {
            Ok(tasks) => {
                let listing = Duration::from_nanos(tasks.list_ns).min(asked.elapsed());
                cost = listing * READS;
                // The first look stands for the start of the window, and a late one for its end.
                let at = if is_first { Duration::ZERO } else { asked + listing / 2 - began };
                let at_ns = u64::try_from(at.min(window).as_nanos()).unwrap_or(u64::MAX);
                looked.waits.look(at_ns, &tasks, &WaitGraph::new(&tasks));
                is_first = false;
            }
            Err(error) => looked.failed.get_or_insert_with(|| (0, error.to_string())).0 += 1,
        }
        if is_last {
            return looked;
        }
        schedule.plan(cost);
    }
}

fn tasks(
    session: &Session,
    modules: &[Module],
    files: &TypeFiles,
    kept: &mut KeptTypes,
) -> Result<Tasks, SessionError> {
    let mut session = session.again();
    unless_busy(|| {
        let (client, _running) = session.begin(Duration::ZERO)?;
        let budget = client.budget().clone();
        let mut reconnect = || session.connect_again(&budget);
        Ok(look(client, &mut reconnect, modules, files, kept)?)
    })
}

//! A profile, search or trace that runs or has ended.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use rgops_inspect::session::{Progress, Stopper};
use rgops_web::shell;
use serde::Serialize;
use tokio::sync::watch;

use super::kind::Kind;
use super::outcome::Outcome;
use crate::fleet::Program;

/// A job.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) id: u64,
    pub(crate) program: Program,
    pub(crate) kind: Kind,
    /// How long it takes without connecting and naming; zero if it is of one moment.
    pub(crate) seconds: u64,
    /// When it was started.
    pub(crate) began: Instant,
    stopper: Mutex<Option<Stopper>>,
    is_cancelled: AtomicBool,
    is_stopped: AtomicBool,
    steps: watch::Sender<Option<Arc<str>>>,
    outcome: OnceLock<(Outcome, Instant)>,
}

/// How far a job is, for a browser.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Step {
    /// What it does, for people.
    pub(crate) text: String,
    /// Seconds since it began.
    pub(crate) elapsed: f64,
    /// Seconds that it takes; zero if that is not known.
    pub(crate) total: f64,
    /// Whether it has ended.
    pub(crate) is_done: bool,
}

impl Job {
    /// A job that begins now.
    pub(super) fn new(id: u64, program: Program, kind: Kind, seconds: u64) -> Job {
        let job = Job {
            id,
            program,
            kind,
            seconds,
            began: Instant::now(),
            stopper: Mutex::default(),
            is_cancelled: AtomicBool::new(false),
            is_stopped: AtomicBool::new(false),
            steps: watch::Sender::new(None),
            outcome: OnceLock::new(),
        };
        job.say("Connecting", Duration::ZERO);
        job
    }

    /// Its address, with a `/` at its end.
    pub(crate) fn address(&self) -> String {
        format!("/p/{}/results/{}/", self.program.pid, self.id)
    }

    /// What came out, if it has ended.
    pub(crate) fn outcome(&self) -> Option<&Outcome> {
        self.outcome.get().map(|(outcome, _)| outcome)
    }

    /// When it ended, if it has.
    pub(super) fn ended(&self) -> Option<Instant> {
        self.outcome.get().map(|(_, ended)| *ended)
    }

    /// How far it is, as JSON of a [`Step`], and every change.
    pub(crate) fn steps(&self) -> watch::Receiver<Option<Arc<str>>> {
        self.steps.subscribe()
    }

    /// How far it is now.
    pub(crate) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Ends it early: what was collected so far is its result, or nothing if it is `cancelled`.
    pub(crate) fn end(&self, cancelled: bool) {
        if cancelled {
            self.is_cancelled.store(true, Ordering::SeqCst);
        }
        self.is_stopped.store(true, Ordering::SeqCst);
        if let Some(stopper) = &*self.stopper.lock().unwrap_or_else(PoisonError::into_inner) {
            stopper.stop();
        }
    }

    /// Whether somebody cancelled it.
    pub(super) fn is_cancelled(&self) -> bool {
        self.is_cancelled.load(Ordering::SeqCst)
    }

    /// What ends its command.
    pub(super) fn ends_by(&self, stopper: Stopper) {
        let mut held = self.stopper.lock().unwrap_or_else(PoisonError::into_inner);
        // Somebody ended it before there was a session.
        if self.is_stopped.load(Ordering::SeqCst) {
            stopper.stop();
        }
        *held = Some(stopper);
    }

    /// The progress of its command.
    pub(super) fn progress(&self, progress: Progress) {
        match progress {
            Progress::Started => self.say("Started", Duration::ZERO),
            Progress::Gathering { elapsed, total, .. } => {
                self.tell("Collecting", elapsed, total);
            }
            Progress::DebugInformation => self.say("Reading debug information", self.elapsed()),
            Progress::Naming => self.say("Finding names", self.elapsed()),
            _ => self.say("Working", self.elapsed()),
        }
    }

    /// What it does now.
    pub(super) fn say(&self, text: &str, elapsed: Duration) {
        self.tell(text, elapsed, Duration::from_secs(self.seconds));
    }

    fn tell(&self, text: &str, elapsed: Duration, total: Duration) {
        let is_done = self.outcome.get().is_some();
        let (elapsed, total) = (elapsed.as_secs_f64(), total.as_secs_f64());
        let step = shell::json(&Step { text: text.to_owned(), elapsed, total, is_done });
        self.steps.send_replace(step.ok().map(Arc::from));
    }

    /// What came out. The first is kept.
    pub(super) fn finish(&self, outcome: Outcome) {
        let _ = self.outcome.set((outcome, Instant::now()));
        *self.stopper.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.say("Done", self.elapsed());
    }
}

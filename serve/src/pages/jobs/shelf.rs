//! The jobs of all programs: few run at a time, few results are kept, and not for long.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use rgops_web::Mounts;

use super::job::Job;
use super::kind::Kind;
use super::outcome::Outcome;
use super::run::run;
use crate::fleet::Program;

/// The most jobs that run at a time. One program has one.
const RUNNING: usize = 4;
/// The most results, the memory of all of them together, and how long they are kept.
const KEPT: usize = 16;
const KEPT_BYTES: usize = 512 << 20;
const KEPT_FOR: Duration = Duration::from_secs(60 * 60);

/// The jobs of all programs.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    held: Mutex<Held>,
    mounts: Mounts,
}

#[derive(Debug, Default)]
struct Held {
    last_id: u64,
    /// Ascending by id.
    jobs: Vec<Arc<Job>>,
}

/// Why a job is not started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Busy {
    /// One of this program runs, at this address.
    Program(String),
    /// As many run as may.
    Host,
    /// The system has no thread for it.
    System(String),
}

impl Shelf {
    /// Starts a job. It ends by itself, whoever looks.
    ///
    /// # Errors
    /// [`Busy`].
    pub(crate) fn start(
        self: &Arc<Self>,
        program: Program,
        kind: Kind,
        seconds: u64,
    ) -> Result<Arc<Job>, Busy> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let running = held.jobs.iter().filter(|job| job.outcome().is_none());
        if let Some(job) = running.clone().find(|job| job.program == program) {
            return Err(Busy::Program(job.address()));
        }
        if running.count() >= RUNNING {
            return Err(Busy::Host);
        }
        held.last_id += 1;
        let job = Arc::new(Job::new(held.last_id, program, kind, seconds));
        let (shelf, own) = (Arc::clone(self), Arc::clone(&job));
        let started = thread::Builder::new().name("rgops-job".to_owned()).spawn(move || {
            own.finish(run(&own, &shelf.mounts));
            shelf.trim();
        });
        started.map_err(|error| Busy::System(error.to_string()))?;
        held.jobs.push(Arc::clone(&job));
        drop(held);
        self.trim();
        Ok(job)
    }

    /// The job with this id of the process `pid`.
    pub(crate) fn find(&self, pid: &str, id: &str) -> Option<Arc<Job>> {
        self.trim();
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let is_it = |job: &&Arc<Job>| job.id.to_string() == id && job.program.pid.to_string() == pid;
        held.jobs.iter().find(is_it).map(Arc::clone)
    }

    /// The jobs of a program, the last first.
    pub(crate) fn of(&self, program: &Program) -> Vec<Arc<Job>> {
        self.trim();
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.jobs.iter().rev().filter(|job| job.program == *program).map(Arc::clone).collect()
    }

    /// Forgets the oldest results that are too many, too large or too old.
    fn trim(&self) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut count, mut bytes) = (0, 0_usize);
        let mut keep: Vec<bool> = Vec::with_capacity(held.jobs.len());
        for job in held.jobs.iter().rev() {
            let Some(ended) = job.ended() else {
                keep.push(true);
                continue;
            };
            count += 1;
            bytes = bytes.saturating_add(job.outcome().map_or(0, Outcome::cost));
            // The newest stays, whatever its size: a profile has limits of its own.
            let fits = count == 1 || (count <= KEPT && bytes <= KEPT_BYTES);
            keep.push(fits && ended.elapsed() < KEPT_FOR);
        }
        let mut keep = keep.into_iter().rev();
        held.jobs.retain(|_| keep.next().unwrap_or(true));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(pid: u32) -> Program {
        Program { pid, start_time: 0, name: "gone".to_owned() }
    }

    #[test]
    fn results_are_few_and_a_program_has_one_job() {
        let shelf = Arc::new(Shelf::default());
        let held = |pid| {
            let mut held = shelf.held.lock().expect("nobody panicked");
            held.last_id += 1;
            let job = Arc::new(Job::new(held.last_id, program(pid), Kind::Cpu, 1));
            held.jobs.push(Arc::clone(&job));
            job
        };
        for _ in 0..KEPT + 5 {
            held(1).finish(Outcome::Text("x".to_owned()));
        }
        let running = held(1);
        assert_eq!(shelf.of(&program(1)).len(), KEPT + 1);
        assert_eq!(shelf.start(program(1), Kind::Cpu, 1).err(), Some(Busy::Program(running.address())));
        let other = held(2);
        other.finish(Outcome::Text("x".to_owned()));
        assert!(shelf.find("2", &other.id.to_string()).is_some());
        assert!(shelf.find("1", &other.id.to_string()).is_none());
        (3..3 + RUNNING as u32 - 1).for_each(|pid| drop(held(pid)));
        assert_eq!(shelf.start(program(99), Kind::Cpu, 1).err(), Some(Busy::Host));
    }
}

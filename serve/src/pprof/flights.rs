//! Answers for many clients at once.
//!
//! * Two who ask the same of a program share one profile, if the second comes before a tenth of it is over.
//! * A second CPU profile or trace that cannot be shared is refused with the time to come back.
//! * What an agent does one at a time waits for its turn, for some seconds.
//! * Who leaves does not wait any more; what nobody waits for is ended.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use http::{HeaderMap, StatusCode};
use rgops_http::ask::{Ask, Kind, View};
use rgops_http::reply::{Reply, failed, try_again};
use tokio::sync::{Semaphore, watch};

use super::cancel::Cancel;
use super::made::answer_until;
use super::turns::{Turns, is_exclusive};
use crate::fleet::Program;

/// The most answers that are made at a time, each on a thread of its own.
pub(crate) const AT_A_TIME: usize = 64;
/// The longest wait for a turn, or for one of these threads. A scraper waits 10 s and longer.
const LONGEST_WAIT: Duration = Duration::from_secs(15);
/// A profile of a moment is shared by who comes this soon.
const MOMENT: Duration = Duration::from_millis(200);

/// An answer that several have.
#[derive(Debug, Clone)]
pub struct Answered {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

impl From<Reply> for Answered {
    fn from(reply: Reply) -> Answered {
        let (parts, body) = reply.into_parts();
        Answered { status: parts.status, headers: parts.headers, body: body.into() }
    }
}

/// The answers that are being made.
#[derive(Debug)]
pub struct Flights {
    running: Mutex<Vec<Flight>>,
    turns: Turns,
    threads: Arc<Semaphore>,
}

#[derive(Debug)]
struct Flight {
    program: Program,
    ask: Ask,
    job: Weak<Job>,
}

/// What is being made, for as long as somebody waits for it.
#[derive(Debug)]
struct Job {
    done: watch::Sender<Option<Arc<Answered>>>,
    cancel: Cancel,
    /// When it had its turn.
    began: Arc<OnceLock<Instant>>,
}

impl Drop for Job {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

impl Default for Flights {
    fn default() -> Flights {
        Flights {
            running: Mutex::default(),
            turns: Turns::default(),
            threads: Arc::new(Semaphore::new(AT_A_TIME)),
        }
    }
}

impl Flights {
    /// The answer to what is asked of this program. Needs a Tokio runtime. Dropping the future ends the work if nobody
    /// else waits for it.
    pub async fn ask(&self, program: &Program, ask: Ask) -> Arc<Answered> {
        let job = match self.board(program, ask) {
            Ok(job) => job,
            Err(refusal) => return refusal,
        };
        let mut done = job.done.subscribe();
        let answer = match done.wait_for(Option::is_some).await {
            Ok(answer) => answer.clone(),
            Err(_) => None,
        };
        answer.unwrap_or_else(|| Arc::new(failed("the answer cannot be made").into()))
    }

    /// Joins what is being made, or starts it.
    fn board(&self, program: &Program, ask: Ask) -> Result<Arc<Job>, Arc<Answered>> {
        let mut running = self.running();
        running.retain(|flight| flight.job.strong_count() > 0);
        let of_program = |flight: &&Flight| {
            (flight.program.pid, flight.program.start_time) == (program.pid, program.start_time)
        };
        let same = running.iter().filter(of_program).filter(|flight| flight.ask == ask);
        let mut same = same.filter_map(|flight| flight.job.upgrade());
        if let Some(job) = same.find(|job| job.may_be_joined(&ask)) {
            return Ok(job);
        }
        if is_exclusive(&ask) {
            let exclusive = running.iter().filter(of_program).filter(|flight| is_exclusive(&flight.ask));
            let left = exclusive.filter_map(|flight| Some((is_same_kind(&flight.ask, &ask), flight.left()?)));
            let (is_same, left) = left
                .fold((false, Duration::ZERO), |(any, sum), (is_same, left)| (any || is_same, sum + left));
            if is_same || left > LONGEST_WAIT {
                let reason = if is_same { "one is running already" } else { "a longer profile is running" };
                return Err(Arc::new(try_again(reason, left).into()));
            }
        }
        let job = Arc::new(Job {
            done: watch::Sender::new(None),
            cancel: Cancel::default(),
            began: Arc::default(),
        });
        running.push(Flight { program: program.clone(), ask: ask.clone(), job: Arc::downgrade(&job) });
        self.start(&job, program.clone(), ask);
        Ok(job)
    }

    fn start(&self, job: &Arc<Job>, program: Program, ask: Ask) {
        let turn = is_exclusive(&ask).then(|| self.turns.of(&program));
        let threads = Arc::clone(&self.threads);
        let (cancel, began) = (job.cancel.clone(), Arc::clone(&job.began));
        let job = Arc::downgrade(job);
        tokio::spawn(async move {
            let work = async {
                let turn = match turn {
                    Some(turn) => Some(turn.acquire_owned().await.ok()?),
                    None => None,
                };
                Some((turn, threads.acquire_owned().await.ok()?))
            };
            let permits = tokio::select! {
                permits = tokio::time::timeout(LONGEST_WAIT, work) => permits.ok().flatten(),
                () = cancel.cancelled() => return,
            };
            let reply = match permits {
                None => try_again("other profiles are running", MOMENT),
                Some(permits) => {
                    let _ = began.set(Instant::now());
                    let made = tokio::task::spawn_blocking(move || {
                        // Held until it ended, also when nobody waits for it any more.
                        let _permits = permits;
                        answer_until(&program, &ask, &cancel)
                    });
                    made.await.unwrap_or_else(|_| failed("the answer cannot be made"))
                }
            };
            if let Some(job) = job.upgrade() {
                job.done.send_replace(Some(Arc::new(reply.into())));
            }
        });
    }

    fn running(&self) -> MutexGuard<'_, Vec<Flight>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Job {
    /// Whether somebody who asks now may have the same answer.
    fn may_be_joined(&self, ask: &Ask) -> bool {
        let window = (length(ask) / 10).max(MOMENT);
        self.done.borrow().is_none() && self.began.get().is_none_or(|began| began.elapsed() <= window)
    }
}

impl Flight {
    /// How long it still takes; `None` if it is done.
    fn left(&self) -> Option<Duration> {
        let job = self.job.upgrade()?;
        if job.done.borrow().is_some() {
            return None;
        }
        let over = job.began.get().map_or(Duration::ZERO, Instant::elapsed);
        Some(length(&self.ask).saturating_sub(over))
    }
}

/// Whether the second is refused while the first runs, instead of waiting.
fn is_same_kind(one: &Ask, other: &Ask) -> bool {
    matches!((one, other), (Ask::Cpu { .. }, Ask::Cpu { .. }) | (Ask::Trace { .. }, Ask::Trace { .. }))
}

/// How long it takes by itself.
fn length(ask: &Ask) -> Duration {
    match ask {
        Ask::Cpu { duration, .. } | Ask::Trace { duration } => *duration,
        Ask::Profile { seconds: Some(seconds), .. } | Ask::View { seconds: Some(seconds), .. } => *seconds,
        Ask::Profile { kind: Kind::Block | Kind::Mutex, .. } => Duration::from_secs(1),
        Ask::View { view: View::Leaks, .. } => super::views::LEAKS,
        _ => Duration::ZERO,
    }
}

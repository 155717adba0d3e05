//! `/metrics` and `/sd`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use http::{HeaderMap, StatusCode};
use rgops_http::reply::{Reply, failed, json, protect};
use tokio::sync::{Mutex, Semaphore};

use crate::discovery;
use crate::fleet::{Fleet, Program};
use crate::metrics::{Exposition, Metrics};
use crate::pprof::Answered;

/// An answer of `/metrics` is sent again to who asks this soon. [`Metrics`] keeps its numbers for longer; this is so that
/// a crowd of scrapers does not need a thread and a copy of the text each.
const FRESH: Duration = Duration::from_millis(200);
/// Values of `Accept` for which an answer is kept.
const KEPT: usize = 8;
/// The longest value of `Accept` that is looked at.
const MAX_ACCEPT_BYTES: usize = 4096;
/// Threads that read numbers at a time.
pub(super) const THREADS: usize = 8;

/// The numbers, and their last answers.
#[derive(Debug)]
pub(super) struct Numbers {
    metrics: Arc<Metrics>,
    /// By `Accept`.
    last: std::sync::Mutex<Vec<(String, Shared)>>,
    threads: Arc<Semaphore>,
}

/// The last answer. Locked while one is made.
type Shared = Arc<Mutex<Option<Last>>>;

#[derive(Debug)]
struct Last {
    at: Instant,
    answered: Arc<Answered>,
}

impl Default for Numbers {
    fn default() -> Numbers {
        Numbers {
            metrics: Arc::default(),
            last: std::sync::Mutex::default(),
            threads: Arc::new(Semaphore::new(THREADS)),
        }
    }
}

impl Numbers {
    /// Counts an answer to any path.
    pub(super) fn answered(&self, status: StatusCode) {
        self.metrics.answered(status.as_u16());
    }

    /// `/metrics`. All who ask at the same time have the same answer.
    pub(super) async fn all(&self, fleet: &Fleet, headers: &HeaderMap) -> Arc<Answered> {
        let accept = accept(headers);
        let last = self.last_of(accept.as_deref().unwrap_or_default());
        // Held while the answer is made: whoever comes meanwhile takes it.
        let mut last = last.lock().await;
        if let Some(last) = last.as_ref().filter(|last| last.at.elapsed() < FRESH) {
            return Arc::clone(&last.answered);
        }
        let (metrics, fleet) = (Arc::clone(&self.metrics), fleet.clone());
        let made = self.made(move || exposed(metrics.exposition(&fleet, accept.as_deref()))).await;
        let answered = Arc::new(made);
        *last = Some(Last { at: Instant::now(), answered: Arc::clone(&answered) });
        answered
    }

    /// `/p/PROGRAM/metrics`.
    pub(super) async fn of(&self, program: Program, headers: &HeaderMap) -> Answered {
        let (metrics, accept) = (Arc::clone(&self.metrics), accept(headers));
        self.made(move || exposed(of_one(&metrics, &program, accept.as_deref()))).await
    }

    /// `/sd`. `host` is that of the request, which was checked.
    pub(super) async fn targets(&self, fleet: &Fleet, host: String) -> Answered {
        let fleet = fleet.clone();
        self.made(move || json(discovery::targets(&fleet, &host)).into()).await
    }

    /// The program that is meant, or the answer that there is none.
    pub(super) async fn find(&self, fleet: &Fleet, name: String) -> Result<Program, Reply> {
        let fleet = fleet.clone();
        let found = self.blocking(move || fleet.find(&name)).await.ok_or_else(lost)?;
        found.map_err(|error| {
            let fix = "the programs with an agent are listed at /";
            rgops_http::reply::error(StatusCode::NOT_FOUND, &format!("{error}; {fix}"))
        })
    }

    async fn made(&self, make: impl FnOnce() -> Answered + Send + 'static) -> Answered {
        self.blocking(make).await.unwrap_or_else(|| lost().into())
    }

    async fn blocking<T: Send + 'static>(&self, make: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let permit = Arc::clone(&self.threads).acquire_owned().await.ok()?;
        let made = tokio::task::spawn_blocking(move || {
            // Held until it ended, also when nobody waits for it any more.
            let _permit = permit;
            make()
        });
        made.await.ok()
    }

    fn last_of(&self, accept: &str) -> Shared {
        let mut all = self.last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some((_, last)) = all.iter().find(|(of, _)| of == accept) {
            return Arc::clone(last);
        }
        if all.len() >= KEPT {
            all.remove(0);
        }
        let last = Arc::default();
        all.push((accept.to_owned(), Arc::clone(&last)));
        last
    }
}

fn lost() -> Reply {
    failed("the answer cannot be made")
}

fn accept(headers: &HeaderMap) -> Option<String> {
    let accept = headers.get(ACCEPT)?.to_str().ok()?;
    (accept.len() <= MAX_ACCEPT_BYTES).then(|| accept.to_owned())
}

fn of_one(metrics: &Metrics, program: &Program, accept: Option<&str>) -> Exposition {
    metrics.for_program(program, accept)
}

fn exposed(exposition: Exposition) -> Answered {
    let mut reply = Reply::new(Vec::new());
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(exposition.content_type));
    protect(&mut reply);
    Answered { body: Bytes::from(exposition.text), ..reply.into() }
}

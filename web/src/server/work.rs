//! The work of pages: on threads that may block, few at a time, each view once however many ask for it, and no longer
//! than somebody waits.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use axum::body::Bytes;
use rgops_pprof::Stop;
use tokio::sync::{Semaphore, watch};

use crate::analyser::Analyser;
use crate::downloads::{self, Download};
use crate::page::{Ask, Page, PageError};
use crate::pages::Maker;
use crate::query::Query;

/// The most reports at a time.
pub(super) const REPORTS: usize = 4;
/// What is kept of answers, so that going back is fast: this many, and together this many bytes.
const KEPT: usize = 24;
const KEPT_BYTES: usize = 64 << 20;

/// What a maker made.
pub(super) enum Made {
    /// A page.
    Page(Page),
    /// JSON.
    Data(Bytes),
    /// A file.
    File(Bytes),
}

/// What is wanted of a view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Part {
    /// Its page.
    Page,
    /// Its data.
    Data,
    /// A file of what it refines.
    File(&'static str),
}

type Key = (&'static str, Part, String);
type Kept = VecDeque<(Key, Arc<Made>)>;
type Outcome = Result<Arc<Made>, PageError>;

/// Work that somebody waits for: each who waits holds it, who works does not.
struct Job(watch::Sender<Option<Outcome>>);

/// Jobs that run, and the last that were done.
pub(super) struct Work {
    jobs: Mutex<HashMap<Key, Weak<Job>>>,
    kept: Arc<Mutex<Kept>>,
    permits: Arc<Semaphore>,
    kept_bytes: usize,
}

impl Work {
    /// No work.
    pub(super) fn new() -> Work {
        Work::among(Arc::new(Semaphore::new(REPORTS)), KEPT_BYTES)
    }

    /// No work, of reports that need one of `permits`, and of which `kept_bytes` are kept.
    pub(super) fn among(permits: Arc<Semaphore>, kept_bytes: usize) -> Work {
        Work { jobs: Mutex::default(), kept: Arc::default(), permits, kept_bytes }
    }

    /// What `maker` makes of `query`, whose address is `href`. Dropping the future ends the work if nobody else waits.
    pub(super) async fn make(
        &self,
        analyser: &Arc<Analyser>,
        maker: &'static Maker,
        part: Part,
        query: Query,
        href: String,
    ) -> Outcome {
        let key = (maker.route, part, href);
        if let Some(made) = self.kept(&key) {
            return Ok(made);
        }
        let job = self.job(key, analyser, maker, query);
        let mut outcome = job.0.subscribe();
        let lost = || PageError::Internal("the work ended without an answer".to_owned());
        let outcome = outcome.wait_for(Option::is_some).await.map_err(|_| lost())?;
        outcome.clone().unwrap_or_else(|| Err(lost()))
    }

    fn kept(&self, key: &Key) -> Option<Arc<Made>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().find(|(of, _)| of == key).map(|(_, made)| Arc::clone(made))
    }

    /// The job of this key: that which runs, or a new one.
    fn job(&self, key: Key, analyser: &Arc<Analyser>, maker: &'static Maker, query: Query) -> Arc<Job> {
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(job) = jobs.get(&key).and_then(Weak::upgrade) {
            return job;
        }
        jobs.retain(|_, job| job.strong_count() > 0);
        let job = Arc::new(Job(watch::Sender::new(None)));
        let waited_for = Arc::downgrade(&job);
        jobs.insert(key.clone(), Weak::clone(&waited_for));
        let kept_bytes = self.kept_bytes;
        let (permits, kept, analyser) =
            (Arc::clone(&self.permits), Arc::clone(&self.kept), Arc::clone(analyser));
        tokio::spawn(async move {
            let Ok(_permit) = permits.acquire().await else { return };
            if waited_for.strong_count() == 0 {
                return;
            }
            let part = key.1;
            let waits = Weak::clone(&waited_for);
            let made = tokio::task::spawn_blocking(move || {
                let is_left = || waits.strong_count() == 0;
                run(&analyser, maker, part, &query, Stop::when(&is_left))
            });
            let outcome = made.await.unwrap_or_else(|_| {
                Err(PageError::Internal("the report ended with a panic, which is a bug of rgops".to_owned()))
            });
            let outcome = outcome.map(Arc::new);
            if let Ok(made) = &outcome {
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                keep(&mut kept, kept_bytes, key, Arc::clone(made));
            }
            if let Some(job) = waited_for.upgrade() {
                job.0.send_replace(Some(outcome));
            }
        });
        job
    }
}

fn run(
    analyser: &Analyser,
    maker: &Maker,
    part: Part,
    query: &Query,
    stop: Stop<'_>,
) -> Result<Made, PageError> {
    let ask = Ask { profile: &analyser.profile, environment: &*analyser.environment, query, stop };
    match (part, maker.data) {
        (Part::Page, _) => (maker.page)(&ask).map(Made::Page),
        (Part::Data, Some(data)) => data(&ask).map(|data| Made::Data(data.into())),
        (Part::File(file), _) => {
            let format = Download::format_of(file).ok_or_else(|| PageError::NotFound(file.to_owned()))?;
            downloads::make(&ask, format).map(|file| Made::File(file.into()))
        }
        (Part::Data, None) => Err(PageError::NotFound(format!("{}.json", maker.route))),
    }
}

/// Keeps an answer among `most` bytes, and drops the oldest for it. One that does not fit drops nothing: it is not kept.
fn keep(kept: &mut Kept, most: usize, key: Key, made: Arc<Made>) {
    if made.len() > most {
        return;
    }
    kept.push_front((key, made));
    let mut bytes = 0usize;
    let fits = |(_, made): &(Key, Arc<Made>)| {
        bytes = bytes.saturating_add(made.len());
        bytes <= most
    };
    let fitting = kept.iter().take(KEPT).take_while({
        let mut fits = fits;
        move |of| fits(of)
    });
    let count = fitting.count();
    kept.truncate(count);
}

impl Made {
    fn len(&self) -> usize {
        match self {
            Made::Page(page) => page.body.0.len(),
            Made::Data(data) => data.len(),
            Made::File(file) => file.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_is_too_large_leaves_the_others() {
        let mut kept = Kept::new();
        let mut add = |name: &str, bytes: usize| {
            let made = Arc::new(Made::File(vec![0; bytes].into()));
            keep(&mut kept, KEPT_BYTES, ("top", Part::Data, name.to_owned()), made);
            kept.iter().map(|((_, _, name), _)| name.clone()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(add("a", 1), "a");
        assert_eq!(add("large", KEPT_BYTES + 1), "a");
        assert_eq!(add("b", KEPT_BYTES - 1), "b a");
        assert_eq!(add("c", 1), "c b");
    }
}

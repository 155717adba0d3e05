//! [`Metrics`]: the answers of all programs in one text, which is used for a second.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::accept::Format;
use super::asked::{Answer, Asked, FRESH, Pools};
use super::own::Own;
use super::samples::{Sample, Samples, Value};
use super::table::Metric;
use super::text::written;
use crate::fleet::{Fleet, Program};

/// Programs in one answer.
const MAX_PROGRAMS: usize = 1024;

/// Series of all programs in one answer, about 15 MB of text. A program beyond has `rgops_up` and the number of series
/// that were left out.
const MAX_SERIES: usize = 100_000;

/// Programs that are remembered, of those that are asked alone.
const MAX_REMEMBERED: usize = 4096;

/// An answer of `/metrics`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exposition {
    /// Its `Content-Type`.
    pub content_type: &'static str,
    /// Its text.
    pub text: String,
}

/// The numbers of all programs, of at most a second ago. `accept` is the header `Accept`. Blocks while agents are asked.
///
/// Each agent is asked at most once a second, whoever asks how often. Programs are asked at the same time. One that does
/// not answer within 2 s has `rgops_up` 0, and from then on delays an answer by at most 0.2 s until it answers again.
#[derive(Debug, Default)]
pub struct Metrics {
    own: Arc<Own>,
    pools: Pools,
    asked: Mutex<HashMap<Key, Arc<Asked>>>,
    /// By format. Locked while it is made: whoever comes meanwhile takes it.
    texts: [Mutex<Option<Text>>; 2],
}

/// Pid and start time.
type Key = (u32, u64);

#[derive(Debug)]
struct Text {
    /// When the first of its numbers is a second old.
    until: Instant,
    text: String,
}

impl Metrics {
    /// The answer of `/metrics`.
    pub fn exposition(&self, fleet: &Fleet, accept: Option<&str>) -> Exposition {
        let format = Format::wanted(accept);
        let mut last = lock(&self.texts[format as usize]);
        if let Some(last) = last.as_ref().filter(|last| last.until > Instant::now()) {
            self.own.cache_hits.add();
            return Exposition { content_type: format.content_type(), text: last.text.clone() };
        }
        let programs = fleet.programs();
        let kept: HashSet<Key> = programs.iter().map(key).collect();
        lock(&self.asked).retain(|key, asked| kept.contains(key) || asked.is_in_use());
        let answers = self.answers(programs.iter().take(MAX_PROGRAMS));
        let until = answers.iter().map(|(_, answer)| answer.at + FRESH).min();
        let own = self.own.samples(programs.len());
        let text = text(&answers, &own, format);
        let until = until.unwrap_or_else(|| Instant::now() + FRESH);
        *last = Some(Text { until, text: text.clone() });
        Exposition { content_type: format.content_type(), text }
    }

    /// The answer of `/metrics` if there is one of at most a second ago. Never blocks, so a server can try it without a
    /// thread for [`Metrics::exposition`].
    pub fn cached(&self, accept: Option<&str>) -> Option<Exposition> {
        let format = Format::wanted(accept);
        let last = self.texts[format as usize].try_lock().ok()?;
        let last = last.as_ref().filter(|last| last.until > Instant::now())?;
        self.own.cache_hits.add();
        Some(Exposition { content_type: format.content_type(), text: last.text.clone() })
    }

    /// The answer of `/p/PROGRAM/metrics`: the numbers of one program.
    pub fn for_program(&self, program: &Program, accept: Option<&str>) -> Exposition {
        let format = Format::wanted(accept);
        {
            let mut asked = lock(&self.asked);
            if asked.len() >= MAX_REMEMBERED {
                asked.retain(|_, asked| asked.is_in_use());
            }
        }
        let answers = self.answers(std::iter::once(program));
        Exposition { content_type: format.content_type(), text: text(&answers, &[], format) }
    }

    /// Counts an answer of `rgops serve` with this HTTP status, to any path.
    pub fn answered(&self, status: u16) {
        self.own.answered(status);
    }

    /// Asks all at the same time, then waits for each.
    fn answers<'p>(&self, programs: impl Iterator<Item = &'p Program>) -> Vec<(Arc<Asked>, Answer)> {
        let began = Instant::now();
        let asked: Vec<Arc<Asked>> = {
            let mut known = lock(&self.asked);
            let asked = |program: &Program| Arc::new(Asked::new(program.clone()));
            programs
                .map(|program| Arc::clone(known.entry(key(program)).or_insert_with(|| asked(program))))
                .collect()
        };
        asked.iter().for_each(|one| one.start(&self.pools, &self.own));
        asked
            .into_iter()
            .map(|one| {
                let answer = one.wait(began);
                (one, answer)
            })
            .collect()
    }
}

fn key(program: &Program) -> Key {
    (program.pid, program.start_time)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn text(answers: &[(Arc<Asked>, Answer)], own: &[Sample], format: Format) -> String {
    let mut left = MAX_SERIES;
    let mut shortened: Vec<Vec<Sample>> = Vec::new();
    let mut whole: Vec<&[Sample]> = Vec::new();
    for (asked, answer) in answers {
        match left.checked_sub(answer.samples.len()) {
            Some(rest) => {
                left = rest;
                whole.push(&answer.samples);
            }
            None => shortened.push(without_numbers(asked, answer)),
        }
    }
    let mut lists = whole;
    lists.extend(shortened.iter().map(Vec::as_slice));
    lists.push(own);
    written(&lists, format)
}

fn without_numbers(asked: &Asked, answer: &Answer) -> Vec<Sample> {
    let mut samples = Samples::new(asked.labels().clone());
    let up = answer.samples.iter().find(|sample| sample.metric == Metric::Up);
    samples.put(Metric::Up, up.map_or(Value::Integer(0), |sample| sample.value));
    samples.left_out(answer.samples.len() as u64);
    samples.finished()
}

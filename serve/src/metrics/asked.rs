//! One program: one question at a time, and one answer for all who wait for it.
//!
//! A program that has not answered after [`DEADLINE`] is slow. It is asked by other threads than the rest and waited for
//! shortly, until it answers in time again: so it delays nobody twice.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::conversation::{Conversation, DEADLINE, down};
use super::labels::Labels;
use super::own::Own;
use super::pool::Pool;
use super::samples::{Reason, Sample};
use crate::fleet::Program;

/// An answer is used for this long.
pub(super) const FRESH: Duration = Duration::from_secs(1);

/// A slow program is waited for this long: an agent that works again answers in it.
const GRACE: Duration = Duration::from_millis(200);

/// The threads that ask.
#[derive(Debug, Clone)]
pub(super) struct Pools {
    quick: Pool,
    slow: Pool,
}

impl Default for Pools {
    fn default() -> Pools {
        Pools { quick: Pool::new(64), slow: Pool::new(16) }
    }
}

/// A program that is asked.
#[derive(Debug)]
pub(super) struct Asked {
    program: Program,
    labels: Labels,
    state: Mutex<State>,
    /// A question ended.
    ended: Condvar,
    /// Locked by the question that runs.
    conversation: Mutex<Conversation>,
}

#[derive(Debug, Default)]
struct State {
    is_running: bool,
    is_slow: bool,
    answer: Option<Answer>,
}

/// An answer, or why there is none.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) at: Instant,
    pub(super) samples: Arc<[Sample]>,
}

impl Answer {
    fn is_fresh(&self) -> bool {
        self.at.elapsed() < FRESH
    }
}

impl Asked {
    pub(super) fn new(program: Program) -> Asked {
        let labels = Labels::none().with("program", &program.name).with("pid", &program.pid.to_string());
        Asked {
            program,
            labels,
            state: Mutex::default(),
            ended: Condvar::new(),
            conversation: Mutex::default(),
        }
    }

    pub(super) fn labels(&self) -> &Labels {
        &self.labels
    }

    /// Whether a question runs, or its answer is used.
    pub(super) fn is_in_use(&self) -> bool {
        let state = self.lock();
        state.is_running || state.answer.as_ref().is_some_and(Answer::is_fresh)
    }

    /// Asks, if the last answer is old and nobody asks.
    pub(super) fn start(self: &Arc<Self>, pools: &Pools, own: &Arc<Own>) {
        let pool = {
            let mut state = self.lock();
            if state.is_running || state.answer.as_ref().is_some_and(Answer::is_fresh) {
                return;
            }
            state.is_running = true;
            if state.is_slow { &pools.slow } else { &pools.quick }
        };
        own.questions.add();
        let question =
            Question { asked: Arc::clone(self), own: Arc::clone(own), began: Instant::now(), answer: None };
        pool.run(Box::new(move || question.ask()));
    }

    /// The answer of at most a second ago, or that of the question that runs. `began` is when the caller began to wait
    /// for all its programs.
    pub(super) fn wait(&self, began: Instant) -> Answer {
        let mut state = self.lock();
        let deadline = began + if state.is_slow { GRACE } else { DEADLINE };
        loop {
            // An answer that came while the caller waited for another program is used.
            if let Some(answer) =
                state.answer.as_ref().filter(|answer| answer.at >= began || answer.is_fresh())
            {
                return answer.clone();
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || !state.is_running {
                state.is_slow |= state.is_running;
                return Answer { at: Instant::now(), samples: down(&self.labels, Reason::TimedOut).into() };
            }
            state = self.ended.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A question. When it is dropped it has ended, whatever happened.
struct Question {
    asked: Arc<Asked>,
    own: Arc<Own>,
    began: Instant,
    answer: Option<Vec<Sample>>,
}

impl Question {
    fn ask(mut self) {
        let Asked { program, labels, conversation, .. } = &*self.asked;
        let mut conversation = conversation.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = conversation.ask(program, labels);
        drop(conversation);
        if answer.is_err() {
            self.own.failed.add();
        }
        self.answer = Some(answer.unwrap_or_else(|reason| down(&self.asked.labels, reason)));
    }
}

impl Drop for Question {
    fn drop(&mut self) {
        let asked = &self.asked;
        let samples = self.answer.take().unwrap_or_else(|| down(&asked.labels, Reason::Failed));
        let mut state = asked.lock();
        state.is_running = false;
        state.is_slow = self.began.elapsed() > DEADLINE;
        state.answer = Some(Answer { at: Instant::now(), samples: samples.into() });
        drop(state);
        asked.ended.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::Value;
    use super::super::table::Metric;
    use super::*;

    fn is_up(answer: &Answer) -> bool {
        answer.samples.iter().any(|sample| sample.metric == Metric::Up && sample.value == Value::Integer(1))
    }

    #[test]
    fn a_program_that_never_answers_is_waited_for_once_and_asked_once() {
        let program = Program { pid: 7, start_time: 1, name: "stuck".to_owned() };
        let asked = Arc::new(Asked::new(program));
        let (pools, own) = (Pools::default(), Arc::new(Own::default()));
        // A question that does not end.
        asked.lock().is_running = true;
        let mut question = Question {
            asked: Arc::clone(&asked),
            own: Arc::clone(&own),
            began: Instant::now(),
            answer: None,
        };
        asked.start(&pools, &own);
        let first = Instant::now();
        assert!(!is_up(&asked.wait(first)));
        let (waited, second) = (first.elapsed(), Instant::now());
        assert!(waited >= DEADLINE && asked.lock().is_slow);
        asked.start(&pools, &own);
        assert!(!is_up(&asked.wait(second)));
        assert!(second.elapsed() >= GRACE && second.elapsed() < waited);

        // It ends late, with an answer: whoever asks within a second has it, and the program is still slow.
        let began = Instant::now();
        let labels = asked.labels.clone();
        let mut up = super::super::samples::Samples::new(labels);
        up.put(Metric::Up, Value::Integer(1));
        question.answer = Some(up.finished());
        drop(question);
        assert!(is_up(&asked.wait(began)) && asked.lock().is_slow && !asked.lock().is_running);
        // Nobody was asked meanwhile: `start` found the question that ran.
        assert!(
            own.samples(0)
                .iter()
                .any(|one| one.metric == Metric::ServeQuestions && one.value == Value::Integer(0))
        );
    }
}

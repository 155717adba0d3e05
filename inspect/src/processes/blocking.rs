//! Reads processes on helper threads, because some may block the reader: files of `/proc` wait for locks of the
//! process (`mmap_lock`), and its executable and root may be on a file system that does not answer. A blocked
//! read cannot be cancelled, so its thread is abandoned.
//!
//! One helper reads process after process. When a process is slow, another helper continues with the rest. When
//! a process exceeds its time limit, it counts as timed out and its helper is abandoned. So a blocked process
//! costs only its own answer, waits overlap, and blocked processes of one user cost only that user's answers.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use std::vec;

/// Maximum helpers that wait at the same time, each for a slow process.
const MAX_SLOW: usize = 16;
/// Maximum timeouts of one user's processes. After that, no other process of this user is read.
const MAX_PER_USER: usize = 8;

/// Helpers of this program that were abandoned and have not returned.
static ABANDONED: AtomicUsize = AtomicUsize::new(0);

/// Limits for reading processes.
#[derive(Debug, Clone, Copy)]
pub(super) struct TimeLimits {
    /// For one process.
    pub(super) each: Duration,
    /// For all of them.
    pub(super) all: Duration,
    /// For one process, before another helper continues with the others.
    pub(super) alone: Duration,
    /// Maximum abandoned helpers in this program. After that, no process is read.
    pub(super) max_abandoned: usize,
}

/// Time limit for one process that the operator named.
const OF_ONE: Duration = Duration::from_secs(10);

impl TimeLimits {
    /// The limits for one process that the operator named. Such requests are few, so helpers that the list
    /// abandoned do not prevent them.
    const fn of_one(time: Duration) -> TimeLimits {
        TimeLimits { each: time, all: time, alone: time, max_abandoned: usize::MAX }
    }

    /// The same, but at most until the deadline of the command, if it has one.
    pub(super) fn until(self, deadline: Option<Instant>) -> TimeLimits {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        TimeLimits { all: left.map_or(self.all, |left| left.min(self.all)), ..self }
    }
}

/// The result for one process.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer<T> {
    /// It was read.
    Done(T),
    /// Reading it exceeded its time limit.
    TimedOut,
    /// It was not read: the total time was over, or too many processes of its user timed out.
    Skipped,
}

/// Runs `work` on each item. Each item belongs to a pid. The answers are in the order of the items.
pub(super) fn run_each<I: Send + 'static, T: Send + 'static>(
    items: Vec<(u32, I)>,
    limits: TimeLimits,
    user_of: fn(u32) -> u32,
    work: impl Fn(I) -> T + Send + Sync + 'static,
) -> Vec<Answer<T>> {
    let answers = items.iter().map(|_| Answer::Skipped).collect();
    let state = State {
        left: items.into_iter().enumerate().collect::<Vec<_>>().into_iter(),
        answers,
        running: Vec::new(),
        leader: 0,
        is_leader_lost: false,
        is_drained: false,
        timed_out: HashMap::new(),
    };
    let pool = Arc::new(Pool { state: Mutex::new(state), changed: Condvar::new(), user_of, work });
    pool.gather(limits)
}

/// Runs `work`, which may block on a process, on a helper thread; `None` when it takes too long, at most
/// until the deadline of the command.
pub(super) fn run<T: Send + 'static>(
    deadline: Option<Instant>,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    run_within(TimeLimits::of_one(OF_ONE).until(deadline), work)
}

/// The same for work that may fail; when it takes too long, an error of kind [`io::ErrorKind::TimedOut`] with
/// the text `why`.
pub(super) fn try_run<T: Send + 'static>(
    deadline: Option<Instant>,
    why: &'static str,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    run(deadline, work).unwrap_or_else(|| Err(io::Error::new(io::ErrorKind::TimedOut, why)))
}

fn run_within<T: Send + 'static>(limits: TimeLimits, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let answer = run_each(vec![(0, work)], limits, |_| 0, |work| work()).pop()?;
    match answer {
        Answer::Done(answer) => Some(answer),
        Answer::TimedOut | Answer::Skipped => None,
    }
}

struct Pool<I, T, W> {
    state: Mutex<State<I, T>>,
    changed: Condvar,
    user_of: fn(u32) -> u32,
    work: W,
}

struct State<I, T> {
    left: vec::IntoIter<(usize, (u32, I))>,
    answers: Vec<Answer<T>>,
    /// Items that are being processed.
    running: Vec<Running>,
    /// The helper that takes the next item.
    leader: usize,
    /// Whether that helper was abandoned.
    is_leader_lost: bool,
    /// Whether no further items are taken.
    is_drained: bool,
    /// Number of timeouts by user.
    timed_out: HashMap<u32, usize>,
}

#[derive(Debug, Clone, Copy)]
struct Running {
    index: usize,
    pid: u32,
    helper: usize,
    since: Instant,
}

impl<I, T> State<I, T> {
    /// The next item, if this helper is the leader.
    fn next(&mut self, helper: usize) -> Option<(usize, u32, I)> {
        if helper != self.leader || self.is_drained {
            return None;
        }
        let Some((index, (pid, item))) = self.left.next() else {
            self.is_drained = true;
            return None;
        };
        self.running.push(Running { index, pid, helper, since: Instant::now() });
        Some((index, pid, item))
    }

    /// Records an answer, or that none came; `false` when the caller no longer waits for it.
    fn settle(&mut self, index: usize, answer: Answer<T>) -> bool {
        let Some(at) = self.running.iter().position(|item| item.index == index) else { return false };
        self.running.swap_remove(at);
        if let Some(place) = self.answers.get_mut(index) {
            *place = answer;
        }
        true
    }
}

impl<I, T, W> Pool<I, T, W>
where
    I: Send + 'static,
    T: Send + 'static,
    W: Fn(I) -> T + Send + Sync + 'static,
{
    fn lock(&self) -> MutexGuard<'_, State<I, T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn gather(self: Arc<Self>, limits: TimeLimits) -> Vec<Answer<T>> {
        let end = Instant::now() + limits.all;
        let mut state = self.lock();
        self.start_helper(&mut state, 0);
        loop {
            let now = Instant::now();
            let is_over = now >= end;
            let timed_out: Vec<Running> = state
                .running
                .iter()
                .copied()
                .filter(|item| is_over || now >= item.since + limits.each)
                .collect();
            for item in timed_out {
                state.settle(item.index, Answer::TimedOut);
                ABANDONED.fetch_add(1, Ordering::Relaxed);
                *state.timed_out.entry((self.user_of)(item.pid)).or_default() += 1;
                state.is_leader_lost |= item.helper == state.leader;
            }
            state.is_drained |= is_over || ABANDONED.load(Ordering::Relaxed) >= limits.max_abandoned;
            if state.is_drained && state.running.is_empty() {
                return std::mem::take(&mut state.answers);
            }
            let leading = state.running.iter().find(|item| item.helper == state.leader).copied();
            let is_slow = leading.is_some_and(|item| now >= item.since + limits.alone);
            let has_room = state.running.len() < MAX_SLOW;
            if (state.is_leader_lost || is_slow) && has_room && !state.is_drained {
                let helper = state.leader + 1;
                self.start_helper(&mut state, helper);
                continue;
            }
            let ends = state.running.iter().map(|item| item.since + limits.each);
            let hand_over = match leading {
                Some(item) => item.since + limits.alone,
                // The leader is about to start an item.
                None => now + limits.alone,
            };
            let is_waited_for = has_room && !is_slow && !state.is_drained;
            let wake = ends.chain(is_waited_for.then_some(hand_over)).fold(end, Instant::min);
            let wait = wake.saturating_duration_since(now);
            state = self.changed.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Starts a new helper for the remaining items.
    fn start_helper(self: &Arc<Self>, state: &mut State<I, T>, helper: usize) {
        state.leader = helper;
        state.is_leader_lost = false;
        let pool = Arc::clone(self);
        let thread = std::thread::Builder::new().name("rgops-look".to_owned());
        // Without a helper thread nothing is read: the calling thread must not block.
        state.is_drained |= thread.spawn(move || pool.help(helper)).is_err();
    }

    fn help(&self, helper: usize) {
        let mut state = self.lock();
        while let Some((index, pid, item)) = state.next(helper) {
            let has_timed_out = !state.timed_out.is_empty();
            drop(state);
            let user = has_timed_out.then(|| (self.user_of)(pid));
            state = self.lock();
            let of_user = user.and_then(|user| state.timed_out.get(&user)).copied().unwrap_or(0);
            let answer = if of_user >= MAX_PER_USER {
                Answer::Skipped
            } else {
                drop(state);
                let answer = (self.work)(item);
                state = self.lock();
                Answer::Done(answer)
            };
            if !state.settle(index, answer) {
                ABANDONED.fetch_sub(1, Ordering::Relaxed);
                return;
            }
        }
        drop(state);
        self.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::*;

    const LIMITS: TimeLimits = TimeLimits {
        each: Duration::from_millis(400),
        all: Duration::from_secs(20),
        alone: Duration::from_millis(5),
        max_abandoned: 64,
    };

    fn hang() -> ! {
        loop {
            std::thread::park();
        }
    }

    fn timed_out<T>(answers: &[Answer<T>]) -> Vec<usize> {
        let timed_out =
            |(index, answer): (usize, &Answer<T>)| matches!(answer, Answer::TimedOut).then_some(index);
        answers.iter().enumerate().filter_map(timed_out).collect()
    }

    #[test]
    fn a_blocked_process_costs_only_its_own_answer() {
        let began = Instant::now();
        let items = (0..100).map(|pid| (pid, pid)).collect();
        let answers = run_each(items, LIMITS, |_| 7, |pid| if pid % 50 == 9 { hang() } else { pid * 2 });
        assert_eq!(timed_out(&answers), [9, 59]);
        assert_eq!(answers.iter().filter(|answer| matches!(answer, Answer::Done(_))).count(), 98);
        assert_eq!(answers[99], Answer::Done(198));
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    }

    #[test]
    fn a_slow_process_is_awaited_while_others_are_read() {
        let is_other_read = Arc::new(AtomicBool::new(false));
        let shared = Arc::clone(&is_other_read);
        let limits = TimeLimits { each: Duration::from_secs(10), ..LIMITS };
        let work = move |pid: u32| match pid {
            0 => {
                while !shared.load(Ordering::Relaxed) {
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
            _ => shared.store(true, Ordering::Relaxed),
        };
        let answers = run_each(vec![(0, 0), (1, 1)], limits, |_| 7, work);
        assert_eq!(answers, [Answer::Done(()), Answer::Done(())]);
    }

    #[test]
    fn blocked_processes_of_one_user_do_not_hide_those_of_another() {
        // Pids below 1000 belong to one user, and block.
        let items = (0..1010).map(|pid| (pid, pid)).collect();
        let answers = run_each(items, LIMITS, |pid| pid / 1000, |pid| if pid < 1000 { hang() } else { pid });
        assert!(answers[1000..].iter().all(|answer| matches!(answer, Answer::Done(_))));
        let timed_out = timed_out(&answers).len();
        assert!((MAX_PER_USER..=MAX_SLOW + MAX_PER_USER).contains(&timed_out), "{timed_out}");
        assert!(answers[..1000].contains(&Answer::Skipped));
    }

    #[test]
    fn reading_ends_at_the_total_time_limit() {
        let began = Instant::now();
        let limits = TimeLimits { all: Duration::from_millis(100), ..LIMITS };
        let slow = |_| std::thread::sleep(Duration::from_millis(10));
        let answers = run_each((0..1000).map(|pid| (pid, pid)).collect(), limits, |_| 7, slow);
        assert_eq!(answers[0], Answer::Done(()));
        assert_eq!(answers[999], Answer::Skipped);
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
        assert_eq!(run_within(TimeLimits::of_one(Duration::from_millis(50)), || -> u32 { hang() }), None);
        assert_eq!(run(None, || 7), Some(7));
        assert_eq!(run_each(Vec::new(), LIMITS, |_| 7, |pid: u32| pid), []);
    }

    #[test]
    fn a_requested_process_is_read_however_many_helpers_the_list_left_behind() {
        let none = TimeLimits { max_abandoned: 0, ..LIMITS };
        assert_eq!(run_each(vec![(1, 1)], none, |_| 7, |pid: u32| pid), [Answer::Skipped]);
        let one = TimeLimits::of_one(LIMITS.each);
        assert_eq!(one.max_abandoned, usize::MAX);
        assert_eq!(run_within(one, || 7), Some(7));
    }

    #[test]
    fn reading_ends_at_the_deadline_of_the_command() {
        let began = Instant::now();
        let soon = Some(began + Duration::from_millis(50));
        assert_eq!(run(soon, || -> u32 { hang() }), None);
        assert_eq!(run(Some(began), || 7), None);
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
        let until = |deadline| LIMITS.until(deadline).all;
        assert_eq!(until(None), LIMITS.all);
        assert_eq!(until(Some(began + Duration::from_secs(3600))), LIMITS.all);
        assert_eq!(until(Some(began)), Duration::ZERO);
    }
}

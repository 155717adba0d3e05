//! Reads many processes when some of them may block the reader: files of `/proc` wait for locks of the
//! process (`mmap_lock`), and its executable and root may be on a file system that does not answer. A blocked
//! read cannot be cancelled, so its thread is left behind.
//!
//! One helper thread reads process after process. When a process is slow, another helper continues with the
//! rest; when it exceeds its time it counts as silent and its helper is left behind. So a silent process
//! costs only its own answer, waits overlap, and silent processes of one user cost only that user's answers.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use std::vec;

/// Maximum helpers that wait at the same time, each for a slow process.
const MOST_SLOW: usize = 16;
/// Maximum silent processes of one user; after that no other process of this user is read.
const MOST_OF_A_USER: usize = 8;

/// Helpers of this program that were left behind and have not returned.
static LEFT_BEHIND: AtomicUsize = AtomicUsize::new(0);

/// Time limits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// For one process.
    pub(super) each: Duration,
    /// For all of them.
    pub(super) all: Duration,
    /// For one process, before another helper continues with the others.
    pub(super) alone: Duration,
    /// Maximum helpers that this program may have left behind; after that no process is read.
    pub(super) most_left_behind: usize,
}

/// For one process that the operator named.
const OF_ONE: Duration = Duration::from_secs(10);

impl Patience {
    /// For one process that the operator named. Such requests are few, so helpers left behind by the list do
    /// not prevent them.
    const fn of_one(time: Duration) -> Patience {
        Patience { each: time, all: time, alone: time, most_left_behind: usize::MAX }
    }

    /// The same, but at most until the deadline of the command, if it has one.
    pub(super) fn until(self, deadline: Option<Instant>) -> Patience {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        Patience { all: left.map_or(self.all, |left| left.min(self.all)), ..self }
    }
}

/// The result for one process.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer<T> {
    /// It answered.
    Given(T),
    /// It did not answer in time.
    Silent,
    /// It was not read: the time was over, or too many processes of its user were silent.
    NotAsked,
}

/// Runs `work` on each of the items, each of which belongs to a pid; the answers are in the same order.
pub(super) fn ask_each<I: Send + 'static, T: Send + 'static>(
    items: Vec<(u32, I)>,
    patience: Patience,
    user_of: fn(u32) -> u32,
    work: impl Fn(I) -> T + Send + Sync + 'static,
) -> Vec<Answer<T>> {
    let answers = items.iter().map(|_| Answer::NotAsked).collect();
    let state = State {
        left: items.into_iter().enumerate().collect::<Vec<_>>().into_iter(),
        answers,
        asked: Vec::new(),
        leader: 0,
        is_leader_lost: false,
        is_drained: false,
        silent: HashMap::new(),
    };
    let crowd = Arc::new(Crowd { state: Mutex::new(state), changed: Condvar::new(), user_of, work });
    crowd.gather(patience)
}

/// Runs `work`, which may block on a process, on a helper thread; `None` when it takes too long, at most
/// until the deadline of the command.
pub(super) fn ask<T: Send + 'static>(
    deadline: Option<Instant>,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    ask_for(Patience::of_one(OF_ONE).until(deadline), work)
}

/// The same for work that may fail; when it takes too long, an error of kind [`io::ErrorKind::TimedOut`] with
/// the text `silent`.
pub(super) fn ask_in_time<T: Send + 'static>(
    deadline: Option<Instant>,
    silent: &'static str,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    ask(deadline, work).unwrap_or_else(|| Err(io::Error::new(io::ErrorKind::TimedOut, silent)))
}

fn ask_for<T: Send + 'static>(patience: Patience, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let answer = ask_each(vec![(0, work)], patience, |_| 0, |work| work()).pop()?;
    match answer {
        Answer::Given(answer) => Some(answer),
        Answer::Silent | Answer::NotAsked => None,
    }
}

struct Crowd<I, T, W> {
    state: Mutex<State<I, T>>,
    changed: Condvar,
    user_of: fn(u32) -> u32,
    work: W,
}

struct State<I, T> {
    left: vec::IntoIter<(usize, (u32, I))>,
    answers: Vec<Answer<T>>,
    /// Items that are being worked on.
    asked: Vec<Asked>,
    /// The helper that takes the next item.
    leader: usize,
    /// Whether that helper was left behind.
    is_leader_lost: bool,
    /// Whether no further items are taken.
    is_drained: bool,
    /// Number of silent processes by user.
    silent: HashMap<u32, usize>,
}

#[derive(Debug, Clone, Copy)]
struct Asked {
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
        self.asked.push(Asked { index, pid, helper, since: Instant::now() });
        Some((index, pid, item))
    }

    /// Records an answer, or that none came; `false` when the caller no longer waits for it.
    fn settle(&mut self, index: usize, answer: Answer<T>) -> bool {
        let Some(at) = self.asked.iter().position(|asked| asked.index == index) else { return false };
        self.asked.swap_remove(at);
        if let Some(place) = self.answers.get_mut(index) {
            *place = answer;
        }
        true
    }
}

impl<I, T, W> Crowd<I, T, W>
where
    I: Send + 'static,
    T: Send + 'static,
    W: Fn(I) -> T + Send + Sync + 'static,
{
    fn lock(&self) -> MutexGuard<'_, State<I, T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn gather(self: Arc<Self>, patience: Patience) -> Vec<Answer<T>> {
        let end = Instant::now() + patience.all;
        let mut state = self.lock();
        self.lead(&mut state, 0);
        loop {
            let now = Instant::now();
            let is_over = now >= end;
            let silent: Vec<Asked> = state
                .asked
                .iter()
                .copied()
                .filter(|asked| is_over || now >= asked.since + patience.each)
                .collect();
            for asked in silent {
                state.settle(asked.index, Answer::Silent);
                LEFT_BEHIND.fetch_add(1, Ordering::Relaxed);
                *state.silent.entry((self.user_of)(asked.pid)).or_default() += 1;
                state.is_leader_lost |= asked.helper == state.leader;
            }
            state.is_drained |= is_over || LEFT_BEHIND.load(Ordering::Relaxed) >= patience.most_left_behind;
            if state.is_drained && state.asked.is_empty() {
                return std::mem::take(&mut state.answers);
            }
            let leading = state.asked.iter().find(|asked| asked.helper == state.leader).copied();
            let is_slow = leading.is_some_and(|asked| now >= asked.since + patience.alone);
            let has_room = state.asked.len() < MOST_SLOW;
            if (state.is_leader_lost || is_slow) && has_room && !state.is_drained {
                let helper = state.leader + 1;
                self.lead(&mut state, helper);
                continue;
            }
            let ends = state.asked.iter().map(|asked| asked.since + patience.each);
            let hand_over = match leading {
                Some(asked) => asked.since + patience.alone,
                // It is about to begin.
                None => now + patience.alone,
            };
            let is_waited_for = has_room && !is_slow && !state.is_drained;
            let wake = ends.chain(is_waited_for.then_some(hand_over)).fold(end, Instant::min);
            let wait = wake.saturating_duration_since(now);
            state = self.changed.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Starts a new helper for the remaining items.
    fn lead(self: &Arc<Self>, state: &mut State<I, T>, helper: usize) {
        state.leader = helper;
        state.is_leader_lost = false;
        let crowd = Arc::clone(self);
        let thread = std::thread::Builder::new().name("rgops-look".to_owned());
        // Without a helper thread nothing is read: the calling thread must not block.
        state.is_drained |= thread.spawn(move || crowd.help(helper)).is_err();
    }

    fn help(&self, helper: usize) {
        let mut state = self.lock();
        while let Some((index, pid, item)) = state.next(helper) {
            let are_some_silent = !state.silent.is_empty();
            drop(state);
            let user = are_some_silent.then(|| (self.user_of)(pid));
            state = self.lock();
            let of_user = user.and_then(|user| state.silent.get(&user)).copied().unwrap_or(0);
            let answer = if of_user >= MOST_OF_A_USER {
                Answer::NotAsked
            } else {
                drop(state);
                let answer = (self.work)(item);
                state = self.lock();
                Answer::Given(answer)
            };
            if !state.settle(index, answer) {
                LEFT_BEHIND.fetch_sub(1, Ordering::Relaxed);
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

    const PATIENCE: Patience = Patience {
        each: Duration::from_millis(400),
        all: Duration::from_secs(20),
        alone: Duration::from_millis(5),
        most_left_behind: 64,
    };

    fn hang() -> ! {
        loop {
            std::thread::park();
        }
    }

    fn is_silent<T>(answers: &[Answer<T>]) -> Vec<usize> {
        let silent = |(index, answer): (usize, &Answer<T>)| matches!(answer, Answer::Silent).then_some(index);
        answers.iter().enumerate().filter_map(silent).collect()
    }

    #[test]
    fn who_does_not_answer_costs_its_own_answer() {
        let began = Instant::now();
        let items = (0..100).map(|pid| (pid, pid)).collect();
        let answers = ask_each(items, PATIENCE, |_| 7, |pid| if pid % 50 == 9 { hang() } else { pid * 2 });
        assert_eq!(is_silent(&answers), [9, 59]);
        assert_eq!(answers.iter().filter(|answer| matches!(answer, Answer::Given(_))).count(), 98);
        assert_eq!(answers[99], Answer::Given(198));
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    }

    #[test]
    fn who_is_slow_is_waited_for_while_others_are_asked() {
        let is_other_asked = Arc::new(AtomicBool::new(false));
        let shared = Arc::clone(&is_other_asked);
        let patience = Patience { each: Duration::from_secs(10), ..PATIENCE };
        let work = move |pid: u32| match pid {
            0 => {
                while !shared.load(Ordering::Relaxed) {
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
            _ => shared.store(true, Ordering::Relaxed),
        };
        let answers = ask_each(vec![(0, 0), (1, 1)], patience, |_| 7, work);
        assert_eq!(answers, [Answer::Given(()), Answer::Given(())]);
    }

    #[test]
    fn the_silent_of_one_user_do_not_hide_those_of_another() {
        // Pids below 1000 belong to one user, and block.
        let items = (0..1010).map(|pid| (pid, pid)).collect();
        let answers =
            ask_each(items, PATIENCE, |pid| pid / 1000, |pid| if pid < 1000 { hang() } else { pid });
        assert!(answers[1000..].iter().all(|answer| matches!(answer, Answer::Given(_))));
        let silent = is_silent(&answers).len();
        assert!((MOST_OF_A_USER..=MOST_SLOW + MOST_OF_A_USER).contains(&silent), "{silent}");
        assert!(answers[..1000].contains(&Answer::NotAsked));
    }

    #[test]
    fn all_of_it_has_an_end() {
        let began = Instant::now();
        let patience = Patience { all: Duration::from_millis(100), ..PATIENCE };
        let slow = |_| std::thread::sleep(Duration::from_millis(10));
        let answers = ask_each((0..1000).map(|pid| (pid, pid)).collect(), patience, |_| 7, slow);
        assert_eq!(answers[0], Answer::Given(()));
        assert_eq!(answers[999], Answer::NotAsked);
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
        assert_eq!(ask_for(Patience::of_one(Duration::from_millis(50)), || -> u32 { hang() }), None);
        assert_eq!(ask(None, || 7), Some(7));
        assert_eq!(ask_each(Vec::new(), PATIENCE, |_| 7, |pid: u32| pid), []);
    }

    #[test]
    fn one_that_somebody_asked_for_is_asked_whatever_the_list_left_behind() {
        let nobody = Patience { most_left_behind: 0, ..PATIENCE };
        assert_eq!(ask_each(vec![(1, 1)], nobody, |_| 7, |pid: u32| pid), [Answer::NotAsked]);
        let one = Patience::of_one(PATIENCE.each);
        assert_eq!(one.most_left_behind, usize::MAX);
        assert_eq!(ask_for(one, || 7), Some(7));
    }

    #[test]
    fn the_deadline_of_the_command_is_not_waited_beyond() {
        let began = Instant::now();
        let soon = Some(began + Duration::from_millis(50));
        assert_eq!(ask(soon, || -> u32 { hang() }), None);
        assert_eq!(ask(Some(began), || 7), None);
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
        let until = |deadline| PATIENCE.until(deadline).all;
        assert_eq!(until(None), PATIENCE.all);
        assert_eq!(until(Some(began + Duration::from_secs(3600))), PATIENCE.all);
        assert_eq!(until(Some(began)), Duration::ZERO);
    }
}

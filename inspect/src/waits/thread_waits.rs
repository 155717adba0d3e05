//! How long threads waited, by stack, from looks at random moments.
//!
//! Between two looks a thread waited for the time between them, without its time on a CPU (its CPU clock is part of each
//! look) and without its time in the run queue (measured over the whole window). So the sum for each thread is exact.
//! Where it waited:
//!
//! * Its CPU clock did not change: it did not run, and all of the time belongs to the stack that it had at both looks.
//! * It ran in between: one half belongs to the stack at the one look, one half to that at the other. A look at which it
//!   ran has no stack of a wait; then all of it belongs to the other look.
//! * It ran at both looks: no look saw where it waited in between. Its stacks share that time as they share the rest; a
//!   thread without any has it at no stack.
//!
//! Only the second case is an estimate: of a thread that waited the share `p` of its time at a stack, `n` looks see that
//! share with a standard deviation of at most sqrt(p (1 - p) / n).

use std::collections::HashMap;

use rgops_protocol::reply::stack::{Capture, SystemCall, ThreadStack};

/// Distinct stacks of waiting threads that are kept; the rest is one entry for each thread.
const MOST_STACKS: usize = 10_000;

/// Where a thread waited.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ThreadWait {
    /// Its id.
    pub(crate) tid: u32,
    /// Index of its stack among those of [`ThreadWaits::stacks`]; `None` if no look saw it.
    pub(crate) stack: Option<usize>,
    /// How long, in nanoseconds.
    pub(crate) ns: u64,
    /// Different waits that looks saw: a lower bound.
    pub(crate) seen: u64,
    /// Of the time, that of a wait which lasts to the last look: no look and no CPU time in between.
    pub(crate) lasting_ns: u64,
}

/// A thread waits the same way as long as these are the same.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Key {
    tid: u32,
    frames: Vec<u64>,
    call: Option<(u32, u64)>,
    state: char,
}

#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    tid: u32,
    exact_ns: u64,
    shared_ns: u64,
    seen: u64,
    lasting_ns: u64,
}

#[derive(Debug, Clone, Copy)]
struct Last {
    at_ns: u64,
    cpu_ns: Option<u64>,
    /// The stack of its wait; `None` if it ran.
    stack: Option<usize>,
}

/// Sums over all looks so far.
#[derive(Debug, Default)]
pub(crate) struct ThreadWaits {
    keys: HashMap<Key, usize>,
    stacks: Vec<ThreadStack>,
    sums: Vec<Sum>,
    last: HashMap<u32, Last>,
    /// Time that no look saw, by thread.
    unseen: HashMap<u32, u64>,
    left_out: u64,
    without_clock: u64,
    looks: u64,
    first_ns: Option<u64>,
    last_ns: u64,
}

impl ThreadWaits {
    /// Adds a look, at a time that does not go back, in nanoseconds.
    pub(crate) fn look(&mut self, at_ns: u64, threads: Vec<ThreadStack>) {
        self.looks += 1;
        self.first_ns.get_or_insert(at_ns);
        self.last_ns = at_ns.max(self.last_ns);
        for thread in threads.into_iter().filter(|thread| !thread.is_agent) {
            let (tid, cpu_ns) = (thread.tid, thread.cpu_ns.value().copied());
            let has_ended = matches!(thread.state, 'Z' | 'X');
            let stack = if is_running(&thread) || has_ended { None } else { self.stack(thread) };
            let now = Last { at_ns, cpu_ns, stack };
            match self.last.insert(tid, now) {
                Some(before) if !has_ended => self.between(tid, before, now),
                _ => {
                    if let Some(stack) = stack {
                        self.sums[stack].seen += 1;
                    }
                }
            }
        }
    }

    fn between(&mut self, tid: u32, before: Last, now: Last) {
        let time_ns = now.at_ns.saturating_sub(before.at_ns);
        let ran_ns = before.cpu_ns.zip(now.cpu_ns).map(|(before, now)| now.saturating_sub(before));
        self.without_clock += u64::from(ran_ns.is_none());
        if let (Some(0), Some(stack)) = (ran_ns, now.stack)
            && before.stack == Some(stack)
        {
            self.sums[stack].exact_ns += time_ns;
            self.sums[stack].lasting_ns += time_ns;
            return;
        }
        if let Some(stack) = before.stack {
            self.sums[stack].lasting_ns = 0;
        }
        if let Some(stack) = now.stack {
            self.sums[stack].seen += 1;
            self.sums[stack].lasting_ns = 0;
        }
        let waited_ns = time_ns.saturating_sub(ran_ns.unwrap_or(0));
        match (before.stack, now.stack) {
            (Some(one), Some(other)) => {
                self.sums[one].shared_ns += waited_ns / 2;
                self.sums[other].shared_ns += waited_ns - waited_ns / 2;
            }
            (Some(only), None) | (None, Some(only)) => self.sums[only].shared_ns += waited_ns,
            (None, None) => *self.unseen.entry(tid).or_default() += waited_ns,
        }
    }

    /// The number of a thread's stack.
    fn stack(&mut self, mut thread: ThreadStack) -> Option<usize> {
        let call = match thread.system_call.value() {
            Some(SystemCall::Number { number, first_argument }) => Some((*number, *first_argument)),
            _ => None,
        };
        let key = Key { tid: thread.tid, frames: thread.stack.frames.clone(), call, state: thread.state };
        if let Some(known) = self.keys.get(&key) {
            return Some(*known);
        }
        if self.stacks.len() >= MOST_STACKS {
            self.left_out += 1;
            return None;
        }
        let at = self.stacks.len();
        self.sums.push(Sum { tid: thread.tid, ..Sum::default() });
        thread.wchan.shrink_to_fit();
        self.stacks.push(thread);
        self.keys.insert(key, at);
        Some(at)
    }

    /// The stacks, to be named.
    pub(crate) fn take_stacks(&mut self) -> Vec<ThreadStack> {
        std::mem::take(&mut self.stacks)
    }

    /// Looks so far.
    pub(crate) fn looks(&self) -> u64 {
        self.looks
    }

    /// From the first look to the last, in nanoseconds.
    pub(crate) fn window_ns(&self) -> u64 {
        self.last_ns.saturating_sub(self.first_ns.unwrap_or(self.last_ns))
    }

    /// Looks at stacks beyond the limit.
    pub(crate) fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Times between two looks at a thread whose CPU clock was not known.
    pub(crate) fn without_clock(&self) -> u64 {
        self.without_clock
    }

    /// Where each thread waited. `runnable_ns` has the time in the run queue in the window for each thread.
    pub(crate) fn waits(&self, runnable_ns: &HashMap<u32, u64>) -> Vec<ThreadWait> {
        let mut estimated: HashMap<u32, u64> = self.unseen.clone();
        for sum in &self.sums {
            *estimated.entry(sum.tid).or_default() += sum.shared_ns;
        }
        // A thread that did not run was not in the run queue, so only what is shared out has such time.
        let without_queue = |tid: u32, ns: u64| {
            let all = estimated.get(&tid).copied().unwrap_or(0);
            let queued = runnable_ns.get(&tid).copied().unwrap_or(0).min(all);
            share(ns, all - queued, all)
        };
        let mut seen_ns: HashMap<u32, u64> = HashMap::new();
        for sum in &self.sums {
            *seen_ns.entry(sum.tid).or_default() += sum.exact_ns + sum.shared_ns;
        }
        let mut waits = Vec::new();
        for (stack, sum) in self.sums.iter().enumerate() {
            let of_thread = seen_ns.get(&sum.tid).copied().unwrap_or(0);
            let unseen_ns = match self.unseen.get(&sum.tid) {
                Some(unseen) => share(*unseen, sum.exact_ns + sum.shared_ns, of_thread),
                None => 0,
            };
            let ns = sum.exact_ns + without_queue(sum.tid, sum.shared_ns + unseen_ns);
            let (tid, seen) = (sum.tid, sum.seen);
            waits.push(ThreadWait { tid, stack: Some(stack), ns, seen, lasting_ns: sum.lasting_ns });
        }
        for (tid, ns) in self.unseen.iter().filter(|(tid, _)| seen_ns.get(tid).is_none_or(|ns| *ns == 0)) {
            let ns = without_queue(*tid, *ns);
            waits.push(ThreadWait { tid: *tid, stack: None, ns, seen: 0, lasting_ns: 0 });
        }
        waits.retain(|wait| wait.ns > 0);
        waits.sort_by_key(|wait| (wait.tid, wait.stack));
        waits
    }
}

/// `part` of `whole` of a time.
fn share(ns: u64, part: u64, whole: u64) -> u64 {
    let share = (u128::from(ns) * u128::from(part)).checked_div(u128::from(whole)).unwrap_or(0);
    u64::try_from(share).unwrap_or(u64::MAX)
}

fn is_running(thread: &ThreadStack) -> bool {
    let asleep = matches!(thread.capture, Capture::Quiet);
    thread.state == 'R' || (!asleep && thread.system_call.value() == Some(&SystemCall::Running))
}

#[cfg(test)]
mod tests {
    use rgops_protocol::reply::{Known, Stack, StackEnd};

    use super::*;

    fn thread(tid: u32, state: char, cpu_ns: u64, frames: &[u64]) -> ThreadStack {
        ThreadStack {
            tid,
            name: String::new(),
            state,
            cpu_ns: Known::Value(cpu_ns),
            wchan: String::new(),
            system_call: Known::Value(SystemCall::NotInOne),
            is_agent: false,
            current_task: None,
            capture: Capture::Quiet,
            stack: Stack { frames: frames.to_vec(), end: StackEnd::Root },
        }
    }

    fn waits(looks: &[(u64, ThreadStack)], runnable_ns: u64) -> Vec<(Option<usize>, u64, u64)> {
        let mut waits = ThreadWaits::default();
        for (at_ns, thread) in looks {
            waits.look(*at_ns, vec![thread.clone()]);
        }
        let all = waits.waits(&[(7, runnable_ns)].into());
        all.into_iter().map(|wait| (wait.stack, wait.ns, wait.seen)).collect()
    }

    #[test]
    fn a_thread_that_did_not_run_waited_all_of_the_time_at_one_stack() {
        let looks =
            [(0, thread(7, 'S', 5, &[1])), (300, thread(7, 'S', 5, &[1])), (1000, thread(7, 'S', 5, &[1]))];
        assert_eq!(waits(&looks, 0), [(Some(0), 1000, 1)]);
    }

    #[test]
    fn the_time_on_a_cpu_and_in_the_run_queue_is_not_waited() {
        let looks = [(0, thread(7, 'S', 0, &[1])), (1000, thread(7, 'S', 200, &[2]))];
        assert_eq!(waits(&looks, 0), [(Some(0), 400, 1), (Some(1), 400, 1)]);
        assert_eq!(waits(&looks, 400), [(Some(0), 200, 1), (Some(1), 200, 1)]);
        // The sum of a thread is exact wherever the looks saw it.
        let looks = [
            (0, thread(7, 'R', 0, &[3])),
            (500, thread(7, 'R', 100, &[3])),
            (1000, thread(7, 'S', 200, &[1])),
        ];
        let all = waits(&looks, 0);
        assert_eq!(all, [(Some(0), 800, 1)]);
        let looks = [(0, thread(7, 'R', 0, &[3])), (1000, thread(7, 'R', 100, &[3]))];
        assert_eq!(waits(&looks, 300), [(None, 600, 0)]);
    }

    #[test]
    fn a_thread_that_always_ran_or_was_queued_did_not_wait() {
        let looks = [(0, thread(7, 'R', 0, &[3])), (1000, thread(7, 'R', 700, &[3]))];
        assert!(waits(&looks, 300).is_empty());
    }
}

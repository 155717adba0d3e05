//! `block` and `mutex`: the time that threads and tasks waited in a window, by stack and cause.

use std::collections::HashMap;

use rgops_pprof::proto::Profile;
use rgops_protocol::reply::stack::StackPart;

use super::gather::Window;
use super::options::WaitOptions;
use crate::locks::Holder;
use crate::report::stack::{Activity, Role, StackReport, Thread};
use crate::session::connect::Session;
use crate::session::error::SessionError;
use crate::symbols::{own_frame, without_closures};
use crate::text::{counted, duration};
use crate::waits::{Cause, Draft, Kind, TaskHolder, ThreadWait};

/// The waits of threads, named.
struct Named {
    /// By the index of the stack.
    report: StackReport,
    waits: Vec<ThreadWait>,
    /// Estimated number of each wait.
    counts: Vec<u64>,
}

impl Session {
    /// Time that threads and tasks waited, by stack and cause: `contentions/count`, `delay/nanoseconds`, with the labels
    /// `cause` and `thread` or `task`. Threads that their runtime parked for lack of work are left out, as Go leaves out
    /// its idle ones; so are the agent's.
    ///
    /// # Errors
    /// [`SessionError`].
    pub fn block_profile(&mut self, options: &WaitOptions) -> Result<Profile, SessionError> {
        let mut window = self.window(options)?;
        let named = self.named(&mut window);
        let mut draft = Draft::new(self.hello(), window.modules.clone());
        let mut idle_ns = 0;
        for (wait, count) in named.waits.iter().zip(&named.counts) {
            let values = values(*count, wait.ns);
            match named.thread(wait) {
                Some(thread) if thread.role == Role::Agent => {}
                Some(thread) if thread.activity == Activity::Idle => idle_ns += wait.ns,
                Some(thread) => {
                    let stack = draft.native(&thread.addresses, &thread.frames);
                    let cause = Cause::of_thread(thread);
                    draft.add(stack, &[("cause", &cause.name), ("thread", &thread.name)], values);
                }
                None => {
                    let stack = vec![draft.named("<wait that no look saw>")];
                    draft.add(stack, &[("cause", "unknown")], values);
                }
            }
        }
        for (wait, ns, seen) in window.tasks.waits.waits() {
            let stack = draft.futures(&wait.path);
            draft.add(stack, &[("cause", &wait.cause.name), ("task", &wait.future)], values(seen, ns));
        }
        draft.comment(format!("# left out: {} that threads were parked without work", duration(idle_ns)));
        remarks(&mut draft, &window);
        Ok(draft.finish(Kind::Contention, window.unix_ns, window.threads.window_ns()))
    }

    /// Of [`Session::block_profile`], the waiting for locks of std, parking_lot, the C library and Tokio, by the stack of
    /// the holder where it is known, with the function of the waiter as the label `waiter`. Otherwise by that of the
    /// waiter, with the label `holder` = `unknown`.
    ///
    /// # Errors
    /// [`SessionError`].
    pub fn mutex_profile(&mut self, options: &WaitOptions) -> Result<Profile, SessionError> {
        let mut window = self.window(options)?;
        let named = self.named(&mut window);
        let mut draft = Draft::new(self.hello(), window.modules.clone());
        let is_lock =
            |wait: &&ThreadWait| named.thread(wait).is_some_and(|thread| Cause::of_thread(thread).is_lock);
        let has_locks = named.waits.iter().any(|wait| is_lock(&wait));
        let now = has_locks.then(|| self.holders_now(&window));
        let holders = now.as_ref().map(|(report, holders)| (report, holders));
        for (wait, count) in named.waits.iter().zip(&named.counts) {
            let Some(thread) = named.thread(wait).filter(|thread| thread.role != Role::Agent) else {
                continue;
            };
            let cause = Cause::of_thread(thread);
            if !cause.is_lock || thread.activity != Activity::Blocked {
                continue;
            }
            let waiter = function(thread);
            let labels = [("cause", &*cause.name), ("waiter", &*waiter), ("thread", &*thread.name)];
            let holder = holders.and_then(|(report, holders)| {
                report.threads.iter().find(|thread| Some(&thread.tid) == holders.get(&wait.tid))
            });
            let lasting_ns = if holder.is_some() { wait.lasting_ns.min(wait.ns) } else { 0 };
            if let Some(holder) = holder.filter(|_| lasting_ns > 0) {
                let stack = draft.native(&holder.addresses, &holder.frames);
                draft.add(stack, &labels, values(1, lasting_ns));
            }
            if wait.ns > lasting_ns {
                let stack = draft.native(&thread.addresses, &thread.frames);
                let labels = [&labels[..], &[("holder", "unknown")]].concat();
                draft.add(
                    stack,
                    &labels,
                    values(count.saturating_sub(u64::from(lasting_ns > 0)), wait.ns - lasting_ns),
                );
            }
        }
        for (wait, ns, seen) in window.tasks.waits.waits() {
            if !wait.cause.is_lock {
                continue;
            }
            let waiter =
                wait.path.iter().find(|frame| !frame.name.starts_with("tokio::")).or(wait.path.first());
            let waiter = waiter.map_or("", |frame| &*frame.name);
            let labels = [("cause", &*wait.cause.name), ("waiter", waiter), ("task", &*wait.future)];
            match &wait.holder {
                TaskHolder::Task(path) => {
                    let stack = draft.futures(path);
                    draft.add(stack, &labels, values(seen, ns));
                }
                TaskHolder::Unknown => {
                    let stack = draft.futures(&wait.path);
                    let labels = [&labels[..], &[("holder", "unknown")]].concat();
                    draft.add(stack, &labels, values(seen, ns));
                }
            }
        }
        draft.comment(
            "# the holder of a thread's lock is known only if the wait lasted to the end of the window",
        );
        remarks(&mut draft, &window);
        Ok(draft.finish(Kind::Contention, window.unix_ns, window.threads.window_ns()))
    }

    fn named(&self, window: &mut Window) -> Named {
        let none = HashMap::new();
        let waits = window.threads.waits(window.runnable_ns.0.as_ref().unwrap_or(&none));
        let counts = counts(&waits, &window.switches);
        let stacks = window.threads.take_stacks();
        let parts = vec![StackPart::Modules(window.modules.clone()), StackPart::Threads(stacks)];
        let budget = self.options().new_budget();
        let (hello, symbols) = (self.hello(), &self.options().symbols);
        let report = StackReport::within(&budget, hello, self.local_pid(), symbols, parts);
        Named { report, waits, counts }
    }

    /// The threads of the last look, and for each waiter the thread that holds its lock. A waiter that ran since then has
    /// none.
    fn holders_now(&self, window: &Window) -> (StackReport, HashMap<u32, u32>) {
        let parts = vec![StackPart::Modules(window.modules.clone()), StackPart::Threads(window.last.clone())];
        let budget = self.options().new_budget();
        let (hello, symbols) = (self.hello(), &self.options().symbols);
        let mut report = StackReport::within(&budget, hello, self.local_pid(), symbols, parts);
        report.parked_at = self.parked_at(&report.lock_threads(), &budget);
        report.holders = self.lock_holders(report.lock_threads(), &budget);
        let mut holders = HashMap::new();
        for wait in report.lock_waits() {
            if let Some(holder) = wait.holder.as_ref().and_then(Holder::thread) {
                holders.extend(wait.threads.iter().map(|waiter| (*waiter, holder)));
            }
        }
        (report, holders)
    }
}

impl Named {
    /// The thread with the stack of a wait; `None` if no look saw it, or it was left out.
    fn thread(&self, wait: &ThreadWait) -> Option<&Thread> {
        self.report.threads.get(wait.stack?)
    }
}

/// The number of waits: those that looks saw, or if the kernel counts a thread's waits, their share of them.
fn counts(waits: &[ThreadWait], switches: &HashMap<u32, u64>) -> Vec<u64> {
    let mut seen: HashMap<u32, u64> = HashMap::new();
    for wait in waits {
        *seen.entry(wait.tid).or_default() += wait.seen;
    }
    let count = |wait: &ThreadWait| match (switches.get(&wait.tid), seen.get(&wait.tid)) {
        (Some(all), Some(seen)) if *seen > 0 => (all.saturating_mul(wait.seen) / seen).max(wait.seen),
        _ => wait.seen,
    };
    waits.iter().map(count).collect()
}

fn values(count: u64, ns: u64) -> [i64; 2] {
    [i64::try_from(count).unwrap_or(i64::MAX), i64::try_from(ns).unwrap_or(i64::MAX)]
}

/// The innermost function of the program.
fn function(thread: &Thread) -> String {
    let frame = own_frame(&thread.frames).or(thread.frames.first());
    frame.map_or_else(String::new, |frame| without_closures(&frame.name()).to_owned())
}

/// How it was measured, and what is missing.
fn remarks(draft: &mut Draft, window: &Window) {
    let threads = &window.threads;
    let looks = threads.looks();
    draft.comment(format!("# looks at threads: {looks}, at random moments"));
    draft.comment(
        "# the sum of a thread is exact; at one stack with the share p of its time, the standard deviation is at most sqrt(p (1 - p) / looks)",
    );
    match window.switches.is_empty() {
        true => draft.comment("# contentions of threads: different waits that looks saw, a lower bound"),
        false => draft.comment(
            "# contentions of threads: voluntary context switches, shared out as the looks saw them",
        ),
    }
    let tasks = &window.tasks.waits;
    match window.tasks.missing.as_str() {
        "" => draft
            .comment(format!("# looks at tasks: {}; contentions of tasks are a lower bound", tasks.looks)),
        missing => draft.comment(format!("# tasks are missing: {missing}")),
    }
    if tasks.moved > 0 {
        draft.comment(format!("# tasks that changed while they were read: {}", tasks.moved));
    }
    if tasks.left_out > 0 {
        draft.comment(format!("{} looks at tasks beyond the limit of stacks are missing", tasks.left_out));
    }
    if let Some(milli) = window.agent_milli {
        draft.comment(format!("# the agent used {}.{} % of a CPU", milli / 10, milli % 10));
    }
    if let Err(why) = &window.runnable_ns.0 {
        draft.comment(format!("time in the run queue counts as waited: it is not known ({why})"));
    }
    if threads.without_clock() > 0 {
        draft.comment(format!(
            "time on a CPU counts as waited {}: the CPU clock of a thread is not known",
            counted(threads.without_clock(), "time")
        ));
    }
    if threads.left_out() > 0 {
        draft.comment(format!(
            "{} looks at threads beyond the limit of stacks are missing",
            threads.left_out()
        ));
    }
    for (count, why) in window.failed.iter().chain(&window.tasks.failed) {
        draft.comment(format!("{} failed: {why}", counted(*count, "look")));
    }
}

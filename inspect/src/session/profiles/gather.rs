//! Looks at threads and tasks for the time of a window, and has the kernel's counters of the same window.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rgops_protocol::reply::stack::{StackPart, ThreadStack};
use rgops_protocol::reply::stats::StatsReply;
use rgops_protocol::reply::{Known, Module};
use rgops_protocol::request::{Request, StackRequest};

use super::options::WaitOptions;
use super::schedule::Schedule;
use super::task_looks::{LookedTasks, TaskLooks};
use super::unless_busy::unless_busy;
use crate::session::connect::Session;
use crate::session::error::SessionError;
use crate::session::stack::modules_of;
use crate::session::stats::StatsOptions;
use crate::waits::{Switches, ThreadWaits};

/// Frames per stack.
const DEPTH: u32 = 128;
/// Windows of `stats`: at least, and at most.
const SHORTEST_STATS: Duration = Duration::from_millis(20);
const LONGEST_STATS: Duration = Duration::from_secs(2);

/// Everything that was seen in a window.
#[derive(Debug, Default)]
pub(super) struct Window {
    pub(super) threads: ThreadWaits,
    pub(super) tasks: LookedTasks,
    pub(super) modules: Vec<Module>,
    /// All threads of the last look.
    pub(super) last: Vec<ThreadStack>,
    /// When the first look was, in nanoseconds since the Unix epoch by the program's clock.
    pub(super) unix_ns: u64,
    /// Time in the run queue by thread, in nanoseconds; or why that is not known.
    pub(super) runnable_ns: Runnable,
    /// Voluntary context switches by thread; empty if they are not known.
    pub(super) switches: HashMap<u32, u64>,
    /// CPU time of the agent's threads at the last look, since they started.
    agent_cpu_ns: Option<u64>,
    /// CPU time of the agent's threads in thousandths of the window.
    pub(super) agent_milli: Option<u64>,
    /// Looks that failed, and the first reason.
    pub(super) failed: Option<(u64, String)>,
}

/// By thread, or why it is not known.
#[derive(Debug)]
pub(super) struct Runnable(pub(super) Result<HashMap<u32, u64>, String>);

impl Default for Runnable {
    fn default() -> Runnable {
        Runnable(Err("nobody asked".to_owned()))
    }
}

impl Session {
    /// Looks for the time of the window.
    ///
    /// # Errors
    /// If the first look fails.
    pub(super) fn window(&mut self, options: &WaitOptions) -> Result<Window, SessionError> {
        let mut window = Window::default();
        // Before the window: for the loaded objects, and for the debug information, which takes long and is kept.
        self.threads(Instant::now(), &mut window)?;
        let modules = std::mem::take(&mut window.modules);
        let tasks = TaskLooks::start(self.again(), modules.clone());
        let local_pid = self.local_pid().filter(|pid| *pid == self.hello().pid);
        let switches = || local_pid.map(Switches::read).unwrap_or_default();
        let stop = Arc::new(AtomicBool::new(false));
        let switches_before = switches();
        let began = Instant::now();
        let counters = self.counters(options.window, &stop);
        tasks.begin(began, options.window);
        let looked = self.looks(options, began);
        let switches = switches().since(&switches_before);
        stop.store(true, Ordering::Relaxed);
        let counters =
            counters.join().unwrap_or_else(|_| Err("the thread that asks for them ended".to_owned()));
        let tasks = tasks.end();
        let mut window = looked?;
        window.tasks = tasks;
        window.switches = switches;
        if window.modules.is_empty() {
            window.modules = modules;
        }
        let window_ns = window.threads.window_ns();
        let scaled = counters.map(|counters| counters.scaled(window_ns));
        window.agent_milli =
            scaled.as_ref().ok().map(|scaled| scaled.agent_ns.saturating_mul(1000) / window_ns.max(1));
        window.runnable_ns = Runnable(scaled.map(|scaled| scaled.runnable_ns));
        Ok(window)
    }

    /// The kernel's counters while the looks are made.
    fn counters(&self, window: Duration, stop: &Arc<AtomicBool>) -> JoinHandle<Result<Counters, String>> {
        let (mut session, stop) = (self.again(), Arc::clone(stop));
        spawn(move || {
            let mut counters = Counters::default();
            let end = Instant::now() + window;
            loop {
                let left = end.saturating_duration_since(Instant::now());
                if counters.window_ns > 0 && (left < SHORTEST_STATS || stop.load(Ordering::Relaxed)) {
                    return Ok(counters);
                }
                let asked = StatsOptions::default().window(left.clamp(SHORTEST_STATS, LONGEST_STATS));
                match session.stats(&asked) {
                    Ok(stats) => counters.add(&stats.0.reply),
                    Err(_) if counters.window_ns > 0 => return Ok(counters),
                    Err(error) => return Err(error.to_string()),
                }
            }
        })
    }

    fn looks(&mut self, options: &WaitOptions, began: Instant) -> Result<Window, SessionError> {
        let mut window = Window::default();
        let end = began + options.window;
        let mut schedule = Schedule::new(began, Duration::from_secs(1) / options.hz);
        schedule.plan(self.threads(began, &mut window)?);
        loop {
            let is_last = schedule.at() >= end;
            sleep(schedule.at().min(end).saturating_duration_since(Instant::now()));
            let cost = match self.threads(began, &mut window) {
                Ok(cost) => cost,
                Err(error) => {
                    window.failed.get_or_insert_with(|| (0, error.to_string())).0 += 1;
                    Duration::ZERO
                }
            };
            if is_last {
                return Ok(window);
            }
            schedule.plan(cost);
        }
    }

    /// A look at the threads. Returns the CPU time of the agent since the one before, for all that it does.
    fn threads(&mut self, began: Instant, window: &mut Window) -> Result<Duration, SessionError> {
        let mut session = self.again();
        let request = Request::Stack(StackRequest { max_depth: DEPTH });
        let (asked, parts, answered) = unless_busy(|| {
            let asked = Instant::now();
            let (client, _running) = session.begin(Duration::ZERO)?;
            let collected = client.ask(&request)?.collect::<StackPart>(&mut |_| {});
            let answered = Instant::now();
            collected.end?;
            Ok((asked, collected.parts, answered))
        })?;
        let modules = modules_of(&parts);
        if !modules.is_empty() {
            window.modules = modules;
        }
        let (mut threads, mut summary) = (Vec::new(), None);
        for part in parts {
            match part {
                StackPart::Threads(more) => threads.extend(more),
                StackPart::Summary(found) => summary = Some(found),
                StackPart::Modules(_) => {}
            }
        }
        let middle = asked + (answered - asked) / 2;
        if window.unix_ns == 0 {
            let unix_ns = summary.map(|summary| summary.unix_ns + summary.capture_ns / 2);
            window.unix_ns = unix_ns.unwrap_or_else(now_unix_ns);
        }
        let of_agent = threads.iter().filter(|thread| thread.is_agent);
        let agent_cpu_ns: u64 = of_agent.filter_map(|thread| thread.cpu_ns.value()).sum();
        let before = window.agent_cpu_ns.replace(agent_cpu_ns).unwrap_or(agent_cpu_ns);
        window.last.clone_from(&threads);
        window.threads.look(nanoseconds(middle - began), threads);
        Ok(Duration::from_nanos(agent_cpu_ns.saturating_sub(before)))
    }
}

/// Sums over windows of `stats`, in nanoseconds.
#[derive(Debug, Default)]
struct Counters {
    window_ns: u64,
    runnable_ns: HashMap<u32, u64>,
    agent_ns: u64,
}

impl Counters {
    fn add(&mut self, reply: &StatsReply) {
        self.window_ns += reply.window_ns;
        for thread in &reply.thread_activity {
            if let (true, Known::Value(running_ns)) = (thread.is_agent, &thread.running_ns) {
                self.agent_ns += running_ns;
            }
            if let Known::Value(runnable_ns) = &thread.runnable_ns {
                *self.runnable_ns.entry(thread.tid).or_default() += runnable_ns;
            }
        }
    }

    /// For a window of another length.
    fn scaled(mut self, window_ns: u64) -> Counters {
        let ratio = window_ns as f64 / self.window_ns.max(1) as f64;
        let scale = |ns: &mut u64| *ns = (*ns as f64 * ratio) as u64;
        scale(&mut self.agent_ns);
        self.runnable_ns.values_mut().for_each(scale);
        self
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Now by our clock.
pub(super) fn now_unix_ns() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, nanoseconds)
}

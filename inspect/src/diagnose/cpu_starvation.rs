//! CPU starvation: threads are ready to run and get no CPU, in every measured window.
//!
//! A program that uses its CPUs fully itself is busy, not starved: threads of a full load wait for each other. So its
//! threads have to wait long *and* the program has to use clearly less than the CPUs it may use; or its cgroup was
//! throttled in many periods. While a window is measured, rgops sleeps, so it is not the cause.

use std::collections::BTreeSet;

use rgops_protocol::reply::Known;
use rgops_protocol::reply::stats::{StatsReply, ThreadActivity};

use super::finding::{Concerned, Finding, Gap, Kind};
use super::look::Look;
use super::seen::Seen;
use crate::text::{counted, duration};

/// Share of a thread's demand that it waits, in the sum over all threads.
const LEAST_WAIT: f64 = 0.3;
/// Time waiting, as a share of the window: less is noise.
const LEAST_WAITING: f64 = 0.2;
/// The program's use of the CPUs that it may use, above which the load is its own.
const MOST_USE: f64 = 0.6;
/// The period of a cgroup's quota (cpu.max, cpu.cfs_period_us), unless set otherwise.
const PERIOD_NS: u64 = 100_000_000;
/// A thread that ran longer than one such part of a window was given a CPU.
const MOST_RAN: u64 = 100;
/// Share of throttled periods.
const LEAST_THROTTLED: f64 = 0.25;

pub(super) fn look(seen: &Seen) -> Look {
    let what = "threads that wait for a CPU";
    let windows = match &seen.stats {
        Known::Value(windows) => windows,
        Known::Unavailable(why) => return Look { gaps: vec![Gap::new(what, why)], ..Look::default() },
    };
    let (Some(first), Some(last)) = (windows.first(), windows.last()) else { return Look::default() };
    let ready = always_ready(windows);
    let mut measured = Vec::new();
    for window in windows {
        match measure(window, &ready) {
            Ok(sums) => measured.push(sums),
            Err(why) => return Look { gaps: vec![Gap::new(what, &why)], ..Look::default() },
        }
    }
    let at = format!(
        "{} in {}",
        counted(last.thread_activity.len() as u64, "thread"),
        counted(windows.len() as u64, "window")
    );
    let throttled = throttled(first, last, seen.window_ns);
    let is_starved = measured.iter().all(Sums::is_starved);
    let finding = match throttled {
        Some((periods, share)) if share >= LEAST_THROTTLED => {
            let quota = last.cpu_quota_milli.value().copied().flatten();
            let quota = quota.map_or(String::new(), |milli| format!(" at {:.2} CPUs", milli as f64 / 1e3));
            let what = format!("its cgroup's CPU quota stops the program: throttled{quota} all the time");
            let evidence = vec![
                format!(
                    "{} throttled, {:.0} % of the time",
                    counted(periods, "period"),
                    share.min(1.0) * 100.0
                ),
                waits(&measured),
            ];
            Finding::new(Kind::CpuStarvation, what, evidence)
        }
        _ if is_starved && measured.len() > 1 => {
            let what =
                "threads are ready to run and get no CPU: other processes or a limit take it".to_owned();
            Finding::new(Kind::CpuStarvation, what, vec![waits(&measured)])
                .but("who uses the CPU is not measured: other processes, a low priority (nice), or the host of a virtual machine")
        }
        _ => return Look { at, ..Look::default() },
    };
    let mut threads: Vec<&ThreadActivity> =
        last.thread_activity.iter().filter(|thread| !thread.is_agent).collect();
    threads.sort_by_key(|thread| std::cmp::Reverse(thread.runnable_ns.value().copied().unwrap_or(0)));
    threads.retain(|thread| {
        ready.contains(&thread.tid) || thread.runnable_ns.value().is_some_and(|ns| *ns > last.window_ns / 10)
    });
    let concerned =
        threads.into_iter().map(|thread| concerned(thread, last.window_ns, ready.contains(&thread.tid)));
    let finding =
        finding.concerning(concerned).more("stats PID --all", "running and waiting time of each thread");
    Look { findings: vec![finding], at, gaps: Vec::new() }
}

/// The program's threads in one window.
struct Sums {
    window_ns: u64,
    running_ns: u64,
    runnable_ns: u64,
    /// CPUs that it may use, in thousandths; `None` if unknown.
    cpus_milli: Option<u64>,
}

impl Sums {
    fn is_starved(&self) -> bool {
        let (running, runnable) = (self.running_ns as f64, self.runnable_ns as f64);
        let window = self.window_ns as f64;
        let Some(cpus_milli) = self.cpus_milli else { return false };
        let most = window * cpus_milli as f64 / 1e3 * MOST_USE;
        runnable >= window * LEAST_WAITING && runnable >= (running + runnable) * LEAST_WAIT && running < most
    }
}

/// Threads that were ready at the end of every window and got next to no CPU: while they wait, the kernel does not count
/// it (schedstat is written when a thread gets a CPU). The waits of a thread that ran are counted: one that wakes up for
/// each picture or packet may be met ready again and again.
fn always_ready(windows: &[StatsReply]) -> BTreeSet<u32> {
    let of = |window: &StatsReply| -> BTreeSet<u32> {
        let hardly_runs = |thread: &&ThreadActivity| {
            let running = thread.running_ns.value().copied().unwrap_or(u64::MAX);
            thread.state == 'R' && running < window.window_ns / MOST_RAN
        };
        window.thread_activity.iter().filter(hardly_runs).map(|thread| thread.tid).collect()
    };
    let mut ready = windows.iter().map(of);
    let first = ready.next().filter(|_| windows.len() > 2).unwrap_or_default();
    ready.fold(first, |all, one| all.intersection(&one).copied().collect())
}

fn measure(window: &StatsReply, ready: &BTreeSet<u32>) -> Result<Sums, rgops_protocol::reply::Unavailable> {
    let (mut running_ns, mut runnable_ns) = (0_u64, 0_u64);
    for thread in window.thread_activity.iter().filter(|thread| !thread.is_agent) {
        match (&thread.running_ns, &thread.runnable_ns) {
            (Known::Value(running), Known::Value(runnable)) => {
                running_ns = running_ns.saturating_add(*running);
                let waited = match ready.contains(&thread.tid) {
                    true => window.window_ns.saturating_sub(*running).max(*runnable),
                    false => *runnable,
                };
                runnable_ns = runnable_ns.saturating_add(waited);
            }
            (Known::Unavailable(why), _) | (_, Known::Unavailable(why)) => return Err(why.clone()),
        }
    }
    let allowed = window.cpus_allowed.value().map(|cpus| u64::from(*cpus) * 1000);
    let quota = window.cpu_quota_milli.value().copied().flatten();
    let cpus_milli = match (allowed, quota) {
        (Some(allowed), Some(quota)) => Some(allowed.min(quota)),
        (allowed, quota) => allowed.or(quota),
    };
    Ok(Sums { window_ns: window.window_ns, running_ns, runnable_ns, cpus_milli })
}

/// Throttled periods since the first window ended, and their share.
fn throttled(first: &StatsReply, last: &StatsReply, window_ns: u64) -> Option<(u64, f64)> {
    last.cpu_quota_milli.value().copied().flatten()?;
    let periods = last.throttled_periods.value()?.checked_sub(*first.throttled_periods.value()?)?;
    let between_ns = match (first.uptime_ns.value(), last.uptime_ns.value()) {
        (Some(before), Some(after)) => after.saturating_sub(*before),
        _ => window_ns,
    };
    let all = (between_ns / PERIOD_NS).max(1);
    Some((periods, periods as f64 / all as f64))
}

fn waits(measured: &[Sums]) -> String {
    let sum = |pick: fn(&Sums) -> u64| measured.iter().map(pick).fold(0_u64, u64::saturating_add);
    let (window, running, runnable) =
        (sum(|one| one.window_ns), sum(|one| one.running_ns), sum(|one| one.runnable_ns));
    let demand = running.saturating_add(runnable).max(1);
    format!(
        "in {} the threads waited {} for a CPU and ran {}: {:.0} % of their demand",
        duration(window / 1_000_000 * 1_000_000),
        duration(runnable / 1_000_000 * 1_000_000),
        duration(running / 1_000_000 * 1_000_000),
        runnable as f64 * 100.0 / demand as f64
    )
}

fn concerned(thread: &ThreadActivity, window_ns: u64, is_always_ready: bool) -> Concerned {
    let share =
        |known: &Known<u64>| known.value().map_or(0.0, |ns| *ns as f64 * 100.0 / window_ns.max(1) as f64);
    Concerned {
        who: format!("thread {} {}", thread.tid, thread.name),
        does: match is_always_ready {
            true => format!("running {:.0} %, ready at every look", share(&thread.running_ns)),
            false => {
                format!(
                    "running {:.0} %, ready and waiting {:.0} %",
                    share(&thread.running_ns),
                    share(&thread.runnable_ns)
                )
            }
        },
        threads: vec![thread.tid],
        ..Concerned::default()
    }
}

//! Two readings of every thread with a window in between, in which the runtimes' counters are followed.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rgops_capture::agent_threads::is_agent_thread;
use rgops_capture::procfs::cgroup::Group;
use rgops_capture::procfs::process::{self, DESCRIPTORS, LIMITS, STAT, Stat, UPTIME};
use rgops_capture::procfs::threads::{self, Schedstat, Switches};
use rgops_capture::procfs::{cpus, known, missing, unexpected};
use rgops_protocol::reply::stats::{
    AgentStats, RuntimeStats, RuntimeTotals, StatsReply, TaskStates, ThreadActivity, ThreadsInState,
};
use rgops_protocol::reply::{End, Known, Note, NoteKind};
#[cfg(native_engine)]
use rgops_protocol::request::Command;
use rgops_protocol::request::StatsRequest;
use tokio::runtime::RuntimeFlavor;

use crate::busy::BusyMeter;
use crate::collect::{Context, Finish, Sink, Stop};
use crate::runtimes::Watched;

/// Bounds of the window. Below, the resolution of schedstat is visible; above, the command seems to hang.
const WINDOW_MS: std::ops::RangeInclusive<u32> = 20..=2000;
/// Time between two readings of the runtimes' counters, see [`crate::busy`].
const MAX_INTERVAL: Duration = Duration::from_millis(20);
/// Threads read before other connections may run: about 1 ms.
const THREADS_AT_ONCE: usize = 64;

pub(crate) async fn collect(
    arguments: StatsRequest,
    context: &Arc<Context>,
    sink: &Sink,
    finish: &mut Finish,
) -> Result<End, Stop> {
    let (reply, end) = reply(&arguments, context, sink, finish).await;
    sink.data(&reply).await?;
    Ok(end)
}

/// The answer, and what it lacks.
async fn reply(
    arguments: &StatsRequest,
    context: &Context,
    sink: &Sink,
    finish: &mut Finish,
) -> (StatsReply, End) {
    let window =
        Duration::from_millis(arguments.window_ms.clamp(*WINDOW_MS.start(), *WINDOW_MS.end()).into());
    let before = first_reading().await;
    let followed = Followed::follow(context, window, finish).await;
    let census = census(&before).await;
    let window = followed.window;
    // Listing tasks may be slow, so it comes last: the window has ended and everything in it was read.
    let (runtimes, totals) = followed.runtimes(context).await;

    let stat = Stat::read(STAT);
    let of_stat = |pick: fn(&Stat) -> u64| match &stat {
        Ok(stat) => Known::Value(pick(stat)),
        Err(error) => Known::Unavailable(missing(STAT, error)),
    };
    let (cpu_quota_milli, throttled_periods) = cpu_group();
    let reply = StatsReply {
        uptime_ns: match &stat {
            Ok(stat) => known(UPTIME, process::uptime_ns(stat)),
            Err(error) => Known::Unavailable(missing(STAT, error)),
        },
        user_cpu_ns: of_stat(|stat| stat.user_ns),
        system_cpu_ns: of_stat(|stat| stat.system_ns),
        cpus_online: known(cpus::ONLINE, cpus::online()),
        cpus_allowed: known(cpus::ALLOWED, cpus::allowed()),
        cpu_quota_milli,
        throttled_periods,
        threads: census.states,
        descriptors: known(DESCRIPTORS, process::descriptors()),
        descriptors_limit: match known(LIMITS, process::descriptors_limit()) {
            Known::Value(Some(limit)) => Known::Value(limit),
            Known::Value(None) => Known::unavailable("no limit", ""),
            Known::Unavailable(missing) => Known::Unavailable(missing),
        },
        voluntary_switches: census.switches.clone().map(|switches| switches.voluntary),
        involuntary_switches: census.switches.map(|switches| switches.involuntary),
        window_ns: nanoseconds(window),
        runtimes,
        thread_activity: census.activity,
        agent: agent(context, sink),
        totals: sink.tail(totals),
    };
    (reply, End { notes: census.notes })
}

/// The CPU times of every thread at the start of the window.
async fn first_reading() -> BTreeMap<u32, Schedstat> {
    let (ids, _) = threads::ids().unwrap_or_default();
    let mut readings = BTreeMap::new();
    for chunk in ids.chunks(THREADS_AT_ONCE) {
        readings.extend(chunk.iter().filter_map(|tid| Some((*tid, threads::schedstat(*tid).ok()?))));
        tokio::task::yield_now().await;
    }
    readings
}

/// The watched runtimes and their counters over the window.
struct Followed {
    runtimes: Vec<(Watched, BusyMeter)>,
    /// From the first reading of the counters to the last. Busy times are shares of this time.
    window: Duration,
}

impl Followed {
    async fn follow(context: &Context, window: Duration, finish: &mut Finish) -> Followed {
        let (began, end) = (Instant::now(), tokio::time::Instant::now() + window);
        let interval = MAX_INTERVAL.min(window / 4);
        let with_meter = |runtime: Watched| {
            let meter = BusyMeter::new_at(began, &runtime.handle);
            (runtime, meter)
        };
        let mut runtimes: Vec<_> = context.runtimes.list().into_iter().map(with_meter).collect();
        let mut last = began;
        while tokio::time::Instant::now() < end && !finish.is_requested() {
            let next =
                if runtimes.is_empty() { end } else { end.min(tokio::time::Instant::now() + interval) };
            // The deadline or the request to finish, whichever is first.
            let _ = tokio::time::timeout_at(next, finish.requested()).await;
            last = Instant::now();
            runtimes.iter_mut().for_each(|(_, meter)| meter.read_at(last));
        }
        Followed { runtimes, window: last - began }
    }

    async fn runtimes(self, context: &Context) -> (Vec<RuntimeStats>, Vec<RuntimeTotals>) {
        let mut runtimes = Vec::with_capacity(self.runtimes.len());
        let mut totals = Vec::with_capacity(self.runtimes.len());
        for (runtime, meter) in self.runtimes {
            let is_shut_down = meter.is_shut_down();
            totals.push(if is_shut_down { RuntimeTotals::default() } else { meter.totals() });
            runtimes.push(RuntimeStats {
                // Before the agent's own tasks are spawned on it.
                alive_tasks: runtime.alive_tasks(),
                global_queue: runtime.global_queue(),
                tasks: tasks(&runtime, context).await,
                flavor: flavor(&runtime.handle.runtime_flavor()),
                workers: if is_shut_down { Vec::new() } else { meter.workers() },
                name: runtime.name,
            });
        }
        (runtimes, totals)
    }
}

/// The runtime's tasks by state.
#[cfg(native_engine)]
async fn tasks(runtime: &Watched, context: &Context) -> Known<TaskStates> {
    /// Walking this many tasks takes about 50 ms.
    const MAX_TASKS: u64 = 200_000;
    if context.policy.is_denied(Command::Tasks) {
        return Known::unavailable("the program's author denied tasks", "");
    }
    if runtime.alive_tasks() > MAX_TASKS {
        return Known::unavailable(
            format!("more than {MAX_TASKS} tasks, too many for stats to walk"),
            "run: rgops tasks PID",
        );
    }
    match crate::tasks::list::states(runtime).await {
        Ok(states) => Known::Value(states),
        Err(unavailable) => Known::Unavailable(unavailable),
    }
}

#[cfg(not(native_engine))]
async fn tasks(_runtime: &Watched, _context: &Context) -> Known<TaskStates> {
    Known::unavailable("tasks are listed only on x86_64 and aarch64", "")
}

fn flavor(flavor: &RuntimeFlavor) -> String {
    match flavor {
        RuntimeFlavor::CurrentThread => "current_thread".to_owned(),
        RuntimeFlavor::MultiThread => "multi_thread".to_owned(),
        other => format!("{other:?}"),
    }
}

/// All threads at the end of the window.
struct Census {
    states: Known<Vec<ThreadsInState>>,
    switches: Known<Switches>,
    activity: Vec<ThreadActivity>,
    notes: Vec<Note>,
}

async fn census(before: &BTreeMap<u32, Schedstat>) -> Census {
    let (ids, found) = match threads::ids() {
        Ok(ids) => ids,
        Err(error) => {
            let missing = missing("/proc/self/task", &error);
            let (states, switches) = (Known::Unavailable(missing.clone()), Known::Unavailable(missing));
            return Census { states, switches, activity: Vec::new(), notes: Vec::new() };
        }
    };
    let mut activity = Vec::with_capacity(ids.len());
    let mut states = BTreeMap::<char, u32>::new();
    let mut switches = Switches { voluntary: 0, involuntary: 0 };
    let mut switches_error = None;
    for chunk in ids.chunks(THREADS_AT_ONCE) {
        for tid in chunk {
            // A thread that ended meanwhile is not counted.
            let Ok(stat) = threads::stat(*tid) else { continue };
            *states.entry(stat.state).or_default() += 1;
            match threads::switches(*tid) {
                Ok(more) => {
                    switches.voluntary += more.voluntary;
                    switches.involuntary += more.involuntary;
                }
                Err(error) if ended(&error) => {}
                Err(error) => switches_error = Some(error),
            }
            activity.push(thread_activity(*tid, stat, before.get(tid)));
        }
        tokio::task::yield_now().await;
    }
    let mut notes = Vec::new();
    if found > ids.len() {
        notes.push(Note {
            kind: NoteKind::Truncated,
            what: "threads".to_owned(),
            count: (found - ids.len()) as u64,
            why: format!("at most {} threads are read, those with the lowest ids", threads::MAX_THREADS),
        });
    }
    Census {
        states: Known::Value(
            states.into_iter().map(|(state, count)| ThreadsInState { state, count }).collect(),
        ),
        switches: match switches_error {
            None => Known::Value(switches),
            Some(error) => Known::Unavailable(missing("/proc/self/task/*/status", &error)),
        },
        activity,
        notes,
    }
}

/// `ESRCH`: the thread ended after its file was opened.
fn ended(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(libc::ESRCH)
}

fn thread_activity(tid: u32, stat: Stat, before: Option<&Schedstat>) -> ThreadActivity {
    let (running_ns, runnable_ns) = match threads::schedstat(tid) {
        Ok(now) => {
            // A thread that started in the window had no CPU time before.
            let before = before.copied().unwrap_or(Schedstat { running_ns: 0, runnable_ns: 0 });
            (
                Known::Value(now.running_ns.saturating_sub(before.running_ns)),
                Known::Value(now.runnable_ns.saturating_sub(before.runnable_ns)),
            )
        }
        // The text is short because it may be repeated for thousands of threads.
        Err(_) => (Known::unavailable("no schedstat", ""), Known::unavailable("no schedstat", "")),
    };
    let is_agent = is_agent_thread(&stat.name);
    ThreadActivity { tid, name: stat.name, state: stat.state, running_ns, runnable_ns, is_agent }
}

fn cpu_group() -> (Known<Option<u64>>, Known<u64>) {
    const WHAT: &str = "the cpu cgroup";
    match Group::of("cpu") {
        Ok(group) => {
            let cpu = group.cpu();
            (known(WHAT, cpu.quota_milli), known(WHAT, cpu.throttled_periods))
        }
        Err(error) => (Known::Unavailable(missing(WHAT, &error)), Known::Unavailable(missing(WHAT, &error))),
    }
}

fn agent(context: &Context, sink: &Sink) -> AgentStats {
    let counters = &context.counters;
    let own = threads::own_id().and_then(|tid| match threads::schedstat(tid) {
        Ok(schedstat) => Ok(schedstat.running_ns),
        Err(_) => threads::stat(tid).map(|stat| stat.user_ns + stat.system_ns),
    });
    AgentStats {
        uptime_ns: nanoseconds(context.started.elapsed()),
        address: context.address.clone(),
        connections: counters.connections.value(),
        open_connections: counters.open_connections.load(Ordering::Relaxed),
        requests: counters.requests.value(),
        refused_users: counters.refused_users.value(),
        refused_tokens: counters.refused_tokens.value(),
        refused_limits: counters.refused_limits.value(),
        malformed: counters.malformed.value(),
        busy: counters.busy.value(),
        cancelled: counters.cancelled.value(),
        dropped: counters.dropped.value(),
        cpu_ns: known(
            "the agent thread's schedstat",
            own.and_then(|ns| if ns > 0 { Ok(ns) } else { Err(unexpected("time")) }),
        ),
        sent_bytes: counters.sent_bytes.value(),
        denied: sink.tail(counters.denied.value()),
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;

    fn sink() -> Sink {
        Sink::new(tokio::sync::mpsc::channel(1).0, rgops_protocol::PROTOCOL_VERSION)
    }

    #[tokio::test]
    async fn the_running_time_of_a_spinning_thread_is_that_of_its_clock_and_the_states_add_up() {
        let stop = Arc::new(AtomicBool::new(false));
        let (send_tid, tid) = std::sync::mpsc::channel();
        let spinner = std::thread::Builder::new().name("spinner".into()).spawn({
            let stop = stop.clone();
            move || {
                send_tid.send(rgops_capture::procfs::threads::own_id().unwrap()).unwrap();
                while !stop.load(Ordering::Relaxed) {}
            }
        });
        let tid = tid.recv().unwrap();
        let ran_ns = || {
            let text = std::fs::read_to_string(format!("/proc/self/task/{tid}/schedstat")).unwrap();
            text.split(' ').next().unwrap().parse::<u64>().unwrap()
        };
        let context = Context::for_tests();
        context.runtimes.add(&tokio::runtime::Handle::current(), "main");
        let (_request, finish) = tokio::sync::watch::channel(false);
        let mut window_ms = 200;
        // The window grows until the machine has given the thread 100 ms of CPU time in it.
        let (stats, end, most_ns) = loop {
            let before = ran_ns();
            let request = StatsRequest { window_ms };
            let (stats, end) = reply(&request, &context, &sink(), &mut Finish::new(finish.clone())).await;
            let most_ns = ran_ns() - before;
            if most_ns > 100_000_000 {
                break (stats, end, most_ns);
            }
            window_ms = (window_ms * 2).min(10_000);
        };
        stop.store(true, Ordering::Relaxed);
        spinner.unwrap().join().unwrap();

        assert!(end.notes.is_empty());
        let spinner = stats.thread_activity.iter().find(|thread| thread.name == "spinner").unwrap();
        let running = *spinner.running_ns.value().unwrap();
        assert!((1..=most_ns).contains(&running), "{running} of {most_ns} ns by the thread's own clock");
        let counted: u32 = stats.threads.value().unwrap().iter().map(|state| state.count).sum();
        assert_eq!(counted as usize, stats.thread_activity.len());
        assert!(stats.uptime_ns.value().is_some() && stats.cpu_quota_milli.value().is_some());
        assert!(stats.voluntary_switches.value().unwrap() > &0);
        assert!(stats.descriptors.value().unwrap() > &2);
        assert_eq!(stats.runtimes[0].flavor, "current_thread");
        assert_eq!(stats.runtimes[0].workers.len(), 1);
        let totals = stats.totals.value().unwrap();
        assert!(totals[0].workers[0].parks >= stats.runtimes[0].workers[0].parks);
        assert_eq!((totals.len(), totals[0].workers.len()), (1, 1));
    }

    #[tokio::test]
    async fn the_window_is_bounded_and_ends_early_on_request() {
        let context = Context::for_tests();
        let (request, finish) = tokio::sync::watch::channel(false);
        let mut finish = Finish::new(finish);
        let (stats, _) = reply(&StatsRequest { window_ms: 0 }, &context, &sink(), &mut finish).await;
        assert!(stats.window_ns >= 20_000_000);
        request.send(true).unwrap();
        let (stats, _) = reply(&StatsRequest { window_ms: u32::MAX }, &context, &sink(), &mut finish).await;
        assert!(stats.window_ns < 60_000_000_000, "{} ns of 49 days", stats.window_ns);
    }
}

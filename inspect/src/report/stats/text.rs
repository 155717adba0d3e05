//! The answer of `rgops stats` as text.

use std::fmt::Write as _;

use rgops_protocol::reply::Known;
use rgops_protocol::reply::stats::{RuntimeStats, StatsReply, ThreadActivity};

use crate::text::known::{NO_LIMIT, show, unavailable};
use crate::text::{counted, duration, escape, few_left, width};

/// Maximum threads in the table unless all are requested.
const TOP_THREADS: usize = 10;

/// The answer as text: the process, its runtimes with stuck workers, the busiest threads and the cost of the agent.
/// With `all`, every thread is listed. `target` is the target as the user typed it, for the suggested next command.
pub fn render(reply: &StatsReply, target: &str, all: bool) -> String {
    let mut text = String::new();
    let open = (reply.descriptors.value(), reply.descriptors_limit.value());
    if let (Some(open), Some(limit)) = open
        && let Some(few) = few_left(*open, *limit)
    {
        let _ = writeln!(text, "{few}");
    }
    process(&mut text, reply);
    runtimes(&mut text, reply, target);
    threads(&mut text, reply, all);
    agent(&mut text, reply);
    text
}

// Below, `let _ = writeln!`: writing to a string cannot fail.

fn process(text: &mut String, reply: &StatsReply) {
    let _ = writeln!(text, "uptime: {}", show(&reply.uptime_ns, |ns| duration(*ns)));
    let _ = writeln!(text, "cpu time: {}", cpu_time(reply));
    let _ = writeln!(text, "num CPU: {}", cpus(reply));
    let quota = show(&reply.cpu_quota_milli, |quota| match quota {
        None => "none".to_owned(),
        Some(milli) => {
            let throttled = show(&reply.throttled_periods, |periods| counted(*periods, "period"));
            format!("{:.2} CPUs, throttled in {throttled}", *milli as f64 / 1e3)
        }
    });
    let _ = writeln!(text, "cpu quota: {quota}");
    let _ = writeln!(
        text,
        "OS threads: {}",
        show(&reply.threads, |states| {
            let total: u64 = states.iter().map(|state| u64::from(state.count)).sum();
            let states: Vec<String> =
                states.iter().map(|state| format!("{} {}", state.count, state_name(state.state))).collect();
            format!("{total} ({})", states.join(", "))
        })
    );
    let limit = match &reply.descriptors_limit {
        Known::Unavailable(missing) if missing.reason == NO_LIMIT => "any number".to_owned(),
        limit => show(limit, u64::to_string),
    };
    let _ = writeln!(text, "open files: {}", show(&reply.descriptors, |open| format!("{open} of {limit}")));
    let involuntary = show(&reply.involuntary_switches, u64::to_string);
    let _ = writeln!(
        text,
        "context switches: {}",
        show(&reply.voluntary_switches, |voluntary| {
            format!("{voluntary} voluntary, {involuntary} involuntary")
        })
    );
}

fn cpu_time(reply: &StatsReply) -> String {
    let (user, system) = match (&reply.user_cpu_ns, &reply.system_cpu_ns) {
        (Known::Value(user), Known::Value(system)) => (*user, *system),
        (Known::Unavailable(missing), _) | (_, Known::Unavailable(missing)) => return unavailable(missing),
    };
    let total = user.saturating_add(system);
    let mut text = format!("{} (user {}, system {})", duration(total), duration(user), duration(system));
    if let Some(uptime) = reply.uptime_ns.value().filter(|uptime| **uptime > 0) {
        let _ = write!(text, ", {:.1}% of one CPU since start", total as f64 * 100.0 / *uptime as f64);
    }
    text
}

fn cpus(reply: &StatsReply) -> String {
    let online = show(&reply.cpus_online, u32::to_string);
    show(&reply.cpus_allowed, |allowed| match reply.cpus_online.value() == Some(allowed) {
        true => allowed.to_string(),
        false => format!("{allowed} of {online}"),
    })
}

fn state_name(state: char) -> String {
    match state {
        'R' => "running".to_owned(),
        'S' => "sleeping".to_owned(),
        'D' => "in uninterruptible wait".to_owned(),
        'T' => "stopped".to_owned(),
        't' => "stopped by a debugger".to_owned(),
        'Z' => "zombie".to_owned(),
        'X' => "dead".to_owned(),
        'I' => "idle".to_owned(),
        other => format!("in state {}", escape(&other.to_string())),
    }
}

fn runtimes(text: &mut String, reply: &StatsReply, target: &str) {
    let _ = writeln!(text);
    if reply.runtimes.is_empty() {
        let _ = writeln!(
            text,
            "no Tokio runtime is watched (where the program has one: call rgops_agent::listen inside it, or Agent::watch(&handle, \"name\"))"
        );
    }
    for runtime in &reply.runtimes {
        let _ = writeln!(text, "{}", runtime_line(runtime, reply.window_ns));
        if let Some(tasks) = tasks_by_state(runtime) {
            let _ = writeln!(text, "  tasks: {tasks}");
        }
        let stuck: Vec<String> =
            stuck_workers(runtime, reply.window_ns).map(|index| index.to_string()).collect();
        if !stuck.is_empty() {
            let _ = writeln!(
                text,
                "  {} {} never parked in {} (to see what runs there: rgops stack {})",
                if stuck.len() == 1 { "worker" } else { "workers" },
                stuck.join(", "),
                duration(reply.window_ns),
                escape(target)
            );
        }
        if let Some(missing) = runtime.workers.iter().find_map(|worker| match &worker.busy_ns {
            Known::Unavailable(missing) => Some(missing),
            Known::Value(_) => None,
        }) {
            let _ = writeln!(text, "  busy ?: {}", unavailable(missing));
        }
    }
}

/// Its tasks by state; `None` for a runtime without tasks.
fn tasks_by_state(runtime: &RuntimeStats) -> Option<String> {
    if runtime.workers.is_empty() {
        return None;
    }
    let states = match &runtime.tasks {
        Known::Value(states) => states,
        Known::Unavailable(missing) => return Some(unavailable(missing)),
    };
    let counts = [
        (states.running, "running"),
        (states.scheduled, "scheduled"),
        (states.idle, "idle"),
        (states.complete, "complete"),
    ];
    let counts: Vec<String> = counts
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, state)| format!("{count} {state}"))
        .collect();
    (!counts.is_empty()).then(|| counts.join(", "))
}

fn runtime_line(runtime: &RuntimeStats, window_ns: u64) -> String {
    let (name, flavor) = (escape(&runtime.name), escape(&runtime.flavor));
    if runtime.workers.is_empty() {
        return format!("runtime {name} ({flavor}): shut down");
    }
    let parked = runtime.workers.iter().filter(|worker| worker.parked).count();
    let busy: Vec<String> = runtime
        .workers
        .iter()
        .map(|worker| match &worker.busy_ns {
            Known::Value(busy) => percent(*busy, window_ns),
            Known::Unavailable(_) => "?".to_owned(),
        })
        .collect();
    format!(
        "runtime {name} ({flavor}): {}, {parked} parked, {}, global queue {}, busy [ {} ]",
        counted(runtime.workers.len() as u64, "worker"),
        counted(runtime.alive_tasks, "task"),
        runtime.global_queue,
        busy.join(" "),
    )
}

/// Workers that were busy for the whole window and never parked.
fn stuck_workers(runtime: &RuntimeStats, window_ns: u64) -> impl Iterator<Item = usize> {
    runtime.workers.iter().enumerate().filter_map(move |(index, worker)| {
        let all_the_time = worker.busy_ns.value().is_some_and(|busy| *busy >= window_ns / 100 * 99);
        (!worker.parked && worker.parks == 0 && all_the_time && window_ns > 0).then_some(index)
    })
}

/// A share as a whole percentage; `<1%` for a share that would round to 0.
fn percent(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "-".to_owned();
    }
    match part as f64 * 100.0 / whole as f64 {
        0.0 => "0%".to_owned(),
        share if share < 0.5 => "<1%".to_owned(),
        share => format!("{share:.0}%"),
    }
}

/// Time on a CPU plus time waiting for a CPU.
fn demand(thread: &ThreadActivity) -> u64 {
    let time = |known: &Known<u64>| known.value().copied().unwrap_or(0);
    time(&thread.running_ns).saturating_add(time(&thread.runnable_ns))
}

fn threads(text: &mut String, reply: &StatsReply, all: bool) {
    let mut threads: Vec<&ThreadActivity> = reply.thread_activity.iter().collect();
    threads.sort_by_key(|thread| (std::cmp::Reverse(demand(thread)), thread.tid));
    let active = threads.iter().filter(|thread| demand(thread) > 0).count();
    let shown = if all { threads.len() } else { active.min(TOP_THREADS) };
    let window = duration(reply.window_ns);
    let _ = writeln!(text);
    if shown == 0 {
        let _ = writeln!(text, "no thread used a CPU in {window}");
        return;
    }
    let names: Vec<_> = threads[..shown].iter().map(|thread| escape(&thread.name)).collect();
    let width = width(names.iter().map(AsRef::as_ref)).max("thread".len());
    let _ = writeln!(text, "{:>8}  {:<width$}  {:>7}  {:>8}  state", "tid", "thread", "running", "runnable");
    for (thread, name) in threads.iter().zip(&names) {
        let share = |known: &Known<u64>| match known {
            Known::Value(ns) => percent(*ns, reply.window_ns),
            Known::Unavailable(_) => "?".to_owned(),
        };
        let _ = writeln!(
            text,
            "{:>8}  {:<width$}  {:>7}  {:>8}  {}{}",
            thread.tid,
            name,
            share(&thread.running_ns),
            share(&thread.runnable_ns),
            state_name(thread.state),
            if thread.is_agent { " (the agent)" } else { "" },
        );
    }
    let rest = threads.len() - shown;
    if rest > 0 {
        let used = active.saturating_sub(shown);
        let what = if used > 0 { format!("{used} of them used a CPU") } else { "none used a CPU".to_owned() };
        let _ = writeln!(
            text,
            "{:>8}  and {} in {window}, {what} (--all lists them)",
            "",
            counted(rest as u64, "more thread")
        );
    }
}

fn agent(text: &mut String, reply: &StatsReply) {
    let agent = &reply.agent;
    let _ = writeln!(text);
    let _ = writeln!(
        text,
        "agent: {}, up {}, cpu {}, {}, {} open now",
        escape(&agent.address),
        duration(agent.uptime_ns),
        show(&agent.cpu_ns, |ns| duration(*ns)),
        counted(agent.requests, "request"),
        counted(agent.open_connections, "connection"),
    );
    let _ = writeln!(
        text,
        "agent refused: {} other users, {} tokens, {} limits, {} malformed, {} busy; cancelled {}; dropped {}",
        agent.refused_users,
        agent.refused_tokens,
        agent.refused_limits,
        agent.malformed,
        agent.busy,
        agent.cancelled,
        agent.dropped,
    );
}

//! The answer of `rgops stats` as text.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use rgops_protocol::reply::Known;
use rgops_protocol::reply::stats::{RuntimeStats, StatsReply, ThreadActivity};

use super::groups::{ActivityGroup, activity_groups, demand_ns};
use crate::text::known::{NO_LIMIT, show, unavailable};
use crate::text::{counted, duration, escape, few_left, width};

/// Maximum lines in the table of threads unless all are requested.
const TOP_LINES: usize = 10;
/// A program with more threads has them grouped by name.
const FEW_THREADS: usize = 24;

/// The answer as text: the process, its runtimes with stuck workers, the busiest threads and the cost of the agent.
/// Many threads are grouped by name; with `all`, every thread is listed. `target` is the target as the user typed it, for the suggested next command.
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

/// A line of the table of threads.
struct Line {
    /// Empty for several threads.
    tid: String,
    name: String,
    running: String,
    runnable: String,
    state: String,
}

fn threads(text: &mut String, reply: &StatsReply, all: bool) {
    let threads = reply.thread_activity.as_slice();
    let is_active = |thread: &&ThreadActivity| demand_ns(thread) > 0;
    let active = threads.iter().filter(is_active).count();
    let window = duration(reply.window_ns);
    let _ = writeln!(text);
    let (lines, listed) = match all || threads.len() <= FEW_THREADS {
        true => each(reply, all),
        false => grouped(reply),
    };
    if lines.is_empty() {
        let _ = writeln!(text, "no thread used a CPU in {window}");
        return;
    }
    let width = width(lines.iter().map(|line| line.name.as_str())).max("thread".len());
    let _ = writeln!(text, "{:>8}  {:<width$}  {:>7}  {:>8}  state", "tid", "thread", "running", "runnable");
    for Line { tid, name, running, runnable, state } in &lines {
        let _ = writeln!(text, "{tid:>8}  {name:<width$}  {running:>7}  {runnable:>8}  {state}");
    }
    let rest = threads.len() - listed.len();
    if rest > 0 {
        let used = active.saturating_sub(listed.iter().filter(|thread| is_active(thread)).count());
        let what = if used > 0 { format!("{used} of them used a CPU") } else { "none used a CPU".to_owned() };
        let _ = writeln!(
            text,
            "{:>8}  and {} in {window}, {what} (--all lists them)",
            "",
            counted(rest as u64, "more thread")
        );
    } else if listed.len() > lines.len() {
        let _ = writeln!(text, "{:>8}  --all lists each of the {} threads", "", listed.len());
    }
}

/// A line for each thread: all, or the busiest.
fn each(reply: &StatsReply, all: bool) -> (Vec<Line>, Vec<&ThreadActivity>) {
    let mut threads: Vec<&ThreadActivity> = reply.thread_activity.iter().collect();
    threads.sort_by_key(|thread| (std::cmp::Reverse(demand_ns(thread)), thread.tid));
    if !all {
        threads.retain(|thread| demand_ns(thread) > 0);
        threads.truncate(TOP_LINES);
    }
    (threads.iter().map(|thread| of_thread(thread, reply.window_ns)).collect(), threads)
}

/// A line for each group of threads with one name, the busiest groups first, then the largest.
fn grouped(reply: &StatsReply) -> (Vec<Line>, Vec<&ThreadActivity>) {
    let mut groups = activity_groups(&reply.thread_activity);
    groups.truncate(TOP_LINES);
    let line = |group: &ActivityGroup<'_>| match group.threads.as_slice() {
        [one] => of_thread(one, reply.window_ns),
        threads => Line {
            tid: String::new(),
            name: format!("{} ×{}", escape(&group.name), threads.len()),
            running: share(&group.running_ns, reply.window_ns),
            runnable: share(&group.runnable_ns, reply.window_ns),
            state: states(threads),
        },
    };
    let lines = groups.iter().map(line).collect();
    (lines, groups.into_iter().flat_map(|group| group.threads).collect())
}

fn of_thread(thread: &ThreadActivity, window_ns: u64) -> Line {
    Line {
        tid: thread.tid.to_string(),
        name: escape(&thread.name).into_owned(),
        running: share(&thread.running_ns, window_ns),
        runnable: share(&thread.runnable_ns, window_ns),
        state: format!("{}{}", state_name(thread.state), of_agent(thread)),
    }
}

/// `3 running, 487 sleeping`.
fn states(threads: &[&ThreadActivity]) -> String {
    let mut counts: BTreeMap<char, usize> = BTreeMap::new();
    for thread in threads {
        *counts.entry(thread.state).or_default() += 1;
    }
    let states: Vec<String> =
        counts.iter().map(|(state, count)| format!("{count} {}", state_name(*state))).collect();
    states.join(", ") + threads.first().map_or("", |thread| of_agent(thread))
}

fn of_agent(thread: &ThreadActivity) -> &'static str {
    if thread.is_agent { " (the agent)" } else { "" }
}

fn share(known: &Known<u64>, window_ns: u64) -> String {
    known.value().map_or_else(|| "?".to_owned(), |ns| percent(*ns, window_ns))
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
    // Agents of protocol 1 do not tell.
    let denied = agent
        .denied
        .value()
        .map_or(String::new(), |count| format!(", {}", counted(*count, "denied command")));
    let _ = writeln!(
        text,
        "agent refused: {} other users, {} tokens, {} limits, {} malformed, {} busy{denied}; cancelled {}; dropped {}",
        agent.refused_users,
        agent.refused_tokens,
        agent.refused_limits,
        agent.malformed,
        agent.busy,
        agent.cancelled,
        agent.dropped,
    );
}

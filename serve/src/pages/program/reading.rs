//! The numbers of one program at one time, of the documents of `stats` and `memstats`.

use serde::{Deserialize, Serialize};

use crate::pages::live::Known;

/// The part of `rgops.stats/1` that is shown.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Stats {
    pub(super) uptime_ns: Known,
    user_cpu_ns: Known,
    system_cpu_ns: Known,
    cpus_allowed: Known,
    descriptors: Known,
    descriptors_limit: Known,
    window_ns: f64,
    runtimes: Vec<Runtime>,
    threads: Vec<Thread>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Runtime {
    alive_tasks: f64,
    global_queue: f64,
    tasks_by_state: States,
    workers: Vec<Worker>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum States {
    Known { scheduled: f64 },
    Missing(serde::de::IgnoredAny),
}

impl Default for States {
    fn default() -> States {
        States::Missing(serde::de::IgnoredAny)
    }
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Worker {
    busy_ns: Known,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Thread {
    running_ns: Known,
}

/// The part of `rgops.memstats/1` that is shown.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Memory {
    explained: Option<Explained>,
    sections: Vec<Section>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Explained {
    rss_bytes: f64,
    parts: Vec<MemoryPart>,
}

#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(default)]
pub(super) struct MemoryPart {
    name: String,
    bytes: Known,
    what: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Section {
    name: String,
    fields: Vec<Field>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Field {
    name: String,
    value: Known,
}

/// What the charts get. Values are numbers, or objects that say why there is none.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Reading {
    /// Milliseconds since the sampler began.
    pub(super) at_ms: u64,
    /// Seconds since the process started.
    uptime_s: Known,
    /// CPU time per time, in percent of a CPU.
    cpu: Known,
    /// CPUs that the program may use.
    cpus: Known,
    /// Busy time of workers per time, in percent of all workers.
    busy: Known,
    /// Workers of all runtimes.
    workers: usize,
    /// Tasks that are not complete.
    tasks: Known,
    /// Tasks that wait to be polled.
    queue: Known,
    /// Open descriptors.
    descriptors: Known,
    /// How many may be open.
    descriptors_limit: Known,
    /// Calls of the allocator a second.
    allocations: Known,
    /// Resident memory in bytes.
    rss: Known,
    /// Its parts, which add up to it.
    parts: Vec<MemoryPart>,
    threads: usize,
}

/// Counters, to make rates of two readings.
#[derive(Debug, Clone, Copy)]
pub(super) struct Counters {
    at_s: f64,
    cpu_ns: Option<f64>,
    allocations: Option<f64>,
}

impl Reading {
    /// A reading at a time, in seconds, and its counters for the next one.
    pub(super) fn new(
        at_s: f64,
        stats: &Stats,
        memory: Result<&Memory, &str>,
        before: Option<Counters>,
    ) -> (Reading, Counters) {
        let cpu_ns =
            stats.user_cpu_ns.value().zip(stats.system_cpu_ns.value()).map(|(user, system)| user + system);
        let allocations = memory.map_or_else(|why| Known::missing(why, ""), allocations);
        let counters = Counters { at_s, cpu_ns, allocations: allocations.value() };
        let elapsed = |before: &Counters| (at_s - before.at_s).max(0.001);
        let in_window = stats.threads.iter().filter_map(|thread| thread.running_ns.value()).sum::<f64>();
        let cpu = match (cpu_ns, before.as_ref().and_then(|before| Some((before, before.cpu_ns?)))) {
            (Some(now), Some((before, then))) => Known::Value((now - then).max(0.0) / elapsed(before) / 1e7),
            (Some(_), None) => Known::Value(in_window / stats.window_ns.max(1.0) * 100.0),
            (None, _) => stats.user_cpu_ns.clone(),
        };
        let allocations = match before.as_ref().and_then(|before| Some((before, before.allocations?))) {
            Some((before, then)) => allocations.map(|now| (now - then).max(0.0) / elapsed(before)),
            None if allocations.value().is_some() => {
                Known::missing("it is measured from the second look on", "wait")
            }
            None => allocations,
        };
        let explained = memory.ok().and_then(|memory| memory.explained.clone());
        let rss = match (&explained, memory) {
            (Some(explained), _) => Known::Value(explained.rss_bytes),
            (None, Err(why)) => Known::missing(why, ""),
            (None, Ok(_)) => Known::missing("the agent cannot read it", "see rgops memstats"),
        };
        let reading = Reading {
            at_ms: (at_s * 1e3) as u64,
            uptime_s: stats.uptime_ns.clone().map(|ns| ns / 1e9),
            cpu,
            cpus: stats.cpus_allowed.clone(),
            busy: stats.busy(),
            workers: stats.runtimes.iter().map(|runtime| runtime.workers.len()).sum(),
            tasks: stats.of_runtimes(|runtime| runtime.alive_tasks),
            queue: stats.of_runtimes(Runtime::queued),
            descriptors: stats.descriptors.clone(),
            descriptors_limit: stats.descriptors_limit.clone(),
            allocations,
            rss,
            parts: explained.map(|explained| explained.parts).unwrap_or_default(),
            threads: stats.threads.len(),
        };
        (reading, counters)
    }
}

impl Stats {
    fn of_runtimes(&self, value: impl Fn(&Runtime) -> f64) -> Known {
        match self.runtimes.is_empty() {
            true => Known::missing(
                "no watched Tokio runtime",
                "start the agent inside of the runtime, or call Agent::watch",
            ),
            false => Known::Value(self.runtimes.iter().map(value).sum()),
        }
    }

    /// The share of the workers' time in which they were busy, in percent.
    fn busy(&self) -> Known {
        let workers: Vec<&Worker> = self.runtimes.iter().flat_map(|runtime| &runtime.workers).collect();
        if workers.is_empty() {
            return self.of_runtimes(|_| 0.0);
        }
        if let Some(missing) = workers.iter().find(|worker| worker.busy_ns.value().is_none()) {
            return missing.busy_ns.clone();
        }
        let busy: f64 = workers.iter().filter_map(|worker| worker.busy_ns.value()).sum();
        Known::Value(busy / (self.window_ns.max(1.0) * workers.len() as f64) * 100.0)
    }
}

impl Runtime {
    /// Tasks that wait to be polled; without a look at the tasks, those of the global queue.
    fn queued(&self) -> f64 {
        match &self.tasks_by_state {
            States::Known { scheduled } => *scheduled,
            States::Missing(_) => self.global_queue,
        }
    }
}

/// Calls of the allocator since the start: of the wrapper, or of the first allocator that counts them.
fn allocations(memory: &Memory) -> Known {
    let mut fields = memory.sections.iter().flat_map(|section| {
        section
            .fields
            .iter()
            .filter(|field| field.name == "mallocs")
            .map(|field| (&section.name, &field.value))
    });
    let found: Vec<_> = fields.by_ref().collect();
    let wrapper = found.iter().find(|(name, value)| *name == "heap" && value.value().is_some());
    let counted = wrapper.or_else(|| found.iter().find(|(_, value)| value.value().is_some()));
    match counted {
        Some((_, value)) => (*value).clone(),
        None => Known::missing(
            "the allocator does not count them",
            "#[global_allocator] static GLOBAL: rgops_agent::alloc::Sampling = … in the program",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stats(cpu_ns: u64) -> Stats {
        serde_json::from_value(serde_json::json!({
            "user_cpu_ns": cpu_ns, "system_cpu_ns": 0, "window_ns": 100, "cpus_allowed": 2,
            "descriptors": {"unavailable": "denied", "fix": "run as root"},
            "runtimes": [{"alive_tasks": 3, "global_queue": 9, "tasks_by_state": {"scheduled": 2},
                "workers": [{"busy_ns": 100}, {"busy_ns": 50}]}],
        }))
        .expect("the shape of the document")
    }

    #[test]
    fn rates_are_of_two_readings_and_what_is_missing_says_why() {
        let (first, counters) = Reading::new(1.0, &stats(1_000_000_000), Err("no answer"), None);
        assert_eq!(first.busy, Known::Value(75.0));
        assert_eq!((first.tasks, first.queue), (Known::Value(3.0), Known::Value(2.0)));
        assert_eq!(first.rss, Known::missing("no answer", ""));
        assert_eq!(first.descriptors.why().as_deref(), Some("unavailable (denied; fix: run as root)"));
        let memory: Memory = serde_json::from_value(serde_json::json!({
            "explained": {"rss_bytes": 10, "parts": []},
            "sections": [{"name": "heap", "fields": [{"name": "mallocs", "value": 7}]}],
        }))
        .expect("the shape of the document");
        let (second, _) = Reading::new(3.0, &stats(2_000_000_000), Ok(&memory), Some(counters));
        assert_eq!(second.cpu, Known::Value(50.0));
        assert_eq!(second.rss, Known::Value(10.0));
        assert_eq!(second.allocations.value(), None);
    }
}

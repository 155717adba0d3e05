//! Every metric, in the order of the answer: the one place where names, types, units, meanings and sources are.
//!
//! A name here has no suffix of its type: `_total` of counters and `_info` are added where samples are written.

/// The type of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Rises until its source starts again.
    Counter,
    /// Rises and falls.
    Gauge,
    /// Always 1; its labels are the information.
    Info,
    /// A gauge whose name has an ending that the formats reserve for histograms.
    Unknown,
}

impl Kind {
    /// What is added to the name of a sample.
    pub(super) fn suffix(self) -> &'static str {
        match self {
            Kind::Counter => "_total",
            Kind::Info => "_info",
            Kind::Gauge | Kind::Unknown => "",
        }
    }
}

/// A row of the table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Definition {
    /// Without the suffix of the type. It ends with the unit.
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// `seconds` or `bytes`; empty for a number of items.
    pub(super) unit: &'static str,
    /// The labels beside `program` and `pid`.
    pub(super) labels: &'static [&'static str],
    /// What it is, for `# HELP`.
    pub(super) help: &'static str,
    /// Where the number is from.
    #[cfg_attr(not(test), expect(dead_code, reason = "for docs/METRICS.md, which a test makes"))]
    pub(super) source: &'static str,
}

macro_rules! metrics {
    ($($id:ident $name:literal $kind:ident $unit:literal [$($label:literal)*] $help:literal from $source:literal;)*) => {
        /// A metric.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub(super) enum Metric { $($id),* }

        impl Metric {
            pub(super) const ALL: &'static [Metric] = &[$(Metric::$id),*];

            pub(super) fn definition(self) -> &'static Definition {
                const TABLE: &[Definition] = &[$(Definition {
                    name: $name,
                    kind: Kind::$kind,
                    unit: $unit,
                    labels: &[$($label),*],
                    help: $help,
                    source: $source,
                }),*];
                // The enum and the table are made of the same rows.
                &TABLE[self as usize]
            }
        }
    };
}

impl Metric {
    /// The name of its samples, which queries use.
    pub(super) fn sample_name(self) -> String {
        let Definition { name, kind, .. } = self.definition();
        format!("{name}{}", kind.suffix())
    }

    /// Whether it is about `rgops serve` and not about a program.
    pub(super) fn is_of_serve(self) -> bool {
        self >= Metric::ServePrograms
    }
}

metrics! {
    Up "rgops_up" Gauge "" [] "Whether the program's agent answered in time." from "the agent's answer";
    Unavailable "rgops_unavailable" Info "" ["metric" "reason"] "A metric without a value, and why." from "the agent's answer";
    AnswerTime "rgops_answer_duration_seconds" Gauge "seconds" [] "Time that the agent took for its last answer." from "rgops serve's clock";
    DroppedSeries "rgops_dropped_series" Gauge "" [] "Series of the program that were left out because there are too many." from "rgops serve";

    ProcessCpu "process_cpu_seconds" Counter "seconds" [] "CPU time of the process, user and system." from "/proc/PID/stat utime + stime";
    ProcessResident "process_resident_memory_bytes" Gauge "bytes" [] "Resident memory." from "/proc/PID/status VmRSS";
    ProcessVirtual "process_virtual_memory_bytes" Gauge "bytes" [] "Virtual memory." from "/proc/PID/status VmSize";
    ProcessOpenFds "process_open_fds" Gauge "" [] "Open file descriptors." from "/proc/PID/fd";
    ProcessMaxFds "process_max_fds" Gauge "" [] "Maximum number of open file descriptors." from "/proc/PID/limits Max open files (soft)";
    ProcessStart "process_start_time_seconds" Gauge "seconds" [] "Start of the process, since the Unix epoch." from "/proc/stat btime + /proc/PID/stat starttime";
    ProcessThreads "process_threads" Gauge "" [] "Threads of the process." from "/proc/PID/task";

    CpuByMode "rgops_process_cpu_seconds" Counter "seconds" ["mode"] "CPU time of the process by mode: user, system." from "/proc/PID/stat utime, stime";
    ThreadsByState "rgops_process_threads" Gauge "" ["state"] "Threads by state letter of proc(5): R running, S sleeping, D in uninterruptible sleep." from "/proc/PID/task/TID/stat state";
    Switches "rgops_process_context_switches" Counter "" ["kind"] "Context switches since rgops serve first asked: voluntary, involuntary. Those of a thread between the last question and its end are not counted." from "/proc/PID/task/TID/status voluntary_ctxt_switches, nonvoluntary_ctxt_switches";
    PageFaults "rgops_process_page_faults" Counter "" ["kind"] "Page faults: minor, major." from "/proc/PID/stat minflt, majflt";
    AllowedCpus "rgops_process_allowed_cpus" Gauge "" [] "CPUs that the process may use." from "sched_getaffinity(2)";
    ResidentPart "rgops_resident_memory_part_bytes" Gauge "bytes" ["part"] "The parts of resident memory, as in rgops memstats; their sum is the resident memory, so not-resident is negative." from "rgops memstats, rss breakdown";
    Releasable "rgops_releasable_memory_bytes" Gauge "bytes" [] "Memory that the allocators could give back at most." from "rgops memstats, rss breakdown";
    ResidentPeak "rgops_resident_memory_peak_bytes" Gauge "bytes" [] "Maximum resident memory since the process started." from "/proc/PID/status VmHWM";
    Proportional "rgops_proportional_memory_bytes" Gauge "bytes" [] "Resident memory, with shared pages divided by the number of processes that share them (PSS)." from "/proc/PID/smaps_rollup Pss";
    Swap "rgops_swapped_memory_bytes" Gauge "bytes" [] "Memory in swap." from "/proc/PID/status VmSwap";

    CgroupQuota "rgops_cgroup_cpu_quota" Gauge "" [] "CPUs that the process's cgroup may use; absent without a limit." from "cpu.max, or cpu.cfs_quota_us";
    CgroupThrottled "rgops_cgroup_throttled_periods" Counter "" [] "Periods in which the cgroup was throttled because its CPU quota was used up." from "cpu.stat nr_throttled";
    CgroupMemory "rgops_cgroup_memory_bytes" Gauge "bytes" [] "Memory of the process's cgroup." from "memory.current, or memory.usage_in_bytes";
    CgroupLimit "rgops_cgroup_memory_limit_bytes" Gauge "bytes" [] "Memory limit of the cgroup or of one around it; absent without a limit." from "memory.max, or memory.limit_in_bytes";
    CgroupHeadroom "rgops_cgroup_memory_headroom_bytes" Gauge "bytes" [] "Memory until the limit is reached; absent without a limit." from "memory.max - memory.current";

    TokioWorkers "tokio_workers_count" Unknown "" ["runtime"] "Worker threads of the runtime." from "tokio RuntimeMetrics::num_workers";
    TokioTasks "tokio_live_tasks_count" Unknown "" ["runtime"] "Tasks that are not complete." from "tokio RuntimeMetrics::num_alive_tasks";
    TokioQueue "tokio_global_queue_depth" Gauge "" ["runtime"] "Tasks in the runtime's global queue." from "tokio RuntimeMetrics::global_queue_depth";
    TokioParks "tokio_total_park_count" Counter "" ["runtime"] "Parks of all workers." from "tokio RuntimeMetrics::worker_park_count, summed";
    TokioBusy "tokio_total_busy_duration_seconds" Counter "seconds" ["runtime"] "Busy time of all workers. It does not advance while a poll is stuck." from "tokio RuntimeMetrics::worker_total_busy_duration, summed";
    RuntimeInfo "rgops_tokio_runtime" Info "" ["runtime" "flavor"] "A watched runtime and its flavor." from "tokio Handle::runtime_flavor";
    BusyWorkers "rgops_tokio_busy_workers" Gauge "" ["runtime"] "Workers that were busy, on average over the 20 ms before the answer; a stuck poll counts as busy." from "rgops stats, busy";
    ParkedWorkers "rgops_tokio_parked_workers" Gauge "" ["runtime"] "Workers that were parked at the answer." from "tokio RuntimeMetrics::worker_park_unpark_count";
    TasksByState "rgops_tokio_tasks" Gauge "" ["runtime" "state"] "Tasks by state: running, scheduled, idle, complete." from "rgops stats, tasks";
    WorkerBusy "rgops_tokio_worker_busy_seconds" Counter "seconds" ["runtime" "worker"] "Busy time of a worker. It does not advance while a poll is stuck." from "tokio RuntimeMetrics::worker_total_busy_duration";
    WorkerParks "rgops_tokio_worker_parks" Counter "" ["runtime" "worker"] "Parks of a worker." from "tokio RuntimeMetrics::worker_park_count";

    HeapLive "rgops_heap_live_bytes" Gauge "bytes" [] "Bytes requested and not freed, exact." from "rgops_agent::alloc::Sampling";
    HeapObjects "rgops_heap_live_objects" Gauge "" [] "Blocks requested and not freed, exact." from "rgops_agent::alloc::Sampling";
    HeapAllocated "rgops_heap_allocated_bytes" Counter "bytes" [] "Bytes requested, exact." from "rgops_agent::alloc::Sampling";
    HeapAllocations "rgops_heap_allocations" Counter "" [] "Calls to alloc and alloc_zeroed, exact." from "rgops_agent::alloc::Sampling";
    HeapFrees "rgops_heap_frees" Counter "" [] "Calls to dealloc, exact." from "rgops_agent::alloc::Sampling";
    HeapReallocations "rgops_heap_reallocations" Counter "" [] "Calls to realloc, exact." from "rgops_agent::alloc::Sampling";
    HeapInterval "rgops_heap_sample_interval_bytes" Gauge "bytes" [] "Mean bytes between two heap samples; 0 while sampling is off." from "rgops_agent::alloc::Sampling";
    AllocatorBytes "rgops_allocator_bytes" Gauge "bytes" ["allocator" "field"] "Numbers of an allocator in bytes, named as in rgops memstats." from "mallinfo2(3), mallctl stats.* (jemalloc), mi_process_info (mimalloc)";
    AllocatorItems "rgops_allocator_items" Unknown "" ["allocator" "field"] "Other numbers of an allocator, named as in rgops memstats." from "mallinfo2(3), or the program's own AllocatorStats";

    AgentCpu "rgops_agent_cpu_seconds" Counter "seconds" [] "CPU time of the agent's thread." from "/proc/PID/task/TID/schedstat";
    AgentUptime "rgops_agent_uptime_seconds" Gauge "seconds" [] "Time since the agent listens." from "the agent";
    AgentConnections "rgops_agent_connections" Counter "" [] "Connections that the agent accepted." from "the agent";
    AgentOpen "rgops_agent_open_connections" Gauge "" [] "Connections to the agent that are open, with the one of this answer." from "the agent";
    AgentRequests "rgops_agent_requests" Counter "" [] "Requests that the agent answered." from "the agent";
    AgentRefused "rgops_agent_refused" Counter "" ["reason"] "Refused by the agent: user (a peer of another user), token (missing or wrong), limit (a limit or deadline), malformed, busy (another command ran), denied (by the program's author)." from "the agent";
    AgentCancelled "rgops_agent_cancelled" Counter "" [] "Commands cancelled because the client disconnected." from "the agent";
    AgentDropped "rgops_agent_dropped" Counter "" [] "Samples and stacks that the agent dropped." from "the agent";
    AgentSent "rgops_agent_sent_bytes" Counter "bytes" [] "Bytes that the agent sent." from "the agent";

    ServePrograms "rgops_serve_programs" Gauge "" [] "Programs with an agent." from "rgops serve";
    ServeRequests "rgops_serve_requests" Counter "" ["code"] "Answers of rgops serve by HTTP status." from "rgops serve";
    ServeUnauthorized "rgops_serve_unauthorized" Counter "" [] "Requests without a token or with a wrong one (status 401)." from "rgops serve";
    ServeQuestions "rgops_serve_questions" Counter "" [] "Questions to agents for /metrics." from "rgops serve";
    ServeFailed "rgops_serve_failed_questions" Counter "" [] "Questions that an agent did not answer in time." from "rgops serve";
    ServeCacheHits "rgops_serve_cache_hits" Counter "" [] "Answers of /metrics from the last second's numbers, without a question to an agent." from "rgops serve";
    ServeCpu "rgops_serve_cpu_seconds" Counter "seconds" [] "CPU time of rgops serve." from "CLOCK_PROCESS_CPUTIME_ID";
    ServeMemory "rgops_serve_memory_bytes" Gauge "bytes" [] "Resident memory of rgops serve without files." from "/proc/self/statm resident - shared";
}

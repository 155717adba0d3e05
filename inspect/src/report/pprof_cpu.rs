//! `rgops pprof-cpu`: the summary after the file is saved: the top functions, and how much of the used CPU time the
//! samples account for.

use std::fmt::Write as _;

use rgops_protocol::hello::AgentHello;
use rgops_protocol::reply::End;
use rgops_protocol::reply::pprof_cpu::CpuTotals;
use serde::Serialize;

use super::document::Document;
use super::top::JsonTop;
use crate::profile::top::Top;
use crate::profile::{CpuProfile, OwnCode, proto::Profile};
use crate::symbols::{ModuleSymbols, file_name};
use crate::text::{counted, duration, escape, shown_name};
use rgops_pprof::measurement::{label, percentage};

/// Less CPU time than that is not worth a warning.
const LEAST_LATE_NS: u64 = 100_000_000;

/// The samples compared with the CPU clocks. Times are in nanoseconds.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Reconciliation {
    /// The engine that took the samples; `null` if unknown.
    engine: Option<String>,
    /// CPU time that the samples account for.
    sampled_ns: u64,
    /// Number of samples.
    samples: u64,
    /// Sum of their weights; a weight of 1 is one period.
    weight: u64,
    /// CPU time of the process; `null` if the answer ended early, as are all fields below.
    pub(crate) process_cpu_ns: Option<u64>,
    /// The part of the agent's own thread, which is not sampled.
    pub(crate) agent_cpu_ns: Option<u64>,
    /// The part without samples; the notes have the reasons that were detected.
    unsampled_cpu_ns: Option<u64>,
    /// Ticks due by the threads' clocks that had not arrived when the profile ended, times the period.
    late_cpu_ns: Option<u64>,
    /// CPU time of samples that were lost.
    dropped_ns: Option<u64>,
}

impl Reconciliation {
    /// Compares the samples of a profile with its clocks.
    pub fn new(profile: &CpuProfile) -> Reconciliation {
        let totals = profile.totals();
        let period = profile.start().map_or(0, |start| start.period_ns);
        let dropped = |totals: &CpuTotals| {
            let weight = totals.dropped_ring.saturating_add(totals.dropped_cache);
            weight.saturating_add(profile.not_kept()).saturating_mul(period)
        };
        Reconciliation {
            engine: profile.start().map(|start| start.engine.clone()),
            sampled_ns: profile.sampled_ns(),
            samples: profile.samples(),
            weight: profile.weight(),
            process_cpu_ns: totals.map(|totals| totals.process_cpu_ns),
            agent_cpu_ns: totals.map(|totals| totals.agent_cpu_ns),
            unsampled_cpu_ns: totals.map(|totals| totals.unsampled_cpu_ns),
            late_cpu_ns: totals.map(|totals| totals.late_cpu_ns),
            dropped_ns: totals.map(dropped),
        }
    }

    /// `497 samples of weight 497 account for 4.92s of the process's 5.01s CPU (98.20%); the agent itself 2ms; …`
    pub fn line(&self) -> String {
        let samples = format!("{} of weight {}", counted(self.samples, "sample"), self.weight);
        let Some(process) = self.process_cpu_ns else {
            return format!(
                "{samples} account for {}; the process's CPU time is unknown",
                duration(self.sampled_ns)
            );
        };
        let share = percentage(
            i64::try_from(self.sampled_ns).unwrap_or(i64::MAX),
            i64::try_from(process).unwrap_or(i64::MAX),
        );
        let mut line = format!(
            "{samples} account for {} of the process's {} CPU ({})",
            duration(self.sampled_ns),
            duration(process),
            share.trim()
        );
        let unsampled = match self.engine.as_deref() {
            Some("pprof") => "missed by engine pprof",
            // The notes have the threads and the reasons that were detected.
            _ => "without samples",
        };
        let rest = [
            (self.agent_cpu_ns, "the agent itself"),
            (self.unsampled_cpu_ns, unsampled),
            (self.late_cpu_ns, "ticks still pending at the end"),
            (self.dropped_ns, "lost samples"),
        ];
        for (ns, what) in rest {
            if let Some(ns @ 1..) = ns {
                // Writing to a string cannot fail, here and below.
                let _ = write!(line, "; {what} {}", duration(ns));
            }
        }
        line
    }

    /// A line if most of the CPU time is in no sample since threads ran in short bursts; otherwise nothing.
    pub(crate) fn bursts(&self) -> &'static str {
        match (self.late_cpu_ns, self.process_cpu_ns) {
            (Some(late), Some(process)) if late >= LEAST_LATE_NS && late > process / 2 => {
                "most of the CPU time has no sample: threads run in bursts that are shorter than the kernel's tick\n  \
                 fix: a longer --duration; rgops stats PID --all shows which threads they are\n"
            }
            _ => "",
        }
    }
}

/// Why functions have no names or lines, and the fix: one entry per module, the program first. Empty if nothing
/// needs to be done.
pub fn missing_names<'a>(modules: impl Iterator<Item = &'a ModuleSymbols>) -> String {
    let mut text = String::new();
    for module in modules {
        if module.module.contains(".so") || module.fix.is_empty() {
            continue;
        }
        let _ = writeln!(text, "{}: {}", escape(file_name(&module.module)), escape(&module.reason));
        let _ = writeln!(text, "  fix: {}", escape(&module.fix));
    }
    text
}

/// The table of the program's own functions, above pprof's; empty if none is known.
pub fn own_code(own: &OwnCode, rows: usize) -> String {
    if own.functions.is_empty() {
        return String::new();
    }
    let shown = if rows == 0 { own.functions.len() } else { own.functions.len().min(rows) };
    let mut text = "your code, with what it calls in dependencies, std, the runtime and libc:\n".to_owned();
    if own.is_by_name {
        text.push_str("(no source files are known: dependencies that are not widely used count as yours)\n");
    }
    let mut line = |value: i64, what: &str| {
        let time = label(value, "nanoseconds", "auto");
        let _ = writeln!(text, "{time:>10} {}  {}", percentage(value, own.total), shown_name(what));
    };
    for (function, value) in &own.functions[..shown] {
        line(*value, function);
    }
    let others = &own.functions[shown..];
    if !others.is_empty() {
        line(others.iter().map(|(_, value)| value).sum(), &format!("{} more functions", others.len()));
    }
    if own.rest != 0 {
        line(own.rest, "outside of it: threads of the runtime and of libraries");
    }
    text + "\n"
}

/// A function of the program.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct JsonOwn<'a> {
    /// The function.
    function: &'a str,
    /// What it and everything it called used, up to the next own function, in nanoseconds.
    ns: i64,
}

/// The JSON contract `rgops.pprof-cpu/1`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct JsonPprofCpu<'a> {
    /// Where the profile was saved; `null` if it could not be saved.
    file: Option<&'a str>,
    /// Start of the window since the Unix epoch.
    unix_ns: i64,
    duration_ns: i64,
    period_ns: i64,
    /// Functions by descending flat value; values in `unit`.
    top: JsonTop<'a>,
    reconciliation: Reconciliation,
    /// The program's own functions by descending time; `null` if they could not be counted.
    your_code: Option<Vec<JsonOwn<'a>>>,
}

impl<'a> JsonPprofCpu<'a> {
    /// The report with the answer's notes, or with the reason why the answer ended early.
    pub fn document(
        hello: &AgentHello,
        file: Option<&'a str>,
        profile: &Profile,
        (top, own): (&'a Top, Option<&'a OwnCode>),
        reconciliation: Reconciliation,
        end: Result<&End, String>,
    ) -> Document<JsonPprofCpu<'a>> {
        let body = JsonPprofCpu {
            file,
            unix_ns: profile.time_nanos,
            duration_ns: profile.duration_nanos,
            period_ns: profile.period,
            top: top.into(),
            reconciliation,
            your_code: own.map(|own| {
                own.functions.iter().map(|(function, ns)| JsonOwn { function, ns: *ns }).collect()
            }),
        };
        Document::new("rgops.pprof-cpu/1", hello.into(), end, body, None)
    }
}

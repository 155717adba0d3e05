//! `rgops pprof-cpu`: what is printed below the saved file: the top functions, and whether the
//! samples account for the CPU time that was used.

use std::fmt::Write as _;

use rgops_protocol::hello::AgentHello;
use rgops_protocol::reply::End;
use rgops_protocol::reply::pprof_cpu::CpuTotals;
use serde::Serialize;

use super::document::Document;
use super::top::JsonTop;
use crate::profile::top::Top;
use crate::profile::{CpuProfile, proto::Profile};
use crate::symbols::{ModuleSymbols, file_name};
use crate::text::{counted, duration, escape};
use rgops_pprof::measurement::percentage;

/// How the samples compare with the CPU clocks, times in nanoseconds.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Reconciliation {
    /// The engine that took the samples; `null` when it was not said.
    engine: Option<String>,
    /// CPU time the samples stand for.
    sampled_ns: u64,
    /// Samples, and the sum of their weights.
    samples: u64,
    /// Each weight is one period.
    weight: u64,
    /// CPU time of the process; `null` when the answer broke off, as all that follow.
    process_cpu_ns: Option<u64>,
    /// Of this, the agent's own thread, which is not sampled.
    agent_cpu_ns: Option<u64>,
    /// Of this, time without samples; the notes have the reasons, as far as any were seen.
    unsampled_cpu_ns: Option<u64>,
    /// Ticks due by the threads' clocks that had not come when the profile ended, times the period.
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

    /// `samples account for 4.92s of 5.01s CPU (98.20%); agent 2ms, …`
    pub fn line(&self) -> String {
        let samples = format!("{} of weight {}", counted(self.samples, "sample"), self.weight);
        let Some(process) = self.process_cpu_ns else {
            return format!(
                "{samples} stand for {}; the process's CPU clock is not known",
                duration(self.sampled_ns)
            );
        };
        let share = percentage(
            i64::try_from(self.sampled_ns).unwrap_or(i64::MAX),
            i64::try_from(process).unwrap_or(i64::MAX),
        );
        let mut line = format!(
            "{samples} stand for {} of the process's {} CPU ({})",
            duration(self.sampled_ns),
            duration(process),
            share.trim()
        );
        let unsampled = match self.engine.as_deref() {
            Some("pprof") => "missed by engine pprof",
            // The notes say which threads and why, as far as that was seen.
            _ => "without samples",
        };
        let rest = [
            (self.agent_cpu_ns, "the agent itself"),
            (self.unsampled_cpu_ns, unsampled),
            (self.late_cpu_ns, "ticks that had not come at the end"),
            (self.dropped_ns, "lost samples"),
        ];
        for (ns, what) in rest {
            if let Some(ns @ 1..) = ns {
                // A string takes every write, here and below.
                let _ = write!(line, "; {what} {}", duration(ns));
            }
        }
        line
    }
}

/// Why functions have no names or lines, and what to do about it: one line a module, the program's
/// first. Empty when nothing is to be done.
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

/// The JSON contract `rgops.pprof-cpu/1`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct JsonPprofCpu<'a> {
    /// Where the profile was saved; `null` when it could not be.
    file: Option<&'a str>,
    /// Beginning of the window, since the Unix epoch.
    unix_ns: i64,
    duration_ns: i64,
    period_ns: i64,
    /// Functions by falling flat value; values in `unit`.
    top: JsonTop<'a>,
    reconciliation: Reconciliation,
}

impl<'a> JsonPprofCpu<'a> {
    /// The report with the answer's notes, or with the reason it broke off.
    pub fn document(
        hello: &AgentHello,
        file: Option<&'a str>,
        profile: &Profile,
        top: &'a Top,
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
        };
        Document::new("rgops.pprof-cpu/1", hello.into(), end, body, None)
    }
}

//! `rgops pprof-cpu`: the summary after the file is saved: the top functions, and how much of the used CPU time the
//! samples account for.

use std::fmt::Write as _;

use rgops_protocol::hello::AgentHello;
use rgops_protocol::reply::pprof_cpu::CpuTotals;
use rgops_protocol::reply::{End, Known};
use serde::Serialize;

use super::document::Document;
use super::known::JsonKnown;
use super::top::JsonTop;
use crate::profile::top::Top;
use crate::profile::{CpuProfile, KernelTime, OwnCode, OwnFunction, proto::Profile};
use crate::symbols::{ModuleSymbols, file_name};
use crate::text::known::{sentence, unavailable};
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
    pub(crate) sampled_ns: u64,
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
    let _ = writeln!(text, "{:>10} {:>6} {:>10}", "time", "time%", "kernel");
    let mut line = |value: i64, kernel: Option<i64>, what: &str| {
        let time = |ns: i64| label(ns, "nanoseconds", "auto");
        let kernel = kernel.map_or_else(|| "-".to_owned(), time);
        let share = percentage(value, own.total);
        let _ = writeln!(text, "{:>10} {share} {kernel:>10}  {}", time(value), shown_name(what));
    };
    for function in &own.functions[..shown] {
        line(function.value, function.kernel, &function.name);
    }
    let others = &own.functions[shown..];
    if !others.is_empty() {
        let what = format!("{} more functions", others.len());
        let value = others.iter().map(|other| other.value).sum();
        line(value, others.iter().map(|other| other.kernel).sum(), &what);
    }
    if own.rest != 0 {
        let what = "outside of it: threads of the runtime and of libraries";
        line(own.rest, own.rest_kernel, what);
    }
    text + "\n"
}

/// `kernel: 1.86s (38.00%) of the samples in system calls; page faults are not in it`.
pub fn kernel_line(kernel: &KernelTime, sampled_ns: u64) -> String {
    let ns = match &kernel.system_calls_ns {
        Known::Value(ns) => *ns,
        Known::Unavailable(missing) => return format!("kernel: {}", unavailable(missing)),
    };
    let signed = |ns: u64| i64::try_from(ns).unwrap_or(i64::MAX);
    let share = percentage(signed(ns), signed(sampled_ns));
    let mut line = format!("kernel: {} ({}) of the samples in system calls", duration(ns), share.trim());
    if let Some(why) = &kernel.why {
        let unknown = duration(kernel.unknown_ns);
        let _ = write!(line, ", unknown of {unknown} ({})", escape(&sentence(why)));
    }
    line + "; page faults are not in it"
}

/// A function of the program.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct JsonOwn<'a> {
    /// The function.
    function: &'a str,
    /// What it and everything it called used, up to the next own function, in nanoseconds.
    ns: i64,
    /// The part of it in system calls; `null` if that is not known of all of it.
    kernel_ns: Option<i64>,
}

/// CPU time in system calls, by the instructions at the leaves of the stacks. Page faults are not in it.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct JsonKernel {
    /// CPU time of samples in system calls, in nanoseconds.
    system_calls_ns: JsonKnown<u64>,
    /// CPU time of samples of which it is not known, in nanoseconds.
    unknown_ns: u64,
    /// Why it is not known of them; `null` if it is known of all.
    unknown_why: Option<String>,
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
    /// CPU time in the kernel.
    kernel: JsonKernel,
}

impl<'a> JsonPprofCpu<'a> {
    /// The report with the answer's notes, or with the reason why the answer ended early.
    pub fn document(
        hello: &AgentHello,
        file: Option<&'a str>,
        profile: &Profile,
        (top, own, kernel): (&'a Top, Option<&'a OwnCode>, &KernelTime),
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
                let json =
                    |of: &'a OwnFunction| JsonOwn { function: &of.name, ns: of.value, kernel_ns: of.kernel };
                own.functions.iter().map(json).collect()
            }),
            kernel: JsonKernel {
                system_calls_ns: kernel.system_calls_ns.clone().into(),
                unknown_ns: kernel.unknown_ns,
                unknown_why: kernel.why.as_ref().map(sentence),
            },
        };
        Document::new("rgops.pprof-cpu/1", hello.into(), end, body, None)
    }
}

#[cfg(test)]
mod tests {
    use rgops_protocol::reply::Unavailable;

    use super::*;

    #[test]
    fn kernel_time_is_a_column_and_a_line() {
        let kernel = KernelTime::with_leaves(&[], &[]);
        let function = |name: &str, value, kernel| OwnFunction { name: name.to_owned(), value, kernel };
        let own = OwnCode {
            total: 4_000_000_000,
            rest: 0,
            rest_kernel: Some(0),
            functions: vec![
                function("shop::copy", 3_000_000_000, Some(1_500_000_000)),
                function("shop::sort", 600_000_000, Some(0)),
                function("shop::main", 400_000_000, Some(20_000_000)),
            ],
            is_by_name: false,
        };
        let text = own_code(&own, 1);
        let rows: Vec<&str> = text.lines().skip(1).collect();
        let expected = [
            "      time  time%     kernel",
            "        3s 75.00%      1.50s  shop::copy",
            "        1s 25.00%       20ms  2 more functions",
            "",
        ];
        assert_eq!(rows, expected);
        let mut known = kernel;
        known.system_calls_ns = Known::Value(1_520_000_000);
        let line = "kernel: 1.52s (38.00%) of the samples in system calls; page faults are not in it";
        assert_eq!(kernel_line(&known, 4_000_000_000), line);
    }

    #[test]
    fn kernel_time_that_is_not_known_is_not_zero() {
        let why = Unavailable { reason: "shop: its file is not on this host".to_owned(), fix: String::new() };
        let mut kernel = KernelTime::with_leaves(&[], &[]);
        kernel.unknown_ns = 1_000_000;
        kernel.why = Some(why.clone());
        let line = kernel_line(&kernel, 4_000_000);
        assert!(line.contains("unknown of 1ms (shop: its file is not on this host)"), "{line}");
        kernel.system_calls_ns = Known::Unavailable(why);
        let line = kernel_line(&kernel, 4_000_000);
        assert_eq!(line, "kernel: unavailable (shop: its file is not on this host)");
        let functions = vec![OwnFunction { name: "shop::main".to_owned(), value: 1, kernel: None }];
        let own = OwnCode { total: 1, rest: 0, rest_kernel: Some(0), functions, is_by_name: false };
        assert!(own_code(&own, 0).contains("          -  shop::main"));
    }
}

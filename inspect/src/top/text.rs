//! A snapshot as text, for standard output that is not a terminal.

use std::fmt::Write as _;

use rgops_protocol::reply::Known;

use super::snapshot::{Part, Snapshot};
use crate::text::{bytes_short, counted, duration, escape, shown_name};

/// Maximum rows of each table.
const ROWS: usize = 10;

// Below, `let _ = writeln!`: writing to a string cannot fail.

impl Snapshot {
    /// The snapshot as text: one line about the process, then the first rows of each table.
    pub fn text(&self) -> String {
        let mut text = format!("{}\n", self.headline());
        let _ = writeln!(text, "\n    cpu  wait  thread");
        for row in self.threads.iter().take(ROWS) {
            let function = row.function.as_deref().unwrap_or("-");
            let _ = writeln!(
                text,
                "{:>7} {:>5}  {} {} [{}] {}",
                self.share(&row.running_ns.0),
                self.share(&row.runnable_ns.0),
                row.tid,
                escape(&row.name),
                escape(&row.state),
                shown_name(function)
            );
        }
        more(&mut text, self.threads.len(), "thread");
        for runtime in &self.runtimes {
            let busy: Vec<String> = runtime.workers.iter().map(|one| self.share(&one.busy_ns.0)).collect();
            let _ = writeln!(
                text,
                "\nruntime {} ({}): {} alive, global queue {}, busy [ {} ]",
                escape(&runtime.name),
                escape(&runtime.flavor),
                counted(runtime.alive_tasks, "task"),
                runtime.global_queue,
                busy.join(" ")
            );
        }
        let _ = writeln!(text, "\n  tasks  running  queued    more  task");
        for row in self.tasks.rows.iter().take(ROWS) {
            let grown = row.grown_by.map_or("-".to_owned(), |more| format!("{more:+}"));
            let name = row.name.as_deref().unwrap_or("unavailable (no symbols)");
            let _ = writeln!(
                text,
                "{:>7} {:>8} {:>7} {grown:>7}  {}",
                row.tasks,
                row.running,
                row.scheduled,
                shown_name(name)
            );
        }
        rest(&mut text, &self.tasks, "kind of task");
        let _ = writeln!(text, "\n     flat       cum  function");
        for row in self.functions.rows.iter().take(ROWS) {
            let (flat, cum) = (duration(unsigned(row.flat_ns)), duration(unsigned(row.cum_ns)));
            let _ = writeln!(text, "{flat:>9} {cum:>9}  {}", shown_name(&row.name));
        }
        rest(&mut text, &self.functions, "function");
        let _ = writeln!(text, "\n    bytes  memory");
        for row in &self.memory.rows {
            let sign = if row.bytes < 0 { "-" } else { "" };
            let bytes = format!("{sign}{}", bytes_short(row.bytes.unsigned_abs()));
            let _ = writeln!(text, "{bytes:>9}  {}: {}", row.name, escape(&row.what));
        }
        rest(&mut text, &self.memory, "part");
        text
    }

    /// `cpu 143% of 2 CPUs, 9 threads, 1041 tasks, rss 117.25MB, agent 0.4%`.
    pub fn headline(&self) -> String {
        let cpus = match &self.cpus.0 {
            Known::Value(cpus) => format!(" of {}", counted((*cpus).into(), "CPU")),
            Known::Unavailable(_) => String::new(),
        };
        let mut text = format!("cpu {}{cpus}", percent(self.cpu_ns, self.window_ns));
        let _ = write!(text, ", {}", counted(self.threads.len() as u64, "thread"));
        let tasks: u64 = self.tasks.rows.iter().map(|row| row.tasks).sum();
        if self.tasks.missing.is_none() {
            let _ = write!(text, ", {}", counted(tasks, "task"));
        }
        if let Some(rss) = self.memory.rows.iter().find(|row| row.name == "rss") {
            let _ = write!(text, ", rss {}", bytes_short(unsigned(rss.bytes)));
        }
        if let Some(open) = self.descriptors.0.value() {
            let _ = write!(text, ", {} open", counted(*open, "descriptor"));
        }
        if let Some(cost) = self.agent_cpu_ns.0.value() {
            let _ = write!(text, ", agent {}", percent(*cost, self.window_ns));
        }
        text
    }

    /// A time of the interval as a share of one CPU; `-` if it is unavailable.
    pub fn share(&self, ns: &Known<u64>) -> String {
        ns.value().map_or("-".to_owned(), |ns| percent(*ns, self.window_ns))
    }
}

fn percent(part: u64, whole: u64) -> String {
    match whole {
        0 => "-".to_owned(),
        _ => format!("{:.1}%", part as f64 * 100.0 / whole as f64),
    }
}

fn unsigned(number: i64) -> u64 {
    number.max(0).cast_unsigned()
}

fn rest<Row>(text: &mut String, part: &Part<Row>, one: &str) {
    more(text, part.rows.len(), one);
    if let Some(missing) = &part.missing {
        let _ = writeln!(text, "unavailable ({})", escape(missing));
    }
}

fn more(text: &mut String, rows: usize, one: &str) {
    if let Some(more @ 1..) = rows.checked_sub(ROWS) {
        let _ = writeln!(text, "… and {}", counted(more as u64, one));
    }
}

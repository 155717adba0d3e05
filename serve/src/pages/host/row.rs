//! What is shown of a program in the list.

use rgops_inspect::session::{Answer as _, Session, SessionError, StatsOptions, StatsView};
use rgops_inspect::text::{bytes_short, duration};
use rgops_web::shell::visible;
use serde::Deserialize;
use serde::Serialize;
use std::time::{Duration, Instant};

use crate::fleet::Program;
use crate::pages::asking;
use crate::pages::frame;
use crate::pages::live::{Known, number};

/// The window of shares that only `stats` measures. CPU time is measured from round to round.
const WINDOW: Duration = Duration::from_millis(50);

/// A value as text, or why there is none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(super) struct Cell {
    /// What is shown.
    pub(super) text: String,
    /// The whole reason, for a tool tip.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) why: Option<String>,
}

impl Cell {
    fn of(known: &Known, text: impl FnOnce(f64) -> String) -> Cell {
        match known.value() {
            Some(value) => Cell { text: text(value), why: None },
            None => Cell {
                text: "unavailable".to_owned(),
                why: known.why().map(|why| visible(&why).into_owned()),
            },
        }
    }
}

/// A program in the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Row {
    pub(super) pid: u32,
    /// Its name, in which all characters can be seen.
    pub(super) name: String,
    /// The values of [`COLUMNS`], in this order.
    pub(super) cells: Vec<Cell>,
    /// Why it does not answer, if it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) silent: Option<String>,
}

/// The columns behind name and pid, and what they are.
pub(super) const COLUMNS: &[(&str, &str)] = &[
    ("Uptime", "Time since the process started"),
    ("CPU", "CPU time per time since the last look; 100 % is one CPU"),
    ("RSS", "Resident memory, from /proc"),
    ("Threads", "Threads of the process"),
    ("Tasks", "Tokio tasks that are not complete, of all watched runtimes"),
];

impl Row {
    /// A program of which nothing is known yet, or which does not answer.
    pub(super) fn unknown(program: &Program, silent: Option<String>) -> Row {
        let cells = COLUMNS.iter().map(|_| Cell { text: "…".to_owned(), why: silent.clone() }).collect();
        Row { pid: program.pid, name: visible(&frame::shown(&program.name)).into_owned(), cells, silent }
    }
}

/// The part of `rgops.stats/1` that the list shows.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Stats {
    uptime_ns: Known,
    user_cpu_ns: Known,
    system_cpu_ns: Known,
    window_ns: f64,
    runtimes: Vec<Runtime>,
    threads: Vec<Thread>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Runtime {
    alive_tasks: f64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Thread {
    running_ns: Known,
}

/// A program that is looked at again and again.
#[derive(Debug)]
pub(super) struct Watched {
    program: Program,
    session: Option<Session>,
    /// CPU time, and when it was read.
    before: Option<(f64, Instant)>,
}

impl Watched {
    /// A program that was not asked yet.
    pub(super) fn new(program: Program) -> Watched {
        Watched { program, session: None, before: None }
    }

    /// Its row. Blocks as long as its agent takes.
    pub(super) fn look(&mut self) -> Row {
        match self.ask() {
            Ok(row) => row,
            Err(error) => {
                // The agent may have been started again.
                self.session = None;
                Row::unknown(&self.program, Some(visible(&error.to_string()).into_owned()))
            }
        }
    }

    fn ask(&mut self) -> Result<Row, SessionError> {
        if self.session.is_none() {
            self.session = Some(self.program.session(asking::options())?);
        }
        let Some(session) = &mut self.session else { return Ok(Row::unknown(&self.program, None)) };
        let stats = session.stats(&StatsOptions::default().window(WINDOW))?;
        let stats: Stats = serde_json::to_value(stats.json(&StatsView::default()))
            .and_then(serde_json::from_value)
            .unwrap_or_default();
        let now = Instant::now();
        let cpu = match (stats.user_cpu_ns.value(), stats.system_cpu_ns.value()) {
            (Some(user), Some(system)) => Some(user + system),
            _ => None,
        };
        let in_window = stats.threads.iter().filter_map(|thread| thread.running_ns.value()).sum::<f64>();
        let share = match (cpu, self.before) {
            (Some(cpu), Some((before, at))) => {
                let elapsed = now.duration_since(at).as_nanos() as f64;
                Known::Value((cpu - before).max(0.0) / elapsed.max(1.0) * 100.0)
            }
            (Some(_), None) => Known::Value(in_window / stats.window_ns.max(1.0) * 100.0),
            (None, _) => stats.user_cpu_ns.clone(),
        };
        self.before = cpu.map(|cpu| (cpu, now));
        let tasks = match stats.runtimes.is_empty() {
            true => Known::missing(
                "no watched Tokio runtime",
                "start the agent inside of the runtime, or call Agent::watch",
            ),
            false => Known::Value(stats.runtimes.iter().map(|runtime| runtime.alive_tasks).sum()),
        };
        let cells = vec![
            Cell::of(&stats.uptime_ns, |ns| duration((ns / 1e9) as u64 * 1_000_000_000)),
            Cell::of(&share, |share| format!("{share:.1} %")),
            Cell::of(&rss(self.program.pid), |bytes| bytes_short(bytes as u64)),
            Cell::of(&Known::Value(stats.threads.len() as f64), number),
            Cell::of(&tasks, number),
        ];
        Ok(Row { cells, ..Row::unknown(&self.program, None) })
    }
}

/// Resident memory of a process of this host, without a question to its agent.
fn rss(pid: u32) -> Known {
    let missing = |why: &str| Known::missing(why, "see Memory on the program's page");
    let Ok(status) = std::fs::read_to_string(format!("/proc/{pid}/status")) else {
        return missing("its /proc/PID/status cannot be read");
    };
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse::<f64>().ok());
    kib.map_or_else(|| missing("the process ends"), |kib| Known::Value(kib * 1024.0))
}

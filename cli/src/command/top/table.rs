//! The rows of each view, as cells.

use std::cmp::Ordering;

use rgops_inspect::session::Snapshot;
use rgops_inspect::text::{bytes_short, duration, escape, shown_name};

/// What the table shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum View {
    Threads,
    Tasks,
    Functions,
    Workers,
    Memory,
}

impl View {
    pub(super) const ALL: [View; 5] =
        [View::Threads, View::Tasks, View::Functions, View::Workers, View::Memory];

    pub(super) fn name(self) -> &'static str {
        match self {
            View::Threads => "Threads",
            View::Tasks => "Tasks",
            View::Functions => "Functions",
            View::Workers => "Workers",
            View::Memory => "Memory",
        }
    }

    /// Its columns; the last one takes the rest of the line.
    pub(super) fn columns(self) -> &'static [Column] {
        const fn number(name: &'static str, width: u16) -> Column {
            Column { name, width, is_number: true }
        }
        const fn text(name: &'static str, width: u16) -> Column {
            Column { name, width, is_number: false }
        }
        match self {
            View::Threads => {
                const {
                    &[
                        number("CPU", 7),
                        number("WAIT", 7),
                        number("TID", 8),
                        text("NAME", 16),
                        text("STATE", 16),
                        text("FUNCTION", 0),
                    ]
                }
            }
            View::Tasks => {
                const {
                    &[
                        number("TASKS", 8),
                        number("RUNNING", 8),
                        number("QUEUED", 8),
                        number("MORE", 8),
                        text("SPAWNED WITH", 0),
                    ]
                }
            }
            View::Functions => const { &[number("FLAT", 10), number("CUM", 10), text("FUNCTION", 0)] },
            View::Workers => {
                const {
                    &[
                        number("WORKER", 7),
                        number("BUSY", 7),
                        number("PARKS", 8),
                        text("STATE", 8),
                        text("RUNTIME", 0),
                    ]
                }
            }
            View::Memory => const { &[number("BYTES", 10), text("PART", 16), text("WHAT", 0)] },
        }
    }

    /// The rows, in the order of the snapshot.
    pub(super) fn rows(self, snapshot: &Snapshot) -> Vec<Row> {
        match self {
            View::Threads => threads(snapshot),
            View::Tasks => tasks(snapshot),
            View::Functions => functions(snapshot),
            View::Workers => workers(snapshot),
            View::Memory => memory(snapshot),
        }
    }

    /// Why rows are missing.
    pub(super) fn missing(self, snapshot: &Snapshot) -> Option<&str> {
        match self {
            View::Threads => snapshot.stacks_missing.as_deref(),
            View::Tasks => snapshot.tasks.missing.as_deref(),
            View::Functions => snapshot.functions.missing.as_deref(),
            View::Workers => snapshot.runtimes.is_empty().then_some("no Tokio runtime is watched"),
            View::Memory => snapshot.memory.missing.as_deref(),
        }
    }
}

/// A column of a table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column {
    pub(super) name: &'static str,
    /// Characters; 0 for the rest of the line.
    pub(super) width: u16,
    pub(super) is_number: bool,
}

/// A cell: its text, safe on a terminal, and what it is sorted by if that is a number.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Cell {
    pub(super) text: String,
    number: Option<f64>,
}

impl Cell {
    fn text(text: &str) -> Cell {
        Cell { text: shown_name(text), number: None }
    }

    fn count(number: u64) -> Cell {
        Cell { text: number.to_string(), number: Some(number as f64) }
    }

    fn shown(text: String, number: Option<f64>) -> Cell {
        Cell { text, number }
    }
}

/// A row, and what Enter shows.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    pub(super) cells: Vec<Cell>,
    pub(super) title: String,
    /// Lines of its stack, safe on a terminal; empty if it has none.
    pub(super) stack: Vec<String>,
}

impl Row {
    /// Whether one of its texts contains `filter`, which is lower case.
    pub(super) fn matches(&self, filter: &str) -> bool {
        filter.is_empty() || self.cells.iter().any(|cell| cell.text.to_lowercase().contains(filter))
    }

    /// Compares by a column: numbers descending, texts ascending, missing numbers last.
    pub(super) fn compare(&self, other: &Row, column: usize) -> Ordering {
        let (Some(one), Some(two)) = (self.cells.get(column), other.cells.get(column)) else {
            return Ordering::Equal;
        };
        match (one.number, two.number) {
            (Some(one), Some(two)) => two.total_cmp(&one),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => one.text.cmp(&two.text),
        }
    }
}

fn lines(stack: &[String]) -> Vec<String> {
    stack.iter().map(|line| shown_name(line)).collect()
}

fn threads(snapshot: &Snapshot) -> Vec<Row> {
    let share = |ns: &rgops_inspect::report::known::JsonKnown<u64>| {
        let number = ns.0.value().map(|ns| *ns as f64);
        Cell::shown(snapshot.share(&ns.0), number)
    };
    let rows = snapshot.threads.iter().map(|row| Row {
        cells: vec![
            share(&row.running_ns),
            share(&row.runnable_ns),
            Cell::count(row.tid.into()),
            Cell::text(&row.name),
            Cell::text(&row.state),
            Cell::text(row.function.as_deref().unwrap_or("-")),
        ],
        title: format!("thread {} {}", row.tid, escape(&row.name)),
        stack: lines(&row.stack),
    });
    rows.collect()
}

fn tasks(snapshot: &Snapshot) -> Vec<Row> {
    let rows = snapshot.tasks.rows.iter().map(|row| {
        let name = row.name.as_deref().unwrap_or("unavailable (no symbols)");
        let more = row.grown_by.map_or("-".to_owned(), |more| format!("{more:+}"));
        Row {
            cells: vec![
                Cell::count(row.tasks),
                Cell::count(row.running),
                Cell::count(row.scheduled),
                Cell::shown(more, row.grown_by.map(|more| more as f64)),
                Cell::text(name),
            ],
            title: format!("one task of {}", shown_name(name)),
            stack: lines(&row.stack),
        }
    });
    rows.collect()
}

fn functions(snapshot: &Snapshot) -> Vec<Row> {
    let time = |ns: i64| Cell::shown(duration(ns.max(0).cast_unsigned()), Some(ns as f64));
    let rows = snapshot.functions.rows.iter().map(|row| Row {
        cells: vec![time(row.flat_ns), time(row.cum_ns), Cell::text(&row.name)],
        title: shown_name(&row.name),
        stack: Vec::new(),
    });
    rows.collect()
}

fn workers(snapshot: &Snapshot) -> Vec<Row> {
    let mut rows = Vec::new();
    for runtime in &snapshot.runtimes {
        for (number, worker) in runtime.workers.iter().enumerate() {
            let busy = worker.busy_ns.0.value().map(|ns| *ns as f64);
            let name = format!(
                "{} ({}): {} tasks alive, {} in the global queue",
                runtime.name, runtime.flavor, runtime.alive_tasks, runtime.global_queue
            );
            rows.push(Row {
                cells: vec![
                    Cell::count(number as u64),
                    Cell::shown(snapshot.share(&worker.busy_ns.0), busy),
                    Cell::count(worker.parks),
                    Cell::text(if worker.parked { "parked" } else { "busy" }),
                    Cell::text(&name),
                ],
                title: format!("worker {number} of {}", escape(&runtime.name)),
                stack: Vec::new(),
            });
        }
    }
    rows
}

fn memory(snapshot: &Snapshot) -> Vec<Row> {
    let rows = snapshot.memory.rows.iter().map(|row| {
        let sign = if row.bytes < 0 { "-" } else { "" };
        let bytes = format!("{sign}{}", bytes_short(row.bytes.unsigned_abs()));
        Row {
            cells: vec![
                Cell::shown(bytes, Some(row.bytes as f64)),
                Cell::text(&row.name),
                Cell::text(&row.what),
            ],
            title: shown_name(&row.name),
            stack: Vec::new(),
        }
    });
    rows.collect()
}

//! The wait-for graph for Graphviz: tasks are boxes, resources are ellipses, deadlocks are red.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::names::{location, own_await};
use super::report::TasksReport;
use super::view::View;
use crate::report::screen::Screen;
use crate::tasks::model::ResourceKind;

/// Maximum waiters and holders drawn per resource; only the number of the others is drawn.
const DRAWN_WAITERS: usize = 30;
const DRAWN_HOLDERS: usize = 30;
/// Maximum resources drawn: Graphviz takes minutes for thousands.
const DRAWN_RESOURCES: usize = 200;

impl TasksReport {
    /// The graph in the DOT language, <https://graphviz.org/doc/info/lang.html>, without unconnected tasks and
    /// resources and without those that the filter excludes.
    pub fn dot(&self, view: &View) -> Screen {
        let mut text = Screen::new(&self.budget);
        self.draw(&mut text, view);
        text.push_str("}\n");
        text.finish_with(|why| {
            let label = quoted(&format!("the rest is left out: {why}"));
            format!("  rest [shape=plaintext, label={label}];\n}}\n")
        });
        text
    }

    fn draw(&self, text: &mut Screen, view: &View) {
        let selected = self.select(&view.filter);
        let is_selected = |task: &usize| selected.binary_search(task).is_ok();
        let ring: BTreeSet<(usize, usize)> =
            self.graph.deadlocks.iter().flat_map(|deadlock| deadlock.ring.iter().copied()).collect();
        let in_ring: BTreeSet<usize> = ring.iter().map(|(task, _)| *task).collect();
        text.push_str("digraph tasks {\n  rankdir=LR;\n  node [fontname=\"monospace\"];\n");
        let _ = writeln!(text, "  label={};", quoted(&format!("{} (pid {})", self.process, self.pid)));
        let mut drawn: BTreeSet<usize> = BTreeSet::new();
        let shown = self.graph.resources.iter().enumerate().filter(|(_, waited)| {
            let all = waited.waiters.iter().chain(&waited.holders);
            waited.waiters.len() + waited.holders.len() > 1
                && !waited.waiters.is_empty()
                && all.into_iter().any(is_selected)
        });
        let shown: Vec<_> = shown.collect();
        for (number, waited) in shown.iter().take(DRAWN_RESOURCES) {
            let is_task = waited.resource.kind == ResourceKind::Task;
            let of_ring = |task: usize| ring.contains(&(task, *number));
            let red = if waited.waiters.iter().any(|task| of_ring(*task)) { ", color=red" } else { "" };
            let to = match waited.holders.first() {
                Some(task) if is_task => format!("t{task}"),
                _ => {
                    let label = quoted(&self.resource(&waited.resource));
                    let _ = writeln!(text, "  r{number} [shape=ellipse, label={label}{red}];");
                    format!("r{number}")
                }
            };
            // Tasks of a cycle first, so that the limit never hides one.
            let mut waiters = waited.waiters.clone();
            waiters.sort_by_key(|task| (!of_ring(*task), *task));
            for waiter in waiters.iter().take(DRAWN_WAITERS) {
                drawn.insert(*waiter);
                let red = if of_ring(*waiter) { ", color=red, penwidth=2" } else { "" };
                let word = if is_task { "joins" } else { "waits for" };
                let _ = writeln!(text, "  t{waiter} -> {to} [label=\"{word}\"{red}];");
            }
            if waiters.len() > DRAWN_WAITERS {
                let more = waiters.len() - DRAWN_WAITERS;
                let _ = writeln!(text, "  m{number} [shape=plaintext, label=\"{more} more tasks\"];");
                let _ = writeln!(text, "  m{number} -> {to};");
            }
            // Here also, the task of a cycle first.
            let mut holders = waited.holders.clone();
            holders.sort_by_key(|task| (!in_ring.contains(task), *task));
            if holders.len() > DRAWN_HOLDERS {
                let more = holders.len() - DRAWN_HOLDERS;
                let _ = writeln!(text, "  h{number} [shape=plaintext, label=\"{more} more tasks\"];");
                let _ = writeln!(text, "  r{number} -> h{number} [label=\"held by\", style=dashed];");
            }
            for holder in holders.iter().take(DRAWN_HOLDERS) {
                drawn.insert(*holder);
                if !is_task {
                    let red = if in_ring.contains(holder) { red } else { "" };
                    let _ =
                        writeln!(text, "  r{number} -> t{holder} [label=\"held by\", style=dashed{red}];");
                }
            }
        }
        for index in drawn {
            let task = self.task(index);
            let name = self.task_name(task, view.verbose).unwrap_or_default();
            let at = location(own_await(task), view.verbose);
            let label = quoted(&format!("task {}\n{name}\n{}", task.id, at.trim_start()));
            let red = if in_ring.contains(&index) { ", color=red, penwidth=2" } else { "" };
            let _ = writeln!(text, "  t{index} [shape=box, label={label}{red}];");
        }
        if shown.len() > DRAWN_RESOURCES {
            let more = shown.len() - DRAWN_RESOURCES;
            let _ = writeln!(text, "  more [shape=plaintext, label=\"{more} more resources with waiters\"];");
        }
    }
}

/// A string of the DOT language: quotes, backslashes and control characters are escaped; line ends become DOT's
/// own.
fn quoted(text: &str) -> String {
    let lines: Vec<String> = text
        .split('\n')
        .map(|line| crate::text::escape(line).replace('\\', "\\\\").replace('"', "\\\""))
        .filter(|line| !line.is_empty())
        .collect();
    format!("\"{}\"", lines.join("\\n"))
}

//! The lines above a report: the profile, the filters, and how much of it is shown.

use std::io;

use crate::graph::Trimmed;
use crate::measurement::{percentage, share};
use crate::refine::Refined;

/// Bytes of a filter that are shown.
const FILTER_BYTES: usize = 80;

/// Which part of the profile a report shows, for its legend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) shown_total: i64,
    pub(crate) nodes: usize,
    pub(crate) before_selection: usize,
    pub(crate) dropped_nodes: usize,
    /// Only pictures say it: 0 elsewhere.
    pub(crate) dropped_edges: usize,
}

impl Part {
    pub(crate) fn of(trimmed: &Trimmed<'_>) -> Part {
        Part {
            shown_total: trimmed.shown_total(),
            nodes: trimmed.shown.len(),
            before_selection: trimmed.before_selection,
            dropped_nodes: trimmed.dropped_nodes,
            dropped_edges: 0,
        }
    }
}

/// The lines above a report. `is_picture`: the lines about the profile are never left out, and one says how to read it.
pub(crate) fn lines(refined: &Refined, output_unit: &str, part: &Part, is_picture: bool) -> Vec<String> {
    let format = |value| refined.format_value(value, output_unit);
    let mut lines = Vec::new();
    if is_picture || !refined.settings.compact_labels {
        lines = refined.header(output_unit);
    }
    if !refined.active_filters.is_empty() {
        lines.push("Active filters:".to_owned());
        lines.extend(refined.active_filters.iter().map(|filter| format!("   {}", shortened(filter))));
    }
    lines.push(format!(
        "Showing nodes accounting for {}, {} of {} total",
        format(part.shown_total),
        percentage(part.shown_total, refined.total).trim(),
        format(refined.total)
    ));
    if refined.total != 0 {
        let dropped = |count: usize, what: &str, by: &str, fraction| {
            let plural = if count > 1 { "s" } else { "" };
            format!("Dropped {count} {what}{plural} ({by} <= {})", format(share(refined.total, fraction)))
        };
        if part.dropped_nodes > 0 {
            lines.push(dropped(part.dropped_nodes, "node", "cum", refined.settings.nodefraction));
        }
        if part.dropped_edges > 0 {
            lines.push(dropped(part.dropped_edges, "edge", "freq", refined.settings.edgefraction));
        }
        if part.nodes > 0 && part.nodes < part.before_selection {
            lines.push(format!("Showing top {} nodes out of {}", part.nodes, part.before_selection));
        }
    }
    if is_picture {
        lines.push("\nSee https://git.io/JfYMW for how to read the graph".to_owned());
    }
    lines
}

/// Writes lines; an empty one if there is none, as the tool does.
pub(crate) fn write(lines: &[String], to: &mut dyn io::Write) -> io::Result<()> {
    writeln!(to, "{}", lines.join("\n"))
}

fn shortened(filter: &str) -> String {
    if filter.len() <= FILTER_BYTES {
        return filter.to_owned();
    }
    let mut end = FILTER_BYTES;
    while !filter.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", &filter[..end])
}

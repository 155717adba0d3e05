//! The table as text, in exactly the format of `go tool pprof -top`.

use std::fmt::Write as _;

use super::table::{NODE_FRACTION, Top, fraction};
use crate::measurement::percentage;
use crate::model::Inlined;

impl Top {
    /// The text in the format of `go tool pprof -top`, with times in UTC.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for line in &self.header {
            // Writing to a string cannot fail, here and below.
            let _ = writeln!(text, "{line}");
        }
        if let Some(why) = &self.left_out {
            let _ = writeln!(text, "The functions are left out: {why}");
            return text;
        }
        let shown = self.rows.iter().fold(0, |sum: i64, row| sum.saturating_add(row.flat));
        let (share, total) = (percentage(shown, self.total), self.format(self.total));
        let _ = writeln!(
            text,
            "Showing nodes accounting for {}, {} of {total} total",
            self.format(shown),
            share.trim()
        );
        if self.total != 0 {
            if self.dropped > 0 {
                let cutoff = self.format(fraction(self.total, NODE_FRACTION));
                let nodes = if self.dropped > 1 { "nodes" } else { "node" };
                let _ = writeln!(text, "Dropped {} {nodes} (cum <= {cutoff})", self.dropped);
            }
            if !self.rows.is_empty() && self.rows.len() < self.nodes {
                let _ = writeln!(text, "Showing top {} nodes out of {}", self.rows.len(), self.nodes);
            }
        }
        let _ = writeln!(text, "{:>10} {:>5}% {:>5}% {:>10} {:>5}%", "flat", "flat", "sum", "cum", "cum");
        let mut sum = 0i64;
        for row in &self.rows {
            sum = sum.saturating_add(row.flat);
            let inlined = match row.inlined {
                Some(Inlined::Always) => " (inline)",
                Some(Inlined::Partly) => " (partial-inline)",
                None => "",
            };
            let _ = writeln!(
                text,
                "{:>10} {} {} {:>10} {}  {}{inlined}",
                self.format(row.flat),
                percentage(row.flat, self.total),
                percentage(sum, self.total),
                self.format(row.cum),
                percentage(row.cum, self.total),
                row.function,
            );
        }
        text
    }
}

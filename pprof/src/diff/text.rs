//! A difference as text for people.

use std::fmt::Write as _;

use super::change::{Change, Compared, Diff, LEVEL, Trend};
use crate::measurement::label;

/// The parts of the text: heading for times, heading for sizes, and how the functions of it changed.
const PARTS: [(&str, &str, Trend); 4] = [
    ("Got slower", "Got larger", Trend::Grew),
    ("New", "New", Trend::New),
    ("Got faster", "Got smaller", Trend::Shrank),
    ("Gone", "Gone", Trend::Gone),
];

impl Diff {
    /// The text: the totals, then what got slower or larger, what is new, what got faster or smaller, and what is
    /// gone; at most `rows` functions of each, 0 for all. Changes that may be by chance are only counted.
    pub fn text(&self, rows: usize) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = self.write(rows, &mut text);
        text
    }

    fn write(&self, rows: usize, to: &mut String) -> std::fmt::Result {
        let what = if self.by_cum { ", with what they call" } else { "" };
        writeln!(to, "Type: {} ({}) of functions{what}", self.sample_type, self.unit)?;
        for (name, value, seconds, samples) in [
            ("Old", self.total.old, self.old_seconds, self.total.old_samples),
            ("New", self.total.new, self.new_seconds, self.total.new_samples),
        ] {
            write!(to, "{name}: {}", self.value(value))?;
            if let Some(seconds) = seconds {
                let ns = (seconds * 1e9) as i64;
                write!(to, " in {}", label(ns, "nanoseconds", "auto"))?;
            }
            match samples {
                Some(samples) => writeln!(to, ", {samples} samples")?,
                None => writeln!(to)?,
            }
        }
        let total = &self.total;
        let by = match self.compared {
            Compared::PerSecond => " per second",
            Compared::Snapshots => "",
            Compared::Shares => " (not compared: only shares are)",
        };
        if self.compared == Compared::Shares {
            writeln!(to, "Total: {} -> {}{by}", self.value(total.old), self.value(total.new))?;
        } else {
            let (old, new) = match (total.old_per_second, total.new_per_second) {
                (Some(old), Some(new)) => (self.rate(old), self.rate(new)),
                _ => (self.value(total.old), self.value(total.new)),
            };
            write!(to, "Total: {old} -> {new}, {}{by}", percent(total))?;
            match (total.significant, total.probability) {
                (Some(true), Some(p)) => writeln!(to, " (p {})", probability(p))?,
                (Some(false), Some(p)) => writeln!(to, " (p {}: may be chance)", probability(p))?,
                _ => writeln!(to)?,
            }
        }
        self.notes.iter().try_for_each(|note| writeln!(to, "note: {note}"))?;
        let is_time = crate::measurement::scale(1, &self.unit, "ns").1 == "ns";
        for (slower, larger, trend) in PARTS {
            let all: Vec<&Change> = self.functions.iter().filter(|it| self.is_shown(it, trend)).collect();
            if all.is_empty() {
                continue;
            }
            writeln!(to, "\n{} ({}):", if is_time { slower } else { larger }, all.len())?;
            self.write_rows(all.iter().take(if rows == 0 { usize::MAX } else { rows }), to)?;
            if rows > 0 && all.len() > rows {
                writeln!(to, "  … and {} more: pass -nodecount", all.len() - rows)?;
            }
        }
        let changed = self.functions.iter().filter(|change| change.trend != Trend::Same);
        let (by_chance, others): (Vec<&Change>, Vec<&Change>) =
            changed.partition(|change| change.significant == Some(false));
        writeln!(to)?;
        match (&self.counted, others.len(), by_chance.len()) {
            (None, ..) => writeln!(to, "No test: some of this may be by chance.")?,
            (Some(_), 0, _) => writeln!(to, "Nothing changed by more than chance explains.")?,
            (Some(_), _, 0) => writeln!(to, "Nothing else changed.")?,
            (Some(_), _, more) => writeln!(to, "{more} more changed by no more than chance explains.")?,
        }
        if let Some(counted) = &self.counted {
            writeln!(
                to,
                "p: the probability of such a change by the chance of sampling alone ({counted}), for all {} functions \
                 together; below {LEVEL} is significant.",
                self.tested
            )?;
        }
        Ok(())
    }

    fn is_shown(&self, change: &Change, trend: Trend) -> bool {
        change.trend == trend && change.significant.unwrap_or(true)
    }

    fn write_rows<'c>(
        &self,
        rows: impl Iterator<Item = &'c &'c Change>,
        to: &mut String,
    ) -> std::fmt::Result {
        let has_rates = self.compared == Compared::PerSecond;
        let mut table = vec![match has_rates {
            true => ["old", "new", "old/s", "new/s", "change", "p"].map(str::to_owned).to_vec(),
            false => ["old", "new", "change", "p"].map(str::to_owned).to_vec(),
        }];
        let mut names = vec!["function"];
        for change in rows {
            let mut row = vec![self.value(change.old), self.value(change.new)];
            if has_rates {
                row.push(self.rate(change.old_per_second.unwrap_or(0.0)));
                row.push(self.rate(change.new_per_second.unwrap_or(0.0)));
            }
            row.push(percent(change));
            row.push(change.adjusted_probability.map_or_else(|| "-".to_owned(), probability));
            table.push(row);
            names.push(&change.function);
        }
        let columns = table.first().map_or(0, Vec::len);
        let width = |column: usize| {
            table.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for (row, name) in table.iter().zip(names) {
            for (cell, width) in row.iter().zip(&widths) {
                write!(to, "  {cell:>width$}")?;
            }
            writeln!(to, "  {name}")?;
        }
        Ok(())
    }

    fn value(&self, value: i64) -> String {
        label(value, &self.unit, "auto")
    }

    /// A value in a second: `40ms/s`.
    fn rate(&self, value: f64) -> String {
        if value.abs() < 10.0 && value != value.trunc() {
            let unit = crate::measurement::scale(1, &self.unit, "auto").1;
            return format!("{value:.2}{unit}/s");
        }
        format!("{}/s", self.value(value.round() as i64))
    }
}

/// The change in percent: `+58.3%`.
fn percent(change: &Change) -> String {
    match (change.trend, change.percent) {
        (Trend::New, _) => "new".to_owned(),
        (Trend::Gone, _) => "gone".to_owned(),
        (_, Some(by)) if by.abs() >= 1000.0 => format!("{by:+.0}%"),
        (_, Some(by)) => format!("{by:+.1}%"),
        (_, None) => "-".to_owned(),
    }
}

fn probability(p: f64) -> String {
    if p < 0.001 { "<0.001".to_owned() } else { format!("{p:.3}") }
}

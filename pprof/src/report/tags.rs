//! `tags`: the values of samples by their labels.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};

use serde::Serialize;

use crate::error::ReportError;
use crate::graph::Work;
use crate::measurement::{label, percentage};
use crate::profile::{Label, LabelValue};
use crate::refine::Refined;

/// The values of samples by their labels. Values are in [`Tags::unit`], not yet divided by `divide_by`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Tags {
    /// The sample type: `cpu`.
    pub sample_type: String,
    /// The unit of the values, as in the file: `nanoseconds`.
    pub unit: String,
    /// The unit in which the text shows values: `ms`, or `minimum`.
    pub output_unit: String,
    /// What values are divided by where they are shown.
    pub divide_by: f64,
    /// What 100 % is.
    pub total: i64,
    /// The keys of labels, by name.
    pub keys: Vec<Key>,
}

/// A key of labels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Key {
    /// The key.
    pub name: String,
    /// The value of all samples with it.
    pub total: i64,
    /// Whether a value of it is a number.
    pub is_number: bool,
    /// Its values and the value of the samples with each, the largest first.
    pub values: Vec<(String, i64)>,
}

/// What was found of a key.
#[derive(Default)]
struct Found {
    total: i64,
    is_number: bool,
    values: HashMap<String, i64>,
}

impl Tags {
    /// Counts a profile that was refined.
    ///
    /// # Errors
    /// If it was stopped.
    pub fn from_refined(refined: &Refined, work: &mut Work<'_>) -> Result<Tags, ReportError> {
        let profile = &refined.profile;
        // By set of labels, each of which is walked once.
        let mut of_sets = vec![0i64; profile.label_sets.len()];
        let mut is_used = vec![false; of_sets.len()];
        for (set, value) in profile.samples.label_sets.iter().zip(&refined.values) {
            work.add_frames(1)?;
            if let Some(sum) = of_sets.get_mut(*set as usize) {
                *sum = sum.wrapping_add(*value);
                is_used[*set as usize] = true;
            }
        }
        // By label, each of which is written once.
        let mut of_labels: HashMap<Label, i64> = HashMap::new();
        for ((labels, sum), _) in
            profile.label_sets.iter().zip(&of_sets).zip(&is_used).filter(|(_, used)| **used)
        {
            work.add_frames(1 + labels.len())?;
            for of in labels {
                let of_label = of_labels.entry(*of).or_default();
                *of_label = of_label.wrapping_add(*sum);
            }
        }
        let mut keys: BTreeMap<&str, Found> = BTreeMap::new();
        for (of, sum) in of_labels {
            work.add_frames(1)?;
            let key = profile.text(of.key);
            let found = keys.entry(key).or_default();
            let value = match of.value {
                LabelValue::Text(text) => profile.text(text).to_owned(),
                LabelValue::Number { value, .. } => {
                    found.is_number = true;
                    let unit = refined.label_units.get(key).map_or("", String::as_str);
                    label(value, unit, &refined.settings.unit)
                }
            };
            found.total = found.total.wrapping_add(sum);
            let value = found.values.entry(value).or_default();
            *value = value.wrapping_add(sum);
        }
        let key = |(name, Found { total, is_number, values }): (&str, Found)| {
            let mut values: Vec<(String, i64)> = values.into_iter().collect();
            values.sort_by(|left, right| {
                right.1.wrapping_abs().cmp(&left.1.wrapping_abs()).then_with(|| left.0.cmp(&right.0))
            });
            Key { name: name.to_owned(), total, is_number, values }
        };
        Ok(Tags {
            sample_type: refined.kind.clone(),
            unit: refined.unit.clone(),
            output_unit: refined.settings.unit.clone(),
            divide_by: refined.settings.divide_by,
            total: refined.total,
            keys: keys.into_iter().map(key).collect(),
        })
    }

    /// A value as the text shows it: `4.92s`.
    pub fn value(&self, value: i64) -> String {
        super::cells::value(value, self.divide_by, &self.unit, &self.output_unit)
    }

    /// Writes the text of `pprof -tags`.
    ///
    /// # Errors
    /// If `to` cannot be written.
    pub fn write(&self, to: &mut dyn Write) -> io::Result<()> {
        for key in &self.keys {
            let share = |value| {
                if self.total > 0 { format!(" ({})", percentage(value, self.total)) } else { String::new() }
            };
            // Columns are as wide as their widest cell and a space, and aligned at the right.
            let name = format!("{}:", key.name);
            let width = name.chars().count().max(1) + 1;
            let (total, all) = (self.value(key.total), self.value(self.total));
            writeln!(to, "{name:>width$} Total {total} of {all}{}", share(key.total))?;
            let cells: Vec<String> = key
                .values
                .iter()
                .map(|(_, value)| format!("{}{}:", self.value(*value), share(*value)))
                .collect();
            let cell_width = cells.iter().map(|cell| cell.chars().count()).max().unwrap_or(0) + 1;
            for (cell, (text, _)) in cells.iter().zip(&key.values) {
                writeln!(to, "{:width$}{cell:>cell_width$} {text}", "")?;
            }
            writeln!(to)?;
        }
        Ok(())
    }
}

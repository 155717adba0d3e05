//! `traces`: every sample with its labels and its stack.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;

use crate::error::ReportError;
use crate::graph::Frames;
use crate::measurement::label;
use crate::profile::{Label, LabelValue};
use crate::refine::Refined;
use crate::stop::Stop;

const SEPARATOR: &str = "-----------+-------------------------------------------------------";

/// The samples of a profile as texts, one after the other: a profile with a million samples is not kept twice.
#[derive(Debug)]
pub struct Traces<'p> {
    refined: &'p Refined,
    frames: Frames<'p>,
    /// The names of frames, each written once.
    names: Vec<OnceCell<Arc<str>>>,
}

/// A sample.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Trace {
    /// Its labels, texts before numbers: keys with their values.
    pub labels: Vec<(String, String)>,
    /// Its value.
    pub value: i64,
    /// Its frames, leaf first, and whether each is inlined.
    pub frames: Vec<(Arc<str>, bool)>,
}

impl<'p> Traces<'p> {
    /// The samples of a profile.
    pub fn new(refined: &'p Refined) -> Traces<'p> {
        let frames = Frames::new(&refined.profile, false, None);
        let names = vec![OnceCell::new(); frames.infos.len()];
        Traces { refined, frames, names }
    }

    /// The samples with a stack, in the order of the profile.
    pub fn iter(&self) -> impl Iterator<Item = Trace> + '_ {
        (0..self.refined.profile.samples.len()).filter_map(|at| self.trace(at))
    }

    fn trace(&self, at: usize) -> Option<Trace> {
        let refined = self.refined;
        let mut frames = Vec::new();
        for location in refined.profile.stack(at) {
            let infos = self.frames.of(*location);
            for (depth, info) in infos.iter().enumerate() {
                let (at, is_inlined) = (*info as usize, depth + 1 != infos.len());
                let info = self.frames.infos.get(at)?;
                let name = self.names.get(at)?.get_or_init(|| self.frames.printable(info).into());
                frames.push((name.clone(), is_inlined));
            }
        }
        if frames.is_empty() {
            return None;
        }
        let value = refined.values.get(at).copied().unwrap_or(0);
        let divisor = refined.divisors.as_ref().and_then(|divisors| divisors.get(at)).copied().unwrap_or(0);
        let value = if divisor == 0 { value } else { value.wrapping_div(divisor) };
        Some(Trace { labels: self.labels(refined.profile.labels(at)), value, frames })
    }

    fn labels(&self, labels: &[Label]) -> Vec<(String, String)> {
        let profile = &self.refined.profile;
        let mut texts: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        let mut numbers: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for of in labels {
            let key = profile.text(of.key);
            match of.value {
                LabelValue::Text(text) => texts.entry(key).or_default().push(profile.text(text).to_owned()),
                LabelValue::Number { value, .. } => {
                    let unit = self.refined.label_units.get(key).map_or("", String::as_str);
                    numbers.entry(key).or_default().push(label(value, unit, "auto"));
                }
            }
        }
        let sorted = |of: BTreeMap<&str, Vec<String>>| {
            let mut all: Vec<_> =
                of.into_iter().map(|(key, values)| (key.to_owned(), values.join(" "))).collect();
            // The lines are sorted, in which short keys are aligned at the right.
            all.sort_by_cached_key(|(key, values)| format!("{key:>10}:  {values}"));
            all
        };
        [sorted(texts), sorted(numbers)].concat()
    }

    /// Writes the text of `pprof -traces`.
    ///
    /// # Errors
    /// If it was stopped, or `to` cannot be written.
    pub fn write(&self, stop: Stop<'_>, to: &mut dyn Write) -> Result<(), ReportError> {
        let unit = &self.refined.settings.unit;
        super::legend::write(&self.refined.header(unit), to)?;
        for (at, trace) in self.iter().enumerate() {
            if at % 1024 == 0 {
                stop.check()?;
            }
            writeln!(to, "{SEPARATOR}")?;
            for (key, values) in &trace.labels {
                writeln!(to, "{key:>10}:  {values}")?;
            }
            let mut value = self.refined.format_value(trace.value, unit);
            for (name, is_inline) in &trace.frames {
                let inline = if *is_inline { " (inline)" } else { "" };
                writeln!(to, "{value:>10}   {name}{inline}")?;
                value.clear();
            }
        }
        writeln!(to, "{SEPARATOR}")?;
        Ok(())
    }
}

//! One of the two profiles, summed up by function.

use std::collections::HashMap;

use super::counts::Counted;
use crate::error::ReportError;
use crate::profile::TextId;
use crate::refine::Refined;
use crate::settings::Granularity;
use crate::stop::Stop;

/// Steps between two questions whether to stop.
const STEPS: usize = 4096;

/// The sums of one function, or of all.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Tally {
    pub(super) value: i64,
    pub(super) samples: f64,
}

impl Tally {
    fn add(&mut self, other: Tally) {
        self.value = self.value.saturating_add(other.value);
        self.samples += other.samples;
    }
}

/// The sums of a profile.
#[derive(Debug, Default)]
pub(super) struct Side {
    pub(super) total: Tally,
    pub(super) functions: HashMap<String, Tally>,
    /// Whether a value is below 0, so that it is a difference itself.
    pub(super) has_negative: bool,
}

/// What tells a node from another one at the granularity of the profile.
type Key = (TextId, TextId, i64, u64);

impl Side {
    /// Sums up. With `by_cum`, what a function calls counts for it, once for a stack.
    pub(super) fn of(
        refined: &Refined,
        counted: Option<Counted>,
        by_cum: bool,
        stop: Stop<'_>,
    ) -> Result<Side, ReportError> {
        let profile = &refined.profile;
        let mut side = Side::default();
        let mut by_stack = vec![Tally::default(); profile.stacks.len()];
        for (at, stack) in profile.samples.stacks.iter().enumerate() {
            if at % STEPS == 0 {
                stop.check()?;
            }
            let value = refined.values.get(at).copied().unwrap_or(0);
            let samples = counted.map_or(0.0, |counted| counted.count(profile.values(at)));
            side.has_negative |= value < 0 || samples < 0.0;
            let tally = Tally { value: refined.divided(value), samples };
            side.total.add(tally);
            if let Some(sum) = by_stack.get_mut(*stack as usize) {
                sum.add(tally);
            }
        }
        let mut nodes = Nodes::default();
        let of_location: Vec<Vec<usize>> =
            (0..profile.locations.len()).map(|at| nodes.of(refined, at)).collect();
        // By node: the last stack that counted for it.
        let (mut sums, mut last) =
            (vec![Tally::default(); nodes.names.len()], vec![usize::MAX; nodes.names.len()]);
        for (at, (stack, tally)) in profile.stacks.iter().zip(&by_stack).enumerate() {
            if at % STEPS == 0 {
                stop.check()?;
            }
            if *tally == Tally::default() {
                continue;
            }
            let frames = stack.iter().filter_map(|location| of_location.get(location.0 as usize)).flatten();
            for node in frames.take(if by_cum { usize::MAX } else { 1 }) {
                if let (Some(sum), Some(last)) = (sums.get_mut(*node), last.get_mut(*node))
                    && *last != at
                {
                    *last = at;
                    sum.add(*tally);
                }
            }
        }
        for (name, sum) in nodes.names.into_iter().zip(sums) {
            if sum != Tally::default() {
                side.functions.entry(name).or_default().add(sum);
            }
        }
        Ok(side)
    }
}

/// The nodes of a profile by their names.
#[derive(Debug, Default)]
struct Nodes {
    known: HashMap<Key, usize>,
    names: Vec<String>,
}

impl Nodes {
    /// The nodes of a location, the innermost inlined call first.
    fn of(&mut self, refined: &Refined, location: usize) -> Vec<usize> {
        let profile = &refined.profile;
        let Some(location) = profile.locations.get(location) else { return Vec::new() };
        // Two versions of a program have their functions at other addresses and lines.
        let (has_file, has_line, has_address) = match refined.settings.granularity {
            Granularity::Default | Granularity::Functions => (false, false, false),
            Granularity::FileFunctions | Granularity::Files => (true, false, false),
            Granularity::Lines => (true, true, false),
            Granularity::Addresses => (true, true, true),
        };
        let address = if has_address { location.address } else { 0 };
        let mut key = |key: Key, name: &dyn Fn() -> String| {
            *self.known.entry(key).or_insert_with(|| {
                self.names.push(name());
                self.names.len() - 1
            })
        };
        if location.lines.is_empty() {
            let file = location.mapping.map_or(TextId::EMPTY, |mapping| profile.mapping(mapping).file);
            let name = || match (profile.text(file), address) {
                ("", 0) => "<unknown>".to_owned(),
                (file, 0) => format!("[{}]", crate::paths::file_name(file)),
                (_, address) => format!("{address:016x}"),
            };
            return vec![key((file, TextId::EMPTY, -1, address), &name)];
        }
        let of_line = |line: &crate::profile::Line| {
            let function = profile.function(line.function);
            let file = if has_file { function.file } else { TextId::EMPTY };
            let line = if has_line { line.line } else { 0 };
            let name = || {
                let mut parts = Vec::new();
                if address != 0 {
                    parts.push(format!("{address:016x}"));
                }
                if !function.name.is_empty() {
                    parts.push(profile.text(function.name).to_owned());
                }
                match (profile.text(file), line) {
                    ("", _) => {}
                    (file, 0) => parts.push(file.to_owned()),
                    (file, line) => parts.push(format!("{file}:{line}")),
                }
                if parts.is_empty() { "<unknown>".to_owned() } else { parts.join(" ") }
            };
            key((function.name, file, line, address), &name)
        };
        location.lines.iter().map(of_line).collect()
    }
}

//! When samples were taken: values by time and thread, of profiles whose samples have a label with their time.

mod times;

#[cfg(test)]
mod tests;

use std::collections::HashMap;

use serde::Serialize;

use crate::flame::{Class, Stacks};
use crate::profile::{Label, LabelValue, Profile};
use crate::refine::Refined;
use crate::stop::{Stop, Stopped};
pub use times::{KEYS, TimeKey};

/// The most threads; the values of others are in one lane.
const LANES: usize = 100;
/// After this many samples, [`Stop`] is asked.
const STEPS: usize = 4096;

/// Values by time and thread.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Timeline {
    /// The key of the label with the time.
    pub key: String,
    /// When the first sample was taken, in nanoseconds, since 1970 if the label says so.
    pub start_ns: i64,
    /// When the last one was taken.
    pub end_ns: i64,
    /// How many parts the time is divided into.
    pub parts: usize,
    /// Names of classes of code, in the order of the values.
    pub classes: Vec<&'static str>,
    /// The threads, the heaviest first.
    pub lanes: Vec<Lane>,
    /// How many samples have no time.
    pub without_time: usize,
}

/// A thread.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Lane {
    /// The name of the thread, or its number, or `all`.
    pub name: String,
    /// The sum of its values, without their signs.
    pub total: u128,
    /// By part of the time, and in it by class of the innermost frame: sums of values without their signs.
    pub values: Vec<[u128; Class::ALL.len()]>,
}

impl Timeline {
    /// The timeline of a profile, in `parts` parts; `None` if its samples have no times.
    ///
    /// # Errors
    /// [`Stopped`].
    pub fn new(refined: &Refined, parts: usize, stop: Stop<'_>) -> Result<Option<Timeline>, Stopped> {
        let profile = &refined.profile;
        let Some(key) = TimeKey::of(profile) else { return Ok(None) };
        let mut of_sets: Vec<Option<i64>> = Vec::with_capacity(profile.label_sets.len());
        for (at, set) in profile.label_sets.iter().enumerate() {
            if at % STEPS == 0 {
                stop.check()?;
            }
            of_sets.push(key.time_ns(profile, set));
        }
        let set_of = |at: usize| profile.samples.label_sets.get(at).map_or(usize::MAX, |set| *set as usize);
        let time_of = |at: usize| of_sets.get(set_of(at)).copied().flatten();
        let count = profile.samples.len();
        let (mut start, mut end, mut without_time) = (i64::MAX, i64::MIN, 0);
        for at in 0..count {
            if at % STEPS == 0 {
                stop.check()?;
            }
            match time_of(at) {
                Some(time) => (start, end) = (start.min(time), end.max(time)),
                None => without_time += 1,
            }
        }
        if start > end {
            return Ok(None);
        }
        let classes = classes_of_stacks(refined, stop)?;
        let parts = parts.max(1);
        let mut lanes = Lanes::default();
        for at in 0..count {
            if at % STEPS == 0 {
                stop.check()?;
            }
            let Some(time) = time_of(at) else { continue };
            let width = u128::from(end.abs_diff(start)) + 1;
            let part = (u128::from(time.abs_diff(start)) * parts as u128 / width) as usize;
            let class = classes.get(profile.samples.stacks[at] as usize).copied().unwrap_or(Class::Unknown);
            let value = refined.values.get(at).copied().unwrap_or(0).unsigned_abs();
            let lane = lanes.of(profile, set_of(at));
            *lane.entry(part).or_default().entry(class).or_default() += u128::from(value);
        }
        Ok(Some(Timeline {
            key: key.name.to_owned(),
            start_ns: start,
            end_ns: end,
            parts,
            classes: Class::ALL.iter().map(|class| class.name()).collect(),
            lanes: lanes.finish(parts, stop)?,
            without_time,
        }))
    }
}

/// By stack: the class of its innermost frame.
fn classes_of_stacks(refined: &Refined, stop: Stop<'_>) -> Result<Vec<Class>, Stopped> {
    let profile = &refined.profile;
    // Only the innermost location of each stack, so that this is small for any profile.
    let mut leaves = Profile {
        texts: profile.texts.clone(),
        functions: profile.functions.clone(),
        mappings: profile.mappings.clone(),
        locations: profile.locations.clone(),
        ..Profile::default()
    };
    let mut of_leaf = HashMap::new();
    let leaf_of = |stack: &[crate::profile::LocationId]| stack.first().copied();
    for (at, stack) in profile.stacks.iter().enumerate() {
        if at % STEPS == 0 {
            stop.check()?;
        }
        if let Some(leaf) = leaf_of(stack) {
            of_leaf.entry(leaf).or_insert_with(|| {
                let stack = leaves.stacks.intern(&[leaf]);
                leaves.samples.push(stack, 0, &[]);
                stack
            });
        }
    }
    let stacks = Stacks::new(&leaves, |_| 1, stop)?;
    let class = |leaf| {
        let place = of_leaf.get(&leaf).and_then(|stack| stacks.stack(*stack as usize).last());
        place.map_or(Class::Unknown, |place| stacks.frame(place.frame()).class)
    };
    Ok(profile.stacks.iter().map(|stack| leaf_of(stack).map_or(Class::Unknown, class)).collect())
}

type Parts = HashMap<usize, HashMap<Class, u128>>;

/// Lanes while they are filled.
#[derive(Default)]
struct Lanes {
    numbers: HashMap<String, usize>,
    of_sets: HashMap<usize, usize>,
    names: Vec<String>,
    parts: Vec<Parts>,
}

impl Lanes {
    fn of(&mut self, profile: &Profile, set: usize) -> &mut Parts {
        let number = match self.of_sets.get(&set) {
            Some(number) => *number,
            None => {
                let labels = u32::try_from(set).map_or(&[][..], |set| profile.label_sets.get(set));
                let name = thread(profile, labels);
                let next = self.names.len();
                let number = *self.numbers.entry(name.clone()).or_insert(next);
                if number == next {
                    self.names.push(name);
                    self.parts.push(Parts::default());
                }
                self.of_sets.insert(set, number);
                number
            }
        };
        &mut self.parts[number]
    }

    fn finish(self, parts: usize, stop: Stop<'_>) -> Result<Vec<Lane>, Stopped> {
        stop.check()?;
        let sum = |of: &Parts| of.values().flat_map(HashMap::values).sum::<u128>();
        let mut all: Vec<(String, u128, Parts)> =
            self.names.into_iter().zip(self.parts).map(|(name, of)| (name, sum(&of), of)).collect();
        all.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        let rest = all.split_off(all.len().min(LANES));
        let mut lanes: Vec<Lane> = all
            .into_iter()
            .map(|(name, total, of)| {
                let mut lane = Lane { name, total, values: vec![Default::default(); parts] };
                lane.add(&of);
                lane
            })
            .collect();
        if !rest.is_empty() {
            let name = format!("{} more threads", rest.len());
            let mut lane = Lane { name, total: 0, values: vec![Default::default(); parts] };
            for (at, (_, total, of)) in rest.iter().enumerate() {
                if at % STEPS == 0 {
                    stop.check()?;
                }
                lane.total += total;
                lane.add(of);
            }
            lanes.push(lane);
        }
        Ok(lanes)
    }
}

impl Lane {
    fn add(&mut self, parts: &Parts) {
        for (part, classes) in parts {
            for (class, value) in classes {
                self.values[*part][class.number()] += value;
            }
        }
    }
}

/// The thread of a sample: its name, otherwise its number.
fn thread(profile: &Profile, labels: &[Label]) -> String {
    let named = |name: &str| {
        let label = labels.iter().find(|label| profile.text(label.key) == name)?;
        Some(match label.value {
            LabelValue::Text(text) => profile.text(text).to_owned(),
            LabelValue::Number { value, .. } => value.to_string(),
        })
    };
    ["thread", "thread name", "thread_name", "tid", "thread id", "thread_id"]
        .iter()
        .find_map(|name| named(name).filter(|text| !text.is_empty()))
        .unwrap_or_else(|| "all".to_owned())
}

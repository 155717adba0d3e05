//! `tagroot` and `tagleaf`: labels as frames.

use std::collections::HashMap;

use crate::error::ReportError;
use crate::measurement::label;
use crate::profile::{
    Function, FunctionId, Label, LabelValue, Line, Lists, Location, LocationId, Profile, TextId,
};
use crate::settings::Settings;
use crate::stop::Stop;

/// Samples between two checks of whether to stop.
const AT_A_TIME: usize = 4096;
/// The most keys of each option.
const MOST_KEYS: usize = 100;

/// Adds to each sample a frame for each key: those of `tagroot` at the root, the first outermost; those of `tagleaf` at
/// the leaf, the last innermost. A sample without such a label gets a frame without a name.
pub(super) fn add(
    profile: &mut Profile,
    settings: &Settings,
    notices: &mut Vec<String>,
    stop: Stop<'_>,
) -> Result<(), ReportError> {
    let keys = |text: &str| -> Vec<String> {
        text.split(',').filter(|key| !key.is_empty()).rev().map(str::to_owned).collect()
    };
    let (roots, leaves) = (keys(&settings.tagroot), keys(&settings.tagleaf));
    if roots.len().max(leaves.len()) > MOST_KEYS {
        return Err(ReportError::Option(format!("tagroot and tagleaf have at most {MOST_KEYS} keys each")));
    }
    let (mut is_root_found, mut is_leaf_found) = (false, false);
    if !roots.is_empty() || !leaves.is_empty() {
        let mut frames = Frames::new(profile, &settings.unit);
        let mut of_sets: HashMap<u32, (Vec<LocationId>, Vec<LocationId>)> = HashMap::new();
        let mut stacks = Lists::new();
        let mut stack: Vec<LocationId> = Vec::new();
        for at in 0..frames.profile.samples.len() {
            if at % AT_A_TIME == 0 {
                stop.check()?;
            }
            let set = frames.profile.samples.label_sets[at];
            let (root, leaf) = of_sets.entry(set).or_insert_with(|| {
                let root = frames.of_set(set, &roots, &mut is_root_found);
                (root, frames.of_set(set, &leaves, &mut is_leaf_found))
            });
            stack.clear();
            stack.extend_from_slice(leaf);
            stack.extend_from_slice(frames.profile.stack(at));
            stack.extend_from_slice(root);
            // The old stack was read; the new one takes its place.
            frames.new_stacks.push(stacks.intern(&stack));
        }
        let new = std::mem::take(&mut frames.new_stacks);
        (profile.stacks, profile.samples.stacks) = (stacks, new);
    }
    if !settings.tagroot.is_empty() && !is_root_found {
        notices.push("TagRoot expression matched no samples".to_owned());
    }
    if !settings.tagleaf.is_empty() && !is_leaf_found {
        notices.push("TagLeaf expression matched no samples".to_owned());
    }
    Ok(())
}

/// The frames that were added, each once.
struct Frames<'a> {
    profile: &'a mut Profile,
    unit: &'a str,
    known: HashMap<(TextId, TextId), LocationId>,
    new_stacks: Vec<u32>,
    next_location: u64,
    next_function: u64,
}

impl<'a> Frames<'a> {
    fn new(profile: &'a mut Profile, unit: &'a str) -> Frames<'a> {
        let next =
            |ids: &[u64], len: usize| ids.iter().max().map_or(len as u64, |largest| *largest).wrapping_add(1);
        let next_location = next(&profile.ids.locations, profile.locations.len());
        let next_function = next(&profile.ids.functions, profile.functions.len());
        Frames { profile, unit, known: HashMap::new(), new_stacks: Vec::new(), next_location, next_function }
    }

    /// A frame for each key, with the values of a set of labels.
    fn of_set(&mut self, set: u32, keys: &[String], is_found: &mut bool) -> Vec<LocationId> {
        let mut frames = Vec::with_capacity(keys.len());
        for key in keys {
            let values = values(self.profile, self.profile.label_sets.get(set), key, self.unit);
            *is_found |= !values.is_empty();
            let (name, file) = (self.profile.texts.intern(&values.join(",")), self.profile.texts.intern(key));
            frames.push(self.frame(name, file));
        }
        frames
    }

    fn frame(&mut self, name: TextId, file: TextId) -> LocationId {
        if let Some(known) = self.known.get(&(name, file)) {
            return *known;
        }
        let profile = &mut *self.profile;
        let function = FunctionId(profile.functions.len() as u32);
        profile.functions.push(Function { name, file, ..Function::default() });
        let location = LocationId(profile.locations.len() as u32);
        let lines = vec![Line { function, line: 0, column: 0 }];
        profile.locations.push(Location { lines, ..Location::default() });
        for (ids, next) in [
            (&mut profile.ids.locations, &mut self.next_location),
            (&mut profile.ids.functions, &mut self.next_function),
        ] {
            if !ids.is_empty() {
                ids.push(*next);
            }
            *next = next.wrapping_add(1);
        }
        self.known.insert((name, file), location);
        location
    }
}

/// The values of the labels with a key: texts, then numbers with their units.
fn values(profile: &Profile, labels: &[Label], key: &str, to_unit: &str) -> Vec<String> {
    let with_key = || labels.iter().filter(|label| profile.text(label.key) == key);
    let mut values: Vec<String> = Vec::new();
    let has_units =
        with_key().any(|label| matches!(label.value, LabelValue::Number { unit, .. } if !unit.is_empty()));
    for found in with_key() {
        values.push(match found.value {
            LabelValue::Text(text) => profile.text(text).to_owned(),
            LabelValue::Number { value, unit } if has_units => label(value, profile.text(unit), to_unit),
            LabelValue::Number { value, .. } => label(value, "", ""),
        });
    }
    values
}

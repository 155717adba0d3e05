//! The sum of profiles: equal samples become one, and tables have what samples refer to, in the order in which they do.

use std::collections::{HashMap, HashSet};

use super::error::MergeError;
use crate::profile::{
    Function, FunctionId, Label, LabelValue, Line, Location, LocationId, Mapping, MappingId, Profile, TextId,
};

/// Merges profiles whose sample types and periods are the same.
pub(super) fn merge(profiles: &[Profile]) -> Result<Profile, MergeError> {
    let mut merger = Merger { into: header(profiles)?, ..Merger::default() };
    for profile in profiles {
        merger.add(profile);
    }
    let merged = merger.into;
    let types = merged.sample_types.len().max(1);
    let has_zero =
        merged.samples.values.chunks_exact(types).any(|values| values.iter().all(|value| *value == 0));
    // What only samples that add up to nothing refer to is dropped, too.
    if has_zero { merge(&[merged]) } else { Ok(merged) }
}

/// What a profile has beside its tables.
fn header(profiles: &[Profile]) -> Result<Profile, MergeError> {
    let first = profiles.first().ok_or(MergeError::None)?;
    let mut into = Profile::default();
    let mut is_commented = HashSet::new();
    for from in profiles {
        check(first, from)?;
        if into.time_ns == 0 || from.time_ns < into.time_ns {
            into.time_ns = from.time_ns;
        }
        into.duration_ns = into.duration_ns.wrapping_add(from.duration_ns);
        if into.period == 0 || into.period < from.period {
            into.period = from.period;
        }
        for comment in &from.comments {
            let comment = into.texts.intern(from.text(*comment));
            if is_commented.insert(comment) {
                into.comments.push(comment);
            }
        }
        for (of, from_text) in [
            (&mut into.default_sample_type, from.text(from.default_sample_type)),
            (&mut into.doc_url, from.text(from.doc_url)),
        ] {
            if of.is_empty() {
                *of = into.texts.intern(from_text);
            }
        }
    }
    let mut value_type = |of: crate::profile::ValueType| crate::profile::ValueType {
        kind: into.texts.intern(first.text(of.kind)),
        unit: into.texts.intern(first.text(of.unit)),
    };
    into.sample_types = first.sample_types.iter().map(|of| value_type(*of)).collect();
    into.period_type = value_type(first.period_type);
    into.drop_frames = into.texts.intern(first.text(first.drop_frames));
    into.keep_frames = into.texts.intern(first.text(first.keep_frames));
    Ok(into)
}

/// Whether two profiles have the same types.
pub(super) fn check(one: &Profile, other: &Profile) -> Result<(), MergeError> {
    let text = |profile: &Profile, of: &crate::profile::ValueType| {
        format!("{} {}", profile.text(of.kind), profile.text(of.unit))
    };
    let all = |profile: &Profile| {
        profile.sample_types.iter().map(|of| text(profile, of)).collect::<Vec<_>>().join(", ")
    };
    let periods = (text(one, &one.period_type), text(other, &other.period_type));
    if periods.0 != periods.1 {
        return Err(MergeError::Incompatible { what: "period type", one: periods.0, other: periods.1 });
    }
    let types = (all(one), all(other));
    if types.0 != types.1 {
        return Err(MergeError::Incompatible { what: "sample types", one: types.0, other: types.1 });
    }
    Ok(())
}

/// What tells a mapping apart: its size in pages, its offset, and its build-id or else its file.
type MappingKey = (u64, u64, TextId);
/// What tells a location apart: its address in its mapping, the mapping, its lines, the last column, and whether it is
/// folded.
type LocationKey = (u64, Option<MappingId>, Vec<(FunctionId, i64)>, i64, bool);

#[derive(Default)]
struct Merger {
    into: Profile,
    mappings: HashMap<MappingKey, MappingId>,
    functions: HashMap<Function, FunctionId>,
    locations: HashMap<LocationKey, LocationId>,
    samples: HashMap<(u32, u32), usize>,
}

/// From the numbers of one profile to those of the sum.
struct Known {
    texts: Vec<Option<TextId>>,
    /// With what to add to addresses in it.
    mappings: Vec<Option<(MappingId, u64)>>,
    functions: Vec<Option<FunctionId>>,
    locations: Vec<Option<LocationId>>,
    stacks: Vec<Option<u32>>,
    label_sets: Vec<Option<u32>>,
}

impl Merger {
    fn add(&mut self, from: &Profile) {
        let mut known = Known {
            texts: vec![None; from.texts.len()],
            mappings: vec![None; from.mappings.len()],
            functions: vec![None; from.functions.len()],
            locations: vec![None; from.locations.len()],
            stacks: vec![None; from.stacks.len()],
            label_sets: vec![None; from.label_sets.len()],
        };
        // The first mapping is the program.
        if self.mappings.is_empty() && !from.mappings.is_empty() {
            self.mapping(from, &mut known, MappingId(0));
        }
        for at in 0..from.samples.len() {
            if from.values(at).iter().any(|value| *value != 0) {
                self.sample(from, &mut known, at);
            }
        }
    }

    fn sample(&mut self, from: &Profile, known: &mut Known, at: usize) {
        let (stack, set) = (from.samples.stacks[at], from.samples.label_sets[at]);
        let new_stack = match known.stacks.get(stack as usize).copied().flatten() {
            Some(known) => known,
            None => {
                let ids = from.stacks.get(stack).iter();
                let ids: Vec<LocationId> = ids.map(|id| self.location(from, known, *id)).collect();
                let new = self.into.stacks.intern(&ids);
                known.stacks[stack as usize] = Some(new);
                new
            }
        };
        let new_set = match known.label_sets.get(set as usize).copied().flatten() {
            Some(known) => known,
            None => {
                let labels = from.label_sets.get(set).iter();
                let labels: Vec<Label> = labels.map(|label| self.label(from, known, label)).collect();
                let new = self.into.label_sets.intern(&labels);
                known.label_sets[set as usize] = Some(new);
                new
            }
        };
        let values = from.values(at);
        let new = self.into.samples.len();
        let at = *self.samples.entry((new_stack, new_set)).or_insert(new);
        if at == new {
            self.into.samples.push(new_stack, new_set, values);
            return;
        }
        let types = values.len();
        let sums = self.into.samples.values.iter_mut().skip(at * types);
        for (sum, value) in sums.zip(values) {
            *sum = sum.wrapping_add(*value);
        }
    }

    fn text(&mut self, from: &Profile, known: &mut Known, id: TextId) -> TextId {
        let Some(known) = known.texts.get_mut(id.0 as usize) else { return TextId::EMPTY };
        *known.get_or_insert_with(|| self.into.texts.intern(from.text(id)))
    }

    fn label(&mut self, from: &Profile, known: &mut Known, label: &Label) -> Label {
        let value = match label.value {
            LabelValue::Text(text) => LabelValue::Text(self.text(from, known, text)),
            LabelValue::Number { value, unit } => {
                LabelValue::Number { value, unit: self.text(from, known, unit) }
            }
        };
        Label { key: self.text(from, known, label.key), value }
    }

    fn location(&mut self, from: &Profile, known: &mut Known, id: LocationId) -> LocationId {
        if let Some(found) = known.locations.get(id.0 as usize).copied().flatten() {
            return found;
        }
        let location = from.location(id);
        let mapping = location.mapping.map(|mapping| self.mapping(from, known, mapping));
        let address = location.address.wrapping_add(mapping.map_or(0, |(_, offset)| offset));
        let mapping = mapping.map(|(mapping, _)| mapping);
        let lines: Vec<Line> = location
            .lines
            .iter()
            .map(|line| Line { function: self.function(from, known, line.function), ..*line })
            .collect();
        let start = mapping.map_or(0, |mapping| self.into.mapping(mapping).start);
        let key = (
            address.wrapping_sub(start),
            mapping,
            lines.iter().map(|line| (line.function, line.line)).collect(),
            // pprof compares no other column.
            lines.last().map_or(0, |line| line.column),
            location.is_folded,
        );
        let new = LocationId(self.into.locations.len() as u32);
        let found = *self.locations.entry(key).or_insert(new);
        if found == new {
            self.into.locations.push(Location { mapping, address, lines, is_folded: location.is_folded });
        }
        known.locations[id.0 as usize] = Some(found);
        found
    }

    fn function(&mut self, from: &Profile, known: &mut Known, id: FunctionId) -> FunctionId {
        if let Some(found) = known.functions.get(id.0 as usize).copied().flatten() {
            return found;
        }
        let function = from.function(id);
        let merged = Function {
            name: self.text(from, known, function.name),
            system_name: self.text(from, known, function.system_name),
            file: self.text(from, known, function.file),
            start_line: function.start_line,
        };
        let new = FunctionId(self.into.functions.len() as u32);
        let found = *self.functions.entry(merged).or_insert(new);
        if found == new {
            self.into.functions.push(merged);
        }
        known.functions[id.0 as usize] = Some(found);
        found
    }

    /// The mapping and what to add to addresses in it: the same file may be mapped elsewhere.
    fn mapping(&mut self, from: &Profile, known: &mut Known, id: MappingId) -> (MappingId, u64) {
        if let Some(found) = known.mappings.get(id.0 as usize).copied().flatten() {
            return found;
        }
        let mapping = *from.mapping(id);
        let file = self.text(from, known, mapping.file);
        let build_id = self.text(from, known, mapping.build_id);
        const PAGE: u64 = 0x1000;
        let size = mapping.limit.wrapping_sub(mapping.start).wrapping_add(PAGE - 1);
        let name = if build_id.is_empty() { file } else { build_id };
        let key = (size - size % PAGE, mapping.offset, name);
        let new = MappingId(self.into.mappings.len() as u32);
        let found = *self.mappings.entry(key).or_insert(new);
        if found == new {
            self.into.mappings.push(Mapping { file, build_id, ..mapping });
        }
        let offset = self.into.mapping(found).start.wrapping_sub(mapping.start);
        known.mappings[id.0 as usize] = Some((found, offset));
        (found, offset)
    }
}

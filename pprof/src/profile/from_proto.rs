//! From the messages of `profile.proto` to columns.

use std::collections::HashMap;

use super::{
    Function, FunctionId, Ids, Label, LabelValue, Line, Location, LocationId, Mapping, MappingId, Profile,
    TextId, ValueType, sort_labels,
};
use crate::proto;

impl Profile {
    /// The same profile in columns. What a message refers to and does not exist is left out; [`crate::read()`] has
    /// refused such files already.
    pub fn from_proto(from: &proto::Profile) -> Profile {
        let mut to = Profile::default();
        let mut text = |to: &mut Profile, index: i64| -> TextId {
            let index = usize::try_from(index).ok();
            index
                .and_then(|index| from.string_table.get(index))
                .map_or(TextId::EMPTY, |text| to.texts.intern(text))
        };
        let value_type =
            |to: &mut Profile, text: &mut dyn FnMut(&mut Profile, i64) -> TextId, of: &proto::ValueType| {
                ValueType { kind: text(to, of.r#type), unit: text(to, of.unit) }
            };
        for of in &from.sample_type {
            let value = value_type(&mut to, &mut text, of);
            to.sample_types.push(value);
        }
        to.period_type = match &from.period_type {
            Some(of) => value_type(&mut to, &mut text, of),
            None => ValueType::default(),
        };
        let mut mappings = HashMap::new();
        for mapping in &from.mapping {
            mappings.insert(mapping.id, MappingId(to.mappings.len() as u32));
            let (file, build_id) = (text(&mut to, mapping.filename), text(&mut to, mapping.build_id));
            to.mappings.push(Mapping {
                start: mapping.memory_start,
                limit: mapping.memory_limit,
                offset: mapping.file_offset,
                file,
                build_id,
                has_functions: mapping.has_functions,
                has_filenames: mapping.has_filenames,
                has_line_numbers: mapping.has_line_numbers,
                has_inline_frames: mapping.has_inline_frames,
            });
        }
        let mut functions = HashMap::new();
        for function in &from.function {
            functions.insert(function.id, FunctionId(to.functions.len() as u32));
            let name = text(&mut to, function.name);
            let system_name = text(&mut to, function.system_name);
            let file = text(&mut to, function.filename);
            to.functions.push(Function { name, system_name, file, start_line: function.start_line });
        }
        let mut locations = HashMap::new();
        for location in &from.location {
            locations.insert(location.id, LocationId(to.locations.len() as u32));
            let line = |line: &proto::Line| {
                functions.get(&line.function_id).map(|function| Line {
                    function: *function,
                    line: line.line,
                    column: line.column,
                })
            };
            to.locations.push(Location {
                mapping: mappings.get(&location.mapping_id).copied(),
                address: location.address,
                lines: location.line.iter().filter_map(line).collect(),
                is_folded: location.is_folded,
            });
        }
        for sample in &from.sample {
            let stack: Vec<LocationId> =
                sample.location_id.iter().filter_map(|id| locations.get(id).copied()).collect();
            let mut labels: Vec<Label> = sample
                .label
                .iter()
                // A label with a key alone says nothing.
                .filter(|label| label.str != 0 || label.num != 0 || label.num_unit != 0)
                .map(|label| {
                    let key = text(&mut to, label.key);
                    let value = if label.str == 0 {
                        LabelValue::Number { value: label.num, unit: text(&mut to, label.num_unit) }
                    } else {
                        LabelValue::Text(text(&mut to, label.str))
                    };
                    Label { key, value }
                })
                .collect();
            sort_labels(&to.texts, &mut labels);
            let (stack, labels) = (to.stacks.intern(&stack), to.label_sets.intern(&labels));
            to.samples.push(stack, labels, &sample.value);
        }
        to.ids = Ids {
            mappings: Ids::of(from.mapping.iter().map(|mapping| mapping.id).collect()),
            locations: Ids::of(from.location.iter().map(|location| location.id).collect()),
            functions: Ids::of(from.function.iter().map(|function| function.id).collect()),
        };
        to.comments = from.comment.iter().map(|comment| text(&mut to, *comment)).collect();
        to.default_sample_type = text(&mut to, from.default_sample_type);
        to.doc_url = text(&mut to, from.doc_url);
        to.drop_frames = text(&mut to, from.drop_frames);
        to.keep_frames = text(&mut to, from.keep_frames);
        (to.time_ns, to.duration_ns, to.period) = (from.time_nanos, from.duration_nanos, from.period);
        to
    }
}

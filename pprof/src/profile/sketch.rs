//! Profiles as a few lines of text, for tests.

use std::collections::HashMap;

use super::{
    Function, FunctionId, Label, LabelValue, Line, Location, LocationId, Mapping, MappingId, Profile, TextId,
    ValueType, sort_labels,
};

/// A profile of lines such as `main;f+g;h 3,30 key=text bytes:1024:kb`: a stack from the root with `+` between a frame and
/// those inlined into it, the values of `samples` and `cpu`, and labels. Function `f` is in `f.rs`, all in `/bin/shop`.
pub(crate) fn sketch(lines: &[&str]) -> Profile {
    let mut profile = Profile::default();
    let text = |profile: &mut Profile, text: &str| profile.texts.intern(text);
    for (kind, unit) in [("samples", "count"), ("cpu", "nanoseconds")] {
        let of = ValueType { kind: text(&mut profile, kind), unit: text(&mut profile, unit) };
        profile.sample_types.push(of);
    }
    profile.period_type = profile.sample_types[1];
    let file = text(&mut profile, "/bin/shop");
    profile.mappings.push(Mapping {
        start: 0x1000,
        limit: 0x9000,
        file,
        has_functions: true,
        has_inline_frames: true,
        ..Mapping::default()
    });
    let mut functions: HashMap<String, FunctionId> = HashMap::new();
    let mut locations: HashMap<String, LocationId> = HashMap::new();
    for line in lines {
        let mut words = line.split(' ');
        let (frames, values) = (words.next().unwrap_or(""), words.next().unwrap_or("1,10"));
        let mut stack = Vec::new();
        for frame in frames.split(';').filter(|frame| !frame.is_empty()).rev() {
            if let Some(known) = locations.get(frame) {
                stack.push(*known);
                continue;
            }
            let mut lines = Vec::new();
            for name in frame.split('+').rev() {
                let next = FunctionId(profile.functions.len() as u32);
                let function = *functions.entry(name.to_owned()).or_insert(next);
                if function == next {
                    let (name, file) = (text(&mut profile, name), text(&mut profile, &format!("{name}.rs")));
                    profile.functions.push(Function { name, system_name: name, file, start_line: 1 });
                }
                lines.push(Line { function, line: 7, column: 3 });
            }
            let id = LocationId(profile.locations.len() as u32);
            let (mapping, address) = (Some(MappingId(0)), 0x1000 + frame.bytes().map(u64::from).sum::<u64>());
            profile.locations.push(Location { mapping, address, lines, is_folded: false });
            locations.insert(frame.to_owned(), id);
            stack.push(id);
        }
        let mut labels: Vec<Label> = words.map(|word| label(&mut profile, word)).collect();
        sort_labels(&profile.texts, &mut labels);
        let (stack, set) = (profile.stacks.intern(&stack), profile.label_sets.intern(&labels));
        let values: Vec<i64> = values.split(',').map(|value| value.parse().expect("a number")).collect();
        profile.samples.push(stack, set, &values);
    }
    profile
}

fn label(profile: &mut Profile, word: &str) -> Label {
    if let Some((key, value)) = word.split_once('=') {
        return Label {
            key: profile.texts.intern(key),
            value: LabelValue::Text(profile.texts.intern(value)),
        };
    }
    let parts: Vec<&str> = word.split(':').collect();
    let unit = parts.get(2).map_or(TextId::EMPTY, |unit| profile.texts.intern(unit));
    let value = LabelValue::Number { value: parts[1].parse().expect("a number"), unit };
    Label { key: profile.texts.intern(parts[0]), value }
}

/// The samples of a profile as such lines.
pub(crate) fn lines(profile: &Profile) -> Vec<String> {
    let line = |at: usize| {
        let stack = profile.stack(at).iter().rev().map(|id| {
            let lines = profile.location(*id).lines.iter().rev();
            let names = lines.map(|line| profile.text(profile.function(line.function).name));
            names.collect::<Vec<_>>().join("+")
        });
        let mut words = vec![stack.collect::<Vec<_>>().join(";")];
        words.push(profile.values(at).iter().map(i64::to_string).collect::<Vec<_>>().join(","));
        words.extend(profile.labels(at).iter().map(|label| {
            let key = profile.text(label.key);
            match label.value {
                LabelValue::Text(text) => format!("{key}={}", profile.text(text)),
                LabelValue::Number { value, unit } if unit.is_empty() => format!("{key}:{value}"),
                LabelValue::Number { value, unit } => format!("{key}:{value}:{}", profile.text(unit)),
            }
        }));
        words.join(" ")
    };
    (0..profile.samples.len()).map(line).collect()
}

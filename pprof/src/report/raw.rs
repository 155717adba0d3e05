//! `raw`: the tables of a profile as text.

use std::collections::BTreeMap;
use std::io::Write;

use crate::error::ReportError;
use crate::moment::{go_duration, go_time};
use crate::profile::{Label, LabelValue, Location, LocationId, Mapping, MappingId, Profile};
use crate::stop::Stop;

/// Characters of a duration that are shown.
const DURATION_LENGTH: usize = 4;

/// Writes the text of `pprof -raw`.
///
/// # Errors
/// If it was stopped, or `to` cannot be written.
pub fn write(profile: &Profile, stop: Stop<'_>, to: &mut dyn Write) -> Result<(), ReportError> {
    for comment in &profile.comments {
        writeln!(to, "Comment: {}", profile.text(*comment))?;
    }
    if !profile.doc_url.is_empty() {
        writeln!(to, "Doc: {}", profile.text(profile.doc_url))?;
    }
    let period = &profile.period_type;
    writeln!(to, "PeriodType: {} {}", profile.text(period.kind), profile.text(period.unit))?;
    writeln!(to, "Period: {}", profile.period)?;
    if profile.time_ns != 0 {
        writeln!(to, "Time: {}", go_time(profile.time_ns))?;
    }
    if profile.duration_ns != 0 {
        let shown: String = go_duration(profile.duration_ns).chars().take(DURATION_LENGTH).collect();
        writeln!(to, "Duration: {shown}")?;
    }
    writeln!(to, "Samples:")?;
    let types = profile.sample_types.iter().map(|of| {
        let default = if of.kind == profile.default_sample_type { "[dflt]" } else { "" };
        format!("{}/{}{default}", profile.text(of.kind), profile.text(of.unit))
    });
    writeln!(to, "{}", types.collect::<Vec<_>>().join(" ").trim())?;
    for at in 0..profile.samples.len() {
        if at % 1024 == 0 {
            stop.check()?;
        }
        for value in profile.values(at) {
            write!(to, " {value:>10}")?;
        }
        write!(to, ": ")?;
        for location in profile.stack(at) {
            write!(to, "{} ", profile.id_of_location(*location))?;
        }
        writeln!(to)?;
        write_labels(profile, profile.labels(at), to)?;
    }
    writeln!(to, "Locations")?;
    for (id, location) in (0..).map(LocationId).zip(&profile.locations) {
        if id.0 % 1024 == 0 {
            stop.check()?;
        }
        write_location(profile, id, location, to)?;
    }
    writeln!(to, "Mappings")?;
    for (id, mapping) in (0..).map(MappingId).zip(&profile.mappings) {
        write_mapping(profile, id, mapping, to)?;
    }
    Ok(())
}

/// The text labels of a sample in one line, its numbers in another.
fn write_labels(profile: &Profile, labels: &[Label], to: &mut dyn Write) -> Result<(), ReportError> {
    let mut texts: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let mut numbers: BTreeMap<&str, Vec<(i64, &str)>> = BTreeMap::new();
    for of in labels {
        let key = profile.text(of.key);
        match of.value {
            LabelValue::Text(text) => texts.entry(key).or_default().push(profile.text(text).to_owned()),
            LabelValue::Number { value, unit } => {
                numbers.entry(key).or_default().push((value, profile.text(unit)));
            }
        }
    }
    let numbers = numbers.into_iter().map(|(key, values)| {
        // Either all numbers of a key have a unit, or none.
        let has_units = values.iter().any(|(_, unit)| !unit.is_empty());
        let shown = |(value, unit): &(i64, &str)| {
            if has_units { format!("{value} {unit}") } else { value.to_string() }
        };
        (key, values.iter().map(shown).collect::<Vec<_>>())
    });
    for all in [texts.into_iter().collect::<Vec<_>>(), numbers.collect()] {
        let mut shown: Vec<String> =
            all.into_iter().map(|(key, values)| format!("{key}:[{}]", values.join(" "))).collect();
        shown.sort();
        if !shown.is_empty() {
            writeln!(to, "{:16}{}", "", shown.join(" "))?;
        }
    }
    Ok(())
}

fn write_location(
    profile: &Profile,
    id: LocationId,
    location: &Location,
    to: &mut dyn Write,
) -> Result<(), ReportError> {
    write!(to, "{:>6}: {:#x} ", profile.id_of_location(id), location.address)?;
    if let Some(mapping) = location.mapping {
        write!(to, "M={} ", profile.id_of_mapping(mapping))?;
    }
    if location.is_folded {
        write!(to, "[F] ")?;
    }
    if location.lines.is_empty() {
        writeln!(to)?;
    }
    for (at, line) in location.lines.iter().enumerate() {
        if at > 0 {
            write!(to, "{:13}", "")?;
        }
        let function = profile.function(line.function);
        let (name, file) = (profile.text(function.name), profile.text(function.file));
        write!(to, "{name} {file}:{}:{} s={}", line.line, line.column, function.start_line)?;
        if function.name != function.system_name {
            write!(to, "({})", profile.text(function.system_name))?;
        }
        writeln!(to)?;
    }
    Ok(())
}

fn write_mapping(
    profile: &Profile,
    id: MappingId,
    mapping: &Mapping,
    to: &mut dyn Write,
) -> Result<(), ReportError> {
    let marks = [
        (mapping.has_functions, "[FN]"),
        (mapping.has_filenames, "[FL]"),
        (mapping.has_line_numbers, "[LN]"),
        (mapping.has_inline_frames, "[IN]"),
    ];
    let marks: String = marks.into_iter().filter(|(is_set, _)| *is_set).map(|(_, mark)| mark).collect();
    let Mapping { start, limit, offset, file, build_id, .. } = *mapping;
    let (file, build_id) = (profile.text(file), profile.text(build_id));
    writeln!(
        to,
        "{}: {start:#x}/{limit:#x}/{offset:#x} {file} {build_id} {marks}",
        profile.id_of_mapping(id)
    )?;
    Ok(())
}

//! Checks that a profile has everything it refers to.

use std::collections::HashSet;

use crate::proto::Profile;

/// Checks that ids are unique and not 0, that every id and string that is referred to exists, and that each sample
/// has one value per sample type.
///
/// # Errors
/// The first violation, as text.
pub(crate) fn check(profile: &Profile) -> Result<(), String> {
    if profile.sample_type.is_empty() {
        return Err("it has no sample type".to_owned());
    }
    if profile.string_table.first().is_some_and(|first| !first.is_empty()) {
        return Err("its first string is not empty".to_owned());
    }
    let texts = profile.string_table.len() as i64;
    let text = |index: i64| {
        if (0..texts.max(1)).contains(&index) { Ok(()) } else { Err(format!("string {index} is missing")) }
    };
    let functions: HashSet<u64> = profile.function.iter().map(|function| function.id).collect();
    let mappings: HashSet<u64> = profile.mapping.iter().map(|mapping| mapping.id).collect();
    let locations: HashSet<u64> = profile.location.iter().map(|location| location.id).collect();
    let tables = [
        ("function", functions.len(), profile.function.len(), functions.contains(&0)),
        ("mapping", mappings.len(), profile.mapping.len(), mappings.contains(&0)),
        ("location", locations.len(), profile.location.len(), locations.contains(&0)),
    ];
    for (what, distinct, all, has_zero) in tables {
        if distinct != all || has_zero {
            return Err(format!("two {what}s have the same id, or one has id 0"));
        }
    }
    for value_type in profile.sample_type.iter().chain(&profile.period_type) {
        text(value_type.r#type)?;
        text(value_type.unit)?;
    }
    for mapping in &profile.mapping {
        text(mapping.filename)?;
        text(mapping.build_id)?;
    }
    for function in &profile.function {
        text(function.name)?;
        text(function.system_name)?;
        text(function.filename)?;
    }
    for location in &profile.location {
        if location.mapping_id != 0 && !mappings.contains(&location.mapping_id) {
            return Err(format!("mapping {} is missing", location.mapping_id));
        }
        if let Some(line) = location.line.iter().find(|line| !functions.contains(&line.function_id)) {
            return Err(format!("function {} is missing", line.function_id));
        }
    }
    for sample in &profile.sample {
        if sample.value.len() != profile.sample_type.len() {
            return Err(format!(
                "a sample has {} values for {} types",
                sample.value.len(),
                profile.sample_type.len()
            ));
        }
        if let Some(missing) = sample.location_id.iter().find(|id| !locations.contains(id)) {
            return Err(format!("location {missing} is missing"));
        }
        for label in &sample.label {
            text(label.key)?;
            text(label.str)?;
            text(label.num_unit)?;
        }
    }
    Ok(())
}

//! The units of labels with numbers.

use std::collections::{BTreeMap, BTreeSet};

use crate::profile::{LabelValue, Profile};

/// By key: the unit that its numbers have first; without any, one that the key suggests. Tells in `notices` which keys
/// have other units, too.
pub(super) fn find(profile: &Profile, notices: &mut Vec<String>) -> BTreeMap<String, String> {
    let mut units: BTreeMap<String, String> = BTreeMap::new();
    let mut others: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for label in profile.label_sets.iter().flatten() {
        let LabelValue::Number { unit, .. } = label.value else { continue };
        let (key, unit) = (profile.text(label.key), profile.text(unit));
        match units.get_mut(key) {
            None => {
                units.insert(key.to_owned(), unit.to_owned());
            }
            Some(known) if known.is_empty() => unit.clone_into(known),
            Some(known) if !unit.is_empty() && known != unit => {
                others.entry(key.to_owned()).or_default().insert(unit.to_owned());
            }
            Some(_) => {}
        }
    }
    for (key, unit) in &mut units {
        if unit.is_empty() {
            let suggested = if matches!(key.as_str(), "alignment" | "request") { "bytes" } else { key };
            suggested.clone_into(unit);
        }
    }
    for (key, others) in others {
        let others: Vec<&str> = others.iter().map(String::as_str).collect();
        let used = units.get(&key).map_or("", String::as_str);
        let others = others.join(", ");
        notices.push(format!("For tag {key} used unit {used}, also encountered unit(s) {others}"));
    }
    units
}

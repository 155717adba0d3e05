//! Makes profiles have the same sample types in the same units.

use std::collections::HashMap;

use super::error::MergeError;
use super::scaling::{rounded, scale};
use crate::measurement;
use crate::profile::{Profile, ValueType};

/// Leaves the sample types that all profiles have, in the order of the first.
pub(super) fn common_sample_types(profiles: &mut [Profile]) -> Result<(), MergeError> {
    let Some(first) = profiles.first() else { return Err(MergeError::None) };
    let mut counts: HashMap<String, usize> = HashMap::new();
    for profile in profiles.iter() {
        for of in &profile.sample_types {
            *counts.entry(profile.text(of.kind).to_owned()).or_default() += 1;
        }
    }
    let names = first.sample_types.iter().map(|of| first.text(of.kind));
    let common: Vec<String> =
        names.filter(|name| counts.get(*name) == Some(&profiles.len())).map(str::to_owned).collect();
    if common.is_empty() {
        return Err(MergeError::SampleTypes);
    }
    for profile in profiles {
        select(profile, &common)?;
    }
    Ok(())
}

/// Leaves the sample types `wanted` in their order.
fn select(profile: &mut Profile, wanted: &[String]) -> Result<(), MergeError> {
    let mut known: HashMap<&str, usize> = HashMap::new();
    for (at, of) in profile.sample_types.iter().enumerate() {
        known.entry(profile.text(of.kind)).or_insert(at);
    }
    let positions = wanted.iter().map(|name| known.get(&**name).copied());
    let positions: Vec<usize> = positions.collect::<Option<_>>().ok_or(MergeError::SampleTypes)?;
    let types = profile.sample_types.len();
    if types == wanted.len() && positions.iter().enumerate().all(|(at, position)| at == *position) {
        return Ok(());
    }
    let default = profile.text(profile.default_sample_type);
    if !wanted.iter().any(|name| name == default) {
        profile.default_sample_type = profile.texts.intern(wanted.first().map_or("", String::as_str));
    }
    let samples = profile.samples.values.chunks_exact(types);
    profile.samples.values =
        samples.flat_map(|sample| positions.iter().filter_map(|at| sample.get(*at).copied())).collect();
    profile.sample_types = positions.iter().filter_map(|at| profile.sample_types.get(*at).copied()).collect();
    Ok(())
}

/// A type and its unit as text.
type Named = (String, String);

/// Scales values and periods to the finest unit of all profiles.
pub(super) fn common_units(profiles: &mut [Profile]) -> Result<(), MergeError> {
    if profiles.len() < 2 {
        return Ok(());
    }
    let named = |profile: &Profile, of: ValueType| -> Named {
        (profile.text(of.kind).to_owned(), profile.text(of.unit).to_owned())
    };
    let period = finest("period type", profiles.iter().map(|profile| named(profile, profile.period_type)))?;
    let types = profiles.first().map_or(0, |first| first.sample_types.len());
    let mut units = Vec::with_capacity(types);
    for at in 0..types {
        let all = profiles.iter().filter_map(|profile| Some(named(profile, *profile.sample_types.get(at)?)));
        units.push(finest("sample types", all)?);
    }
    for profile in profiles {
        let ratio = |from: &str, to: &str| measurement::scale(1, from, to).0;
        let (_, unit) = named(profile, profile.period_type);
        profile.period = truncated(measurement::scale(profile.period, &unit, &period).0);
        profile.period_type.unit = profile.texts.intern(&period);
        let mut ratios = Vec::with_capacity(types);
        for (at, unit) in units.iter().enumerate() {
            let Some(of) = profile.sample_types.get(at).copied() else { continue };
            ratios.push(ratio(profile.text(of.unit), unit));
            profile.sample_types[at].unit = profile.texts.intern(unit);
        }
        scale(profile, &ratios);
    }
    Ok(())
}

fn truncated(value: f64) -> i64 {
    rounded(value.trunc())
}

/// The finest unit of types that must be compatible.
fn finest(what: &'static str, types: impl Iterator<Item = Named>) -> Result<String, MergeError> {
    let mut found: Option<Named> = None;
    for next in types {
        let Some(finest) = &found else {
            found = Some(next);
            continue;
        };
        if !are_compatible(finest, &next) {
            let text = |of: &Named| format!("{} {}", of.0, of.1);
            return Err(MergeError::Incompatible { what, one: text(finest), other: text(&next) });
        }
        if measurement::scale(1, &next.1, &finest.1).0 < 1.0 {
            found = Some(next);
        }
    }
    Ok(found.map(|(_, unit)| unit).unwrap_or_default())
}

/// Whether values can be converted: the same type, with or without an `s`, in units of the same kind.
fn are_compatible(one: &Named, other: &Named) -> bool {
    let singular = |text: &str| text.strip_suffix('s').unwrap_or(text).to_owned();
    let kind = |unit: &str| {
        ["B", "s", "GCU"]
            .into_iter()
            .find(|base| measurement::scale(1, unit, base).1 == *base && is_known(unit))
    };
    singular(&one.0) == singular(&other.0)
        && (one.1 == other.1 || kind(&one.1).is_some_and(|found| kind(&other.1) == Some(found)))
}

/// Whether a unit is one that can be converted: others keep the unit that is asked for.
fn is_known(unit: &str) -> bool {
    measurement::scale(1, unit, "?").1 != "?"
}

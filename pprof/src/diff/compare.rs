//! Two profiles are compared.

use std::collections::BTreeMap;

use super::change::{Change, Compared, Diff, LEVEL, SCHEMA, Trend};
use super::counts::Counted;
use super::poisson::{self, adjusted, probability};
use super::side::{Side, Tally};
use crate::error::ReportError;
use crate::format::Format;
use crate::profile::Profile;
use crate::refine::Refined;
use crate::settings::{Settings, Sort};
use crate::stop::Stop;

/// Compares `old` with `new`, after both were refined by `settings`: filters, names, granularity, and the sample type,
/// by default that of `new`. With [`Sort::Cum`], what a function calls counts for it; with `normalize`, shares of the
/// totals are compared.
///
/// # Errors
/// If an option does not fit, the profiles do not have the same sample type, or `stop` says so.
pub fn diff(old: &Profile, new: &Profile, settings: &Settings, stop: Stop<'_>) -> Result<Diff, ReportError> {
    if settings.mean {
        let why = "-mean cannot be compared: compare the sums, without it";
        return Err(ReportError::Option(why.to_owned()));
    }
    let new_refined = Refined::of(new, settings, Format::Top, stop)?;
    let index = kinds(new).iter().position(|kind| **kind == new_refined.kind);
    let same = Settings { sample_index: new_refined.kind.clone(), ..settings.clone() };
    let old_refined = Refined::of(old, &same, Format::Top, stop).map_err(|error| match error {
        ReportError::Option(_) if !kinds(old).contains(&&*same.sample_index) => ReportError::Option(format!(
            "OLD has no {}, which is compared in NEW: OLD has {}, NEW has {}; choose one that both have: -sample_index=…",
            same.sample_index,
            kinds(old).join(", "),
            kinds(new).join(", "),
        )),
        error => error,
    })?;
    if old_refined.unit != new_refined.unit {
        return Err(ReportError::Option(format!(
            "{} is in {} in OLD and in {} in NEW; only equal units can be compared",
            new_refined.kind, old_refined.unit, new_refined.unit
        )));
    }
    let mut notes = Vec::new();
    let index_of = |profile: &Profile| kinds(profile).iter().position(|kind| **kind == new_refined.kind);
    let counted = |side: &str, profile: &Profile, index: Option<usize>| {
        Counted::of(profile, index.unwrap_or(0)).map_err(|why| format!("no test is possible: {side}: {why}"))
    };
    let mut counts =
        counted("OLD", old, index_of(old)).and_then(|of_old| Ok((of_old, counted("NEW", new, index)?)));
    let by_cum = settings.sort == Sort::Cum;
    let (of_old, of_new) = (counts.as_ref().ok().map(|it| it.0), counts.as_ref().ok().map(|it| it.1));
    let old_side = Side::of(&old_refined, of_old, by_cum, stop)?;
    let new_side = Side::of(&new_refined, of_new, by_cum, stop)?;
    for (name, side) in [("OLD", &old_side), ("NEW", &new_side)] {
        if side.has_negative {
            counts = Err(format!(
                "no test is possible: {name} has negative values, so it is itself a difference; compare what it was \
                 made of"
            ));
        }
        if side.functions.is_empty() {
            notes.push(format!("{name} has no samples of {}", new_refined.kind));
        }
    }
    if let (Ok((Counted::Allocations { .. }, _)), true) = (&counts, old.period != new.period) {
        counts = Err("no test is possible: allocations were sampled at different rates".to_owned());
    }
    let between = Between::of(&old_refined, &new_refined, (&old_side, &new_side), settings, &mut notes);
    let counted = counts.map_err(|why| notes.push(why)).ok();
    let mut diff = Diff {
        schema: SCHEMA,
        unit: new_refined.unit.clone(),
        by_cum,
        compared: between.compared,
        old_seconds: between.seconds.0,
        new_seconds: between.seconds.1,
        counted: counted.map(|(_, of_new)| of_new.explained(new)),
        tested: 0,
        notes,
        total: between.change(String::new(), old_side.total, new_side.total, counted.is_some()),
        functions: Vec::new(),
        sample_type: new_refined.kind,
    };
    let mut joined: BTreeMap<String, (Tally, Tally)> = BTreeMap::new();
    for (name, tally) in old_side.functions {
        joined.entry(name).or_default().0 = tally;
    }
    for (name, tally) in new_side.functions {
        joined.entry(name).or_default().1 = tally;
    }
    stop.check()?;
    diff.functions = joined
        .into_iter()
        .map(|(name, (old, new))| between.change(name, old, new, counted.is_some()))
        .collect();
    if counted.is_some() {
        diff.tested = test_together(&mut diff.functions, between.share);
        // There is one total. By shares there is nothing to test: it is 100 % on both sides.
        if between.compared != Compared::Shares {
            diff.total.adjusted_probability = diff.total.probability;
            diff.total.significant = diff.total.probability.map(|p| p < LEVEL);
        } else {
            (diff.total.probability, diff.total.significant) = (None, None);
        }
    }
    diff.functions.sort_by(|left, right| {
        let is_chance = |change: &Change| change.significant == Some(false);
        let size = |change: &Change| change.difference.unsigned_abs();
        (is_chance(left), size(right), &left.function).cmp(&(is_chance(right), size(left), &right.function))
    });
    Ok(diff)
}

fn kinds(profile: &Profile) -> Vec<&str> {
    profile.sample_types.iter().map(|of| profile.text(of.kind)).collect()
}

/// Adjusts the probabilities for all functions together, and returns how many took part: those with so few samples
/// that no difference could be seen would only make the test of the others weaker. That depends on the number of
/// samples of both together, which says nothing about their difference.
fn test_together(functions: &mut [Change], share: f64) -> usize {
    let can_be_seen = |change: &&mut Change| {
        let all = change.old_samples.unwrap_or(0).saturating_add(change.new_samples.unwrap_or(0));
        poisson::smallest(all, share) < LEVEL
    };
    for change in functions.iter_mut() {
        (change.adjusted_probability, change.significant) = (Some(1.0), Some(false));
    }
    let mut tested: Vec<&mut Change> = functions.iter_mut().filter(can_be_seen).collect();
    let probabilities: Vec<f64> = tested.iter().map(|change| change.probability.unwrap_or(1.0)).collect();
    for (change, adjusted) in tested.iter_mut().zip(adjusted(&probabilities)) {
        (change.adjusted_probability, change.significant) = (Some(adjusted), Some(adjusted < LEVEL));
    }
    tested.len()
}

/// How the two are brought to the same measure.
struct Between {
    compared: Compared,
    seconds: (Option<f64>, Option<f64>),
    /// What the values of OLD are multiplied by.
    factor: f64,
    /// The share of OLD in the exposure: how many of all samples are expected to be of OLD if nothing changed.
    share: f64,
}

impl Between {
    fn of(
        old: &Refined,
        new: &Refined,
        (old_side, new_side): (&Side, &Side),
        settings: &Settings,
        notes: &mut Vec<String>,
    ) -> Between {
        let seconds = |refined: &Refined| {
            let ns = refined.profile.duration_ns;
            (ns > 0).then_some(ns as f64 / 1e9)
        };
        let seconds = (seconds(old), seconds(new));
        let is_snapshot = new.kind.starts_with("inuse_") || is_count_of_things(&new.kind);
        let shares = |why: &str, notes: &mut Vec<String>| {
            notes.push(format!("{why}, so shares of the totals are compared"));
            let (old, new) = (old_side.total.value as f64, new_side.total.value as f64);
            (Compared::Shares, if old != 0.0 && new != 0.0 { new / old } else { 1.0 })
        };
        let (compared, factor) = match seconds {
            _ if settings.normalize => shares("-normalize is set", notes),
            _ if is_snapshot => (Compared::Snapshots, 1.0),
            (Some(old), Some(new)) => (Compared::PerSecond, new / old),
            (None, Some(_)) => shares("OLD does not say how long it was taken", notes),
            (Some(_), None) => shares("NEW does not say how long it was taken", notes),
            (None, None) => shares("the profiles do not say how long they were taken", notes),
        };
        // A shorter period takes more samples of the same.
        let periods = (old.profile.period as f64, new.profile.period as f64);
        let is_of_period = |refined: &Refined| {
            let unit = refined.profile.text(refined.profile.period_type.unit);
            refined.profile.period > 0 && unit == refined.unit && unit != "bytes"
        };
        let of_samples = match compared {
            Compared::Shares => new_side.total.samples / old_side.total.samples,
            _ if is_of_period(old) && is_of_period(new) => factor * periods.0 / periods.1,
            _ => factor,
        };
        let usable = |factor: f64| if factor.is_finite() && factor > 0.0 { factor } else { 1.0 };
        let share = 1.0 / (1.0 + usable(of_samples));
        Between { compared, seconds, factor: usable(factor), share }
    }

    fn change(&self, function: String, old: Tally, new: Tally, is_counted: bool) -> Change {
        let expected = old.value as f64 * self.factor;
        let difference = new.value as f64 - expected;
        let trend = match (old.value, new.value) {
            (0, 0) => Trend::Same,
            (0, _) => Trend::New,
            (_, 0) => Trend::Gone,
            _ if difference.abs() <= expected.abs() * 1e-9 => Trend::Same,
            _ if difference > 0.0 => Trend::Grew,
            _ => Trend::Shrank,
        };
        let per_second = |value: i64, seconds: Option<f64>| {
            let is_rate = self.compared != Compared::Snapshots;
            seconds.filter(|_| is_rate).map(|seconds| value as f64 / seconds)
        };
        let samples = |tally: Tally| is_counted.then_some(tally.samples.round() as u64);
        let (old_samples, new_samples) = (samples(old), samples(new));
        Change {
            function,
            trend,
            old: old.value,
            new: new.value,
            difference: difference.round() as i64,
            percent: (expected != 0.0).then_some(difference / expected.abs() * 100.0),
            old_per_second: per_second(old.value, self.seconds.0),
            new_per_second: per_second(new.value, self.seconds.1),
            probability: old_samples.zip(new_samples).map(|(old, new)| probability(old, new, self.share)),
            old_samples,
            new_samples,
            adjusted_probability: None,
            significant: None,
        }
    }
}

/// Whether a profile of this kind counts what is there at one moment.
fn is_count_of_things(kind: &str) -> bool {
    matches!(kind, "goroutine" | "goroutines" | "threadcreate" | "goroutineleak" | "tasks" | "threads")
}

//! How many samples a value stands for. Only these numbers are left to chance, so only they can be tested.

use crate::profile::{Profile, ValueType};

/// How samples are counted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Counted {
    /// This column of values counts them.
    Column(usize),
    /// Allocations are sampled by their size: `objects` and `space` are estimated of them.
    Allocations { objects: usize, space: usize, period: f64 },
    /// The value is a multiple of what lies between two samples.
    Period { value: usize, period: i64 },
}

impl Counted {
    /// How the samples of the column `value` are counted.
    ///
    /// # Errors
    /// Why they are not, for people.
    pub(super) fn of(profile: &Profile, value: usize) -> Result<Counted, String> {
        let types = &profile.sample_types;
        let name = |of: &ValueType| profile.text(of.kind).to_owned();
        let unit = |of: &ValueType| profile.text(of.unit);
        let Some(chosen) = types.get(value) else { return Err("it has no values".to_owned()) };
        let kind = name(chosen);
        let period = profile.period;
        if let Some((before, what)) = ["space", "objects"]
            .into_iter()
            .find_map(|what| kind.strip_suffix(what).map(|before| (before, what)))
            .filter(|(before, _)| before.is_empty() || before.ends_with('_'))
        {
            let find = |what: &str| types.iter().position(|of| name(of) == format!("{before}{what}"));
            let (Some(objects), Some(space)) = (find("objects"), find("space")) else {
                let other = if what == "space" { "objects" } else { "space" };
                return Err(format!("it has {kind} and not {before}{other}, so samples cannot be counted"));
            };
            if profile.text(profile.period_type.kind) != "space" || period <= 0 {
                return Err("it does not say how often allocations were sampled".to_owned());
            }
            return Ok(Counted::Allocations { objects, space, period: period as f64 });
        }
        if unit(chosen) == "count" {
            // Each one is counted at one moment, none is left to chance.
            return match kind.as_str() {
                "goroutine" | "goroutines" | "threadcreate" | "goroutineleak" | "tasks" | "threads" => {
                    Err(format!("each of {kind} is counted, not sampled"))
                }
                _ => Ok(Counted::Column(value)),
            };
        }
        if let Some(count) = types.iter().position(|of| unit(of) == "count") {
            return Ok(Counted::Column(count));
        }
        let is_multiple = |sample: usize| {
            profile
                .values(sample)
                .get(value)
                .is_none_or(|value| period > 0 && value.wrapping_rem(period) == 0)
        };
        if period > 0 && profile.period_type == *chosen && (0..profile.samples.len()).all(is_multiple) {
            return Ok(Counted::Period { value, period });
        }
        Err("it has no count of samples".to_owned())
    }

    /// Samples that these values of one sample stand for. Negative if they do.
    pub(super) fn count(self, values: &[i64]) -> f64 {
        let at = |column: usize| values.get(column).copied().unwrap_or(0);
        match self {
            Counted::Column(column) => at(column) as f64,
            Counted::Period { value, period } => (at(value) / period) as f64,
            Counted::Allocations { objects, space, period } => {
                let (objects, space) = (at(objects) as f64, at(space) as f64);
                if objects == 0.0 {
                    return 0.0;
                }
                // An allocation of this size was sampled with this probability, by which both were divided: see
                // `scaleHeapSample` in Go's runtime/pprof.
                objects * -(-(space / objects).abs() / period).exp_m1()
            }
        }
    }

    /// For people.
    pub(super) fn explained(self, profile: &Profile) -> String {
        let name = |column: usize| {
            profile.sample_types.get(column).map_or("", |of| profile.text(of.kind)).to_owned()
        };
        match self {
            Counted::Column(column) => name(column),
            Counted::Allocations { period, .. } => {
                format!("sampled allocations, one in about {period} bytes")
            }
            Counted::Period { value, .. } => format!("{} divided by the period", name(value)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(types: &[(&str, &str)], period: (&str, &str, i64)) -> Profile {
        let mut profile = Profile::default();
        let mut of = |(kind, unit): (&str, &str)| ValueType {
            kind: profile.texts.intern(kind),
            unit: profile.texts.intern(unit),
        };
        let (types, period_type) = (types.iter().map(|it| of(*it)).collect(), of((period.0, period.1)));
        Profile { sample_types: types, period_type, period: period.2, ..profile }
    }

    #[test]
    fn each_kind_of_profile_has_its_count_or_a_reason() {
        let cpu =
            profile(&[("samples", "count"), ("cpu", "nanoseconds")], ("cpu", "nanoseconds", 10_000_000));
        assert_eq!(Counted::of(&cpu, 1), Ok(Counted::Column(0)));
        let mut alone = profile(&[("cpu", "nanoseconds")], ("cpu", "nanoseconds", 10));
        alone.samples.push(0, 0, &[30]);
        assert_eq!(Counted::of(&alone, 0).map(|counted| counted.count(&[30])), Ok(3.0));
        alone.samples.push(0, 0, &[31]);
        assert_eq!(Counted::of(&alone, 0), Err("it has no count of samples".to_owned()));
        let types = [("inuse_objects", "count"), ("inuse_space", "bytes")];
        let heap = profile(&types, ("space", "bytes", 524_288));
        // One sampled allocation of 524,288 bytes stands for 1 / (1 - 1/e) of them.
        let scaled = 1.0 / (1.0 - (-1.0f64).exp());
        let values = [(scaled * 1000.0) as i64, (scaled * 1000.0 * 524_288.0) as i64];
        let counted = Counted::of(&heap, 1).map(|counted| counted.count(&values).round());
        assert_eq!(counted, Ok(1000.0));
        assert!(Counted::of(&profile(&types, ("", "", 0)), 0).is_err());
        assert!(Counted::of(&profile(&types[1..], ("space", "bytes", 1)), 0).is_err());
        assert!(Counted::of(&profile(&[("goroutine", "count")], ("", "", 1)), 0).is_err());
        assert!(Counted::of(&profile(&[], ("", "", 1)), 0).is_err());
    }
}

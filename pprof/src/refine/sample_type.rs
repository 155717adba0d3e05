//! Which value of each sample a report is about.

use crate::error::ReportError;
use crate::profile::Profile;
use crate::settings::Settings;

/// The chosen sample type.
#[derive(Debug, Clone)]
pub(super) struct Chosen {
    /// Its position.
    index: usize,
    /// Whether sums are divided by the sum of the first values.
    is_mean: bool,
    /// Its name for people, `mean_delay` for a mean.
    pub(super) kind: String,
    /// Its unit.
    pub(super) unit: String,
}

/// The sample type that `sample_index` names, by its name or its position; by default that of the profile, otherwise
/// the last.
pub(super) fn choose(profile: &Profile, settings: &Settings) -> Result<Chosen, ReportError> {
    let index = position(profile, &settings.sample_index)?;
    let chosen = profile
        .sample_types
        .get(index)
        .ok_or_else(|| ReportError::Option("profile has no samples".to_owned()))?;
    let kind = profile.text(chosen.kind);
    let kind = if settings.mean { format!("mean_{kind}") } else { kind.to_owned() };
    Ok(Chosen { index, is_mean: settings.mean, kind, unit: profile.text(chosen.unit).to_owned() })
}

/// The position of a sample type by what the user calls it.
fn position(profile: &Profile, asked: &str) -> Result<usize, ReportError> {
    let names: Vec<&str> = profile.sample_types.iter().map(|of| profile.text(of.kind)).collect();
    let last = names.len().saturating_sub(1);
    if asked.is_empty() {
        let default = profile.text(profile.default_sample_type);
        let found = names.iter().position(|name| !default.is_empty() && *name == default);
        return Ok(found.unwrap_or(last));
    }
    if let Ok(index) = asked.parse::<i64>() {
        return usize::try_from(index).ok().filter(|index| *index <= last).ok_or_else(|| {
            ReportError::Option(format!("sample_index {asked} is outside the range [0..{last}]"))
        });
    }
    // `inuse_space` is understood of profiles that call it `space`.
    let short = asked.strip_prefix("inuse_").unwrap_or(asked);
    names.iter().position(|name| *name == asked || *name == short).ok_or_else(|| {
        ReportError::Option(format!("sample_index {asked:?} must be one of: [{}]", names.join(" ")))
    })
}

impl Chosen {
    /// The value of each sample.
    pub(super) fn values(&self, profile: &Profile) -> Vec<i64> {
        column(profile, self.index)
    }

    /// The divisor of each sample, for a mean.
    pub(super) fn divisors(&self, profile: &Profile) -> Option<Vec<i64>> {
        self.is_mean.then(|| column(profile, 0))
    }
}

fn column(profile: &Profile, index: usize) -> Vec<i64> {
    let types = profile.sample_types.len().max(1);
    profile.samples.values.iter().skip(index).step_by(types).copied().collect()
}

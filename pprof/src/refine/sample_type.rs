//! Which value of each sample a report is about.

use crate::error::ReportError;
use crate::profile::{Profile, sample_type_position};
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
    if profile.sample_types.is_empty() {
        return Err(ReportError::Option("profile has no samples".to_owned()));
    }
    let names: Vec<&str> = profile.sample_types.iter().map(|of| profile.text(of.kind)).collect();
    let default = profile.text(profile.default_sample_type);
    let index = sample_type_position(&names, default, &settings.sample_index).map_err(ReportError::Option)?;
    let chosen = profile.sample_types[index];
    let kind = profile.text(chosen.kind);
    let kind = if settings.mean { format!("mean_{kind}") } else { kind.to_owned() };
    Ok(Chosen { index, is_mean: settings.mean, kind, unit: profile.text(chosen.unit).to_owned() })
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

//! The profile that a report is made of, and how it comes about.

use std::collections::BTreeMap;

use super::{filters, granularity, label_units, overrides, sample_type, tag_frames, totals};
use crate::error::ReportError;
use crate::format::Format;
use crate::names;
use crate::profile::Profile;
use crate::settings::Settings;
use crate::stop::Stop;

/// A profile as one report wants it.
///
/// Positions in the tables are those of the profile that it was made of: frames that `tagroot` and `tagleaf` add are
/// at the ends of the tables, and what filters leave out is still in the tables, but no sample refers to it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Refined {
    /// The profile: filtered samples, and locations and functions at the granularity of the settings. What a
    /// granularity does not tell apart is empty: with `functions`, files are empty and lines and addresses are 0.
    pub profile: Profile,
    /// By sample of `profile`: the value of the chosen sample type.
    pub values: Vec<i64>,
    /// With `mean`, by sample: the first value. A sum of values is to be divided by the sum of these, if that is not 0.
    pub divisors: Option<Vec<i64>>,
    /// What values are: `cpu`, or with `mean` `mean_delay`.
    pub kind: String,
    /// Their unit, as in the file: `nanoseconds`.
    pub unit: String,
    /// What 100 % is: the sum of all values without their signs, of the base only if there are samples of a
    /// `diff_base`.
    pub total: i64,
    /// The settings, with those that the format overrides: `nodecount`, `granularity`, …
    pub settings: Settings,
    /// The format that it was made for.
    pub format: Format,
    /// By key of labels with numbers: the unit of the numbers.
    pub label_units: BTreeMap<String, String>,
    /// `focus=main`, …: the lines below `Active filters:`.
    pub active_filters: Vec<String>,
    /// What to tell the user: `Focus expression matched no samples`.
    pub notices: Vec<String>,
}

impl Refined {
    /// Makes one. The total is of the whole profile, or with `relative_percentages` of what the filters leave.
    ///
    /// # Errors
    /// If an option does not fit the profile, or `stop` says so.
    pub fn of(
        profile: &Profile,
        settings: &Settings,
        format: Format,
        stop: Stop<'_>,
    ) -> Result<Refined, ReportError> {
        stop.check()?;
        let settings = overrides::of(settings, format);
        let mut profile = names::apply(profile, &settings, stop)?;
        let mut notices = Vec::new();
        let label_units = label_units::find(&profile, &mut notices);
        // Before the filters, which may be about these frames.
        tag_frames::add(&mut profile, &settings, &mut notices, stop)?;
        if settings.relative_percentages {
            filters::apply(&mut profile, &settings, &label_units, &mut notices, stop)?;
        }
        let chosen = sample_type::choose(&profile, &settings)?;
        if settings.divide_by == 0.0 {
            return Err(ReportError::Option("zero divisor specified".to_owned()));
        }
        let total = totals::total(&profile, &chosen);
        if !settings.relative_percentages {
            filters::apply(&mut profile, &settings, &label_units, &mut notices, stop)?;
        }
        granularity::aggregate(&mut profile, &settings);
        let values = chosen.values(&profile);
        let divisors = chosen.divisors(&profile);
        Ok(Refined {
            values,
            divisors,
            kind: chosen.kind,
            unit: chosen.unit,
            total,
            active_filters: filters::active(&settings),
            settings,
            format,
            label_units,
            notices,
            profile,
        })
    }
}

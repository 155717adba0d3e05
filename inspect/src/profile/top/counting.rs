//! Sums up a profile within the budget of a command.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use rgops_pprof::graph::Work;
use rgops_pprof::profile::Samples;
use rgops_pprof::proto::Profile;
use rgops_pprof::report;
use rgops_pprof::settings::Sort;
use rgops_pprof::{Format, Refined, Settings, Stop};

use crate::budget::{Budget, Exhausted};
use crate::text::reason;

/// Checks of the time that may be late, each after some 60,000 functions: a few seconds of work.
const LATE_CHECKS: usize = 256;

/// What to count.
#[derive(Debug, Clone, Copy)]
pub struct Options<'a> {
    /// Name of the sample type.
    pub sample_type: &'a str,
    /// Maximum rows; 0 for all.
    pub rows: usize,
    /// Sorts by cum instead of by flat value.
    pub by_cum: bool,
}

/// The functions of a profile by their values.
#[derive(Debug, Clone)]
pub struct Top {
    /// The table.
    pub table: report::top::Top,
    /// Why it has no rows, if memory or time did not suffice to count them.
    pub left_out: Option<String>,
    /// The lines above a table without rows.
    header: Vec<String>,
}

impl Top {
    /// The text of `go tool pprof -top`, with times in UTC.
    pub fn text(&self) -> String {
        match &self.left_out {
            Some(why) => format!("{}\nThe functions are left out: {why}\n", self.header.join("\n")),
            None => {
                let mut text = Vec::new();
                // Writing to a Vec cannot fail.
                let _ = self.table.write(&mut text);
                String::from_utf8_lossy(&text).into_owned()
            }
        }
    }
}

/// Sums up a profile within the budget. The result has all rows or none, because partial sums would be wrong.
pub fn within(budget: &Budget, profile: &Profile, options: Options<'_>) -> Top {
    counted(budget, profile, options, LATE_CHECKS)
}

/// The same with this many checks that may be late.
pub(super) fn counted(budget: &Budget, profile: &Profile, options: Options<'_>, late_checks: usize) -> Top {
    let mut settings = Settings::default();
    // A profile that does not have it is shown by its own default.
    if profile.sample_type.iter().any(|of| profile.text(of.r#type) == options.sample_type) {
        options.sample_type.clone_into(&mut settings.sample_index);
    }
    settings.nodecount = i64::try_from(options.rows).unwrap_or(i64::MAX);
    settings.sort = if options.by_cum { Sort::Cum } else { Sort::Flat };
    let profile = rgops_pprof::Profile::from_proto(profile);
    let limits = Limits { budget, late_checks: AtomicUsize::new(late_checks), why: Mutex::new(None) };
    let is_late = || limits.is_late();
    let charged = Cell::new(0u64);
    let charge = |bytes| {
        let is_charged = limits.keep(budget.charge(bytes));
        charged.set(charged.get() + if is_charged { bytes } else { 0 });
        is_charged
    };
    let stop = Stop::when(&is_late);
    let table = Refined::of(&profile, &settings, Format::Top, stop)
        .and_then(|refined| report::top::Top::from_refined(&refined, &mut Work::new(stop).charging(&charge)));
    budget.release(charged.get());
    match table {
        Ok(table) => Top { table, left_out: None, header: Vec::new() },
        Err(error) => left_out(profile, &settings, limits.why().map_or_else(|| error.to_string(), reason)),
    }
}

/// A table without rows.
fn left_out(mut profile: rgops_pprof::Profile, settings: &Settings, why: String) -> Top {
    profile.samples = Samples::default();
    let mut top = Top { table: report::top::Top::default(), left_out: Some(why), header: Vec::new() };
    if let Ok(refined) = Refined::of(&profile, settings, Format::Top, Stop::never()) {
        (top.table.sample_type, top.table.unit) = (refined.kind.clone(), refined.unit.clone());
        top.header = refined.header(&refined.unit);
    }
    top
}

/// Limits of counting.
struct Limits<'b> {
    budget: &'b Budget,
    late_checks: AtomicUsize,
    /// What was exhausted.
    why: Mutex<Option<Exhausted>>,
}

impl Limits<'_> {
    fn is_late(&self) -> bool {
        let is_allowed =
            self.late_checks.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        is_allowed.is_err() && !self.keep(self.budget.check_time())
    }

    /// Whether it is not exhausted.
    fn keep(&self, checked: Result<(), Exhausted>) -> bool {
        if let Err(why) = checked {
            *self.why.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
        }
        checked.is_ok()
    }

    fn why(&self) -> Option<Exhausted> {
        *self.why.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

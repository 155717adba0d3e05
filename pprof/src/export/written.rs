//! What all formats are made of: stacks with their values, and what is said of those that are not written.

use std::cell::Cell;

use crate::flame::Stacks;
use crate::measurement::truncated;
use crate::refine::Refined;
use crate::stop::{Stop, Stopped};

/// The stacks of a profile, with the values that a report shows. What is lost by dividing one value is added to the next
/// one, so that sums are those of other reports.
pub(super) fn stacks<'a>(refined: &'a Refined, stop: Stop<'_>) -> Result<Stacks<'a>, Stopped> {
    let lost = Cell::new(0.0);
    let value = |at: usize| {
        let value = refined.values.get(at).copied().unwrap_or(0);
        let ratio = 1.0 / refined.settings.divide_by;
        if !(ratio > 0.0 && ratio < 1.0) {
            return refined.divided(value);
        }
        let exact = value as f64 * ratio + lost.get();
        // Ten times a tenth is not quite one.
        let whole = truncated(exact + 1e-9_f64.copysign(exact));
        lost.set(exact - whole as f64);
        whole
    };
    Stacks::new(&refined.profile, value, stop)
}

/// What is told of stacks that were cut or cannot be written.
pub(super) fn notices(refined: &Refined, cut: usize, negative: usize) -> Vec<String> {
    let mut notices = refined.notices.clone();
    for (is_set, option) in
        [(refined.settings.mean, "mean"), (refined.settings.drop_negative, "drop_negative")]
    {
        if is_set {
            notices.push(format!("{option} has no effect on this format: it has sums of all samples"));
        }
    }
    if cut > 0 {
        notices
            .push(format!("{cut} stacks are written without their inner frames: the profile is too large"));
    }
    if negative > 0 {
        notices.push(format!("{negative} stacks are left out: this format has no negative values"));
    }
    notices
}

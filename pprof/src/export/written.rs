//! What all formats are made of: stacks with their values, and what is said of those that are not written.

use crate::flame::Stacks;
use crate::refine::Refined;
use crate::stop::{Stop, Stopped};

/// The stacks of a profile, with the values that a report shows.
pub(super) fn stacks<'a>(refined: &'a Refined, stop: Stop<'_>) -> Result<Stacks<'a>, Stopped> {
    let value = |at: usize| refined.divided(refined.values.get(at).copied().unwrap_or(0));
    Stacks::new(&refined.profile, value, stop)
}

/// What is told of stacks that were cut or cannot be written.
pub(super) fn notices(refined: &Refined, cut: usize, negative: usize) -> Vec<String> {
    let mut notices = refined.notices.clone();
    if cut > 0 {
        notices
            .push(format!("{cut} stacks are written without their inner frames: the profile is too large"));
    }
    if negative > 0 {
        notices.push(format!("{negative} stacks are left out: this format has no negative values"));
    }
    notices
}

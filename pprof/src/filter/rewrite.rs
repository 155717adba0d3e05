//! Rewrites stacks and sets of labels, each distinct one once.

use crate::profile::{Label, Lists, LocationId, Profile};
use crate::stop::{Stop, Stopped};

/// Stacks between two checks of whether to stop.
const AT_A_TIME: usize = 4096;

/// Replaces every stack by what `rewrite` writes for it; samples for whose stacks it returns false are left out.
pub(crate) fn restack(
    profile: &mut Profile,
    stop: Stop<'_>,
    mut rewrite: impl FnMut(&[LocationId], &mut Vec<LocationId>) -> bool,
) -> Result<(), Stopped> {
    let mut stacks = Lists::new();
    let mut written = Vec::new();
    let mut becomes: Vec<Option<u32>> = Vec::with_capacity(profile.stacks.len());
    for (at, stack) in profile.stacks.iter().enumerate() {
        if at % AT_A_TIME == 0 {
            stop.check()?;
        }
        written.clear();
        becomes.push(rewrite(stack, &mut written).then(|| stacks.intern(&written)));
    }
    profile.stacks = stacks;
    let types = profile.sample_types.len();
    let kept = keep_samples(profile, |profile, at| {
        profile.samples.stacks.get(at).and_then(|stack| *becomes.get(*stack as usize)?)
    });
    debug_assert_eq!(profile.samples.values.len(), kept.len() * types);
    profile.samples.stacks = kept;
    Ok(())
}

/// Replaces every set of labels by what `rewrite` leaves of it.
pub(crate) fn relabel(
    profile: &mut Profile,
    stop: Stop<'_>,
    mut rewrite: impl FnMut(&mut Vec<Label>),
) -> Result<(), Stopped> {
    let mut sets = Lists::new();
    let mut becomes = Vec::with_capacity(profile.label_sets.len());
    for (at, set) in profile.label_sets.iter().enumerate() {
        if at % AT_A_TIME == 0 {
            stop.check()?;
        }
        let mut set = set.to_vec();
        rewrite(&mut set);
        becomes.push(sets.intern(&set));
    }
    profile.label_sets = sets;
    for set in &mut profile.samples.label_sets {
        *set = becomes.get(*set as usize).copied().unwrap_or(0);
    }
    Ok(())
}

/// Keeps the samples for which `keep` gives something, in their order. Returns what it gave for those.
pub(crate) fn keep_samples<T>(profile: &mut Profile, keep: impl Fn(&Profile, usize) -> Option<T>) -> Vec<T> {
    let types = profile.sample_types.len();
    let mut given = Vec::new();
    for at in 0..profile.samples.len() {
        let Some(kept) = keep(profile, at) else { continue };
        let to = given.len();
        if to < at {
            let samples = &mut profile.samples;
            samples.stacks[to] = samples.stacks[at];
            samples.label_sets[to] = samples.label_sets[at];
            samples.values.copy_within(at * types..(at + 1) * types, to * types);
        }
        given.push(kept);
    }
    profile.samples.stacks.truncate(given.len());
    profile.samples.label_sets.truncate(given.len());
    profile.samples.values.truncate(given.len() * types);
    given
}

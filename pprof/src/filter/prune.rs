//! Frames that are dropped with what they called: `drop_frames` of a profile and `prune_from` of the user.

use super::rewrite::restack;
use super::simple_name::simple_name;
use crate::pattern::Pattern;
use crate::profile::{FunctionId, Profile};
use crate::stop::{Stop, Stopped};

/// Functions between two questions whether to stop.
const AT_A_TIME: usize = 256;

/// What a location does to the stacks that it is in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Effect {
    None,
    /// It is dropped with all below it.
    Dropped,
    /// All below it is dropped; lines of it are left.
    Cut,
}

/// By function: whether `is_match` accepts its simple name. Functions without a name never match.
fn matching(
    profile: &Profile,
    stop: Stop<'_>,
    is_match: impl Fn(&str) -> bool,
) -> Result<Vec<bool>, Stopped> {
    let mut known: Vec<Option<bool>> = vec![None; profile.texts.len()];
    let mut is_known = |name: crate::profile::TextId| match known.get_mut(name.0 as usize) {
        Some(known) => *known.get_or_insert_with(|| is_match(simple_name(profile.text(name)))),
        None => false,
    };
    let each = profile.functions.iter().enumerate().map(|(at, function)| {
        if at % AT_A_TIME == 0 {
            stop.check()?;
        }
        Ok(!function.name.is_empty() && is_known(function.name))
    });
    each.collect()
}

/// Drops, in each stack, the outermost frame that matches `drop` and not `keep`, and all that it called. Frames outside
/// of the first one that does not match are left, so that not everything is dropped.
pub(crate) fn drop_frames(
    profile: &mut Profile,
    drop: &Pattern,
    keep: Option<&Pattern>,
    stop: Stop<'_>,
) -> Result<(), Stopped> {
    let matching =
        matching(profile, stop, |name| drop.is_match(name) && !keep.is_some_and(|keep| keep.is_match(name)))?;
    let is_match = |function: FunctionId| matching.get(function.0 as usize).copied().unwrap_or(false);
    let mut effects = vec![Effect::None; profile.locations.len()];
    for (location, effect) in profile.locations.iter_mut().zip(&mut effects) {
        if let Some(outermost) = location.lines.iter().rposition(|line| is_match(line.function)) {
            if outermost + 1 == location.lines.len() {
                *effect = Effect::Dropped;
            } else {
                *effect = Effect::Cut;
                location.lines.drain(..=outermost);
            }
        }
    }
    let effect = |at: u32| effects.get(at as usize).copied().unwrap_or(Effect::None);
    restack(profile, stop, |stack, written| {
        let user = stack.iter().rposition(|id| effect(id.0) == Effect::None).unwrap_or(0);
        let found = stack.iter().take(user).rposition(|id| effect(id.0) != Effect::None);
        let start = match found {
            Some(at) if stack.get(at).is_some_and(|id| effect(id.0) == Effect::Dropped) => at + 1,
            Some(at) => at,
            None => 0,
        };
        written.extend_from_slice(stack.get(start..).unwrap_or_default());
        true
    })
}

/// Drops, in each stack, all that the innermost matching frame called, not itself.
pub(crate) fn prune_from(profile: &mut Profile, pattern: &Pattern, stop: Stop<'_>) -> Result<(), Stopped> {
    let matching = matching(profile, stop, |name| pattern.is_match(name))?;
    let is_match = |function: FunctionId| matching.get(function.0 as usize).copied().unwrap_or(false);
    let mut cuts = vec![false; profile.locations.len()];
    for (location, cuts) in profile.locations.iter_mut().zip(&mut cuts) {
        if let Some(innermost) = location.lines.iter().position(|line| is_match(line.function)) {
            *cuts = true;
            location.lines.drain(..innermost);
        }
    }
    restack(profile, stop, |stack, written| {
        let start =
            stack.iter().position(|id| cuts.get(id.0 as usize).copied().unwrap_or(false)).unwrap_or(0);
        written.extend_from_slice(stack.get(start..).unwrap_or_default());
        true
    })
}

//! `tagshow` and `taghide`: labels by their keys.

use super::rewrite::relabel;
use crate::pattern::Pattern;
use crate::profile::Profile;
use crate::stop::{Stop, Stopped};

/// Leaves the labels whose keys `show` matches and `hide` does not. Returns whether `show` and `hide` matched a key.
pub(crate) fn by_tag_name(
    profile: &mut Profile,
    show: Option<&Pattern>,
    hide: Option<&Pattern>,
    stop: Stop<'_>,
) -> Result<(bool, bool), Stopped> {
    if show.is_none() && hide.is_none() {
        return Ok((false, false));
    }
    let used = used_sets(profile);
    let texts = profile.texts.clone();
    let mut known: Vec<Option<(bool, bool)>> = vec![None; texts.len()];
    let mut found = (false, false);
    let mut at = 0;
    relabel(profile, stop, |set| {
        let is_used = used.get(at).copied().unwrap_or(false);
        at += 1;
        set.retain(|label| {
            let Some(known) = known.get_mut(label.key.0 as usize) else { return true };
            let (is_shown, is_hidden) = *known.get_or_insert_with(|| {
                let key = texts.get(label.key);
                (show.is_none_or(|show| show.is_match(key)), hide.is_some_and(|hide| hide.is_match(key)))
            });
            found.0 |= is_used && is_shown;
            found.1 |= is_used && is_hidden;
            is_shown && !is_hidden
        });
    })?;
    Ok(found)
}

/// By label set: whether a sample has it.
fn used_sets(profile: &Profile) -> Vec<bool> {
    let mut used = vec![false; profile.label_sets.len()];
    for set in &profile.samples.label_sets {
        if let Some(used) = used.get_mut(*set as usize) {
            *used = true;
        }
    }
    used
}

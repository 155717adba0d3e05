//! `focus`, `ignore`, `hide`, `show` and `show_from`: filters by the names of functions, their files and object files.

use super::matched::Matched;
use super::rewrite::restack;
use crate::pattern::Pattern;
use crate::profile::Profile;
use crate::stop::{Stop, Stopped};

/// Locations between two questions whether to stop.
const AT_A_TIME: usize = 1024;

/// The filters, or whether each matched anything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Names<T> {
    pub(crate) focus: T,
    pub(crate) ignore: T,
    pub(crate) hide: T,
    pub(crate) show: T,
}

/// What a location does to the samples that it is in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Effect {
    None,
    Focused,
    Ignored,
}

/// Leaves the samples with a focused location and without an ignored one, and of their frames those that are shown and not
/// hidden. A sample without frames is left out, if there is any filter. Returns which filters matched something.
pub(crate) fn by_name(
    profile: &mut Profile,
    filters: &Names<Option<Pattern>>,
    stop: Stop<'_>,
) -> Result<Names<bool>, Stopped> {
    let mut found = Names { focus: true, ..Names::default() };
    let Names { focus, ignore, hide, show } = filters;
    if focus.is_none() && ignore.is_none() && hide.is_none() && show.is_none() {
        return Ok(found);
    }
    found.focus = false;
    let matched = |pattern: &Option<Pattern>| {
        pattern.as_ref().map(|pattern| Matched::new(profile, pattern, stop)).transpose()
    };
    let (focus, ignore, hide, show) = (matched(focus)?, matched(ignore)?, matched(hide)?, matched(show)?);
    let mut effects = vec![Effect::None; profile.locations.len()];
    let mut hidden = vec![false; profile.locations.len()];
    for (at, location) in profile.locations.iter_mut().enumerate() {
        if at % AT_A_TIME == 0 {
            stop.check()?;
        }
        if ignore.as_ref().is_some_and(|ignore| ignore.location(location)) {
            found.ignore = true;
            effects[at] = Effect::Ignored;
        } else if focus.as_ref().is_none_or(|focus| focus.location(location)) {
            found.focus = true;
            effects[at] = Effect::Focused;
        }
        if let Some(hide) = &hide
            && hide.location(location)
        {
            found.hide = true;
            let is_all = hide.mapping(location);
            location.lines.retain(|line| !is_all && !hide.line(line));
            hidden[at] = location.lines.is_empty();
        }
        if let Some(show) = &show {
            let is_all = show.mapping(location);
            location.lines.retain(|line| is_all || show.line(line));
            if location.lines.is_empty() {
                hidden[at] = true;
            } else {
                found.show = true;
            }
        }
    }
    let is_any_hidden = hidden.contains(&true);
    restack(profile, stop, |stack, written| {
        let effect = |wanted| stack.iter().any(|id| effects.get(id.0 as usize) == Some(&wanted));
        if !effect(Effect::Focused) || effect(Effect::Ignored) {
            return false;
        }
        let is_hidden = |at: u32| hidden.get(at as usize).copied().unwrap_or(false);
        written.extend(stack.iter().filter(|id| !is_hidden(id.0)));
        !is_any_hidden || !written.is_empty()
    })?;
    Ok(found)
}

/// Drops the frames above the outermost one that matches, and samples without one. Returns whether any matched.
pub(crate) fn show_from(profile: &mut Profile, pattern: &Pattern, stop: Stop<'_>) -> Result<bool, Stopped> {
    let matched = Matched::new(profile, pattern, stop)?;
    let mut is_shown = vec![false; profile.locations.len()];
    for (at, location) in profile.locations.iter_mut().enumerate() {
        if at % AT_A_TIME == 0 {
            stop.check()?;
        }
        if matched.mapping(location) {
            is_shown[at] = true;
        } else if let Some(outermost) = location.lines.iter().rposition(|line| matched.line(line)) {
            is_shown[at] = true;
            location.lines.truncate(outermost + 1);
        }
    }
    restack(profile, stop, |stack, written| {
        let outermost = stack.iter().rposition(|id| is_shown.get(id.0 as usize).copied().unwrap_or(false));
        written.extend_from_slice(outermost.and_then(|at| stack.get(..=at)).unwrap_or_default());
        outermost.is_some()
    })?;
    Ok(is_shown.contains(&true))
}

//! The filters of the settings, in pprof's order.

use std::collections::BTreeMap;

use crate::error::ReportError;
use crate::filter::{Names, TagFilter, by_name, by_tag, by_tag_name, prune_from, show_from};
use crate::pattern::Pattern;
use crate::profile::Profile;
use crate::settings::Settings;
use crate::stop::Stop;

/// Applies all filters of `settings`. `units` are those of labels with numbers.
pub(super) fn apply(
    profile: &mut Profile,
    settings: &Settings,
    units: &BTreeMap<String, String>,
    notices: &mut Vec<String>,
    stop: Stop<'_>,
) -> Result<(), ReportError> {
    let names = Names {
        focus: pattern("focus", &settings.focus)?,
        ignore: pattern("ignore", &settings.ignore)?,
        hide: pattern("hide", &settings.hide)?,
        show: pattern("show", &settings.show)?,
    };
    let from = pattern("show_from", &settings.show_from)?;
    let tagfocus = tag_filter("tagfocus", &settings.tagfocus, notices)?;
    let tagignore = tag_filter("tagignore", &settings.tagignore, notices)?;
    let prune = pattern("prune_from", &settings.prune_from)?;
    let (tagshow, taghide) = (pattern("tagshow", &settings.tagshow)?, pattern("taghide", &settings.taghide)?);
    let mut warn = |is_asked: bool, is_found: bool, option: &str| {
        if is_asked && !is_found {
            notices.push(format!("{option} expression matched no samples"));
        }
    };

    let found = by_name(profile, &names, stop)?;
    warn(names.focus.is_some(), found.focus, "Focus");
    warn(names.ignore.is_some(), found.ignore, "Ignore");
    warn(names.hide.is_some(), found.hide, "Hide");
    warn(names.show.is_some(), found.show, "Show");
    if let Some(from) = &from {
        let is_found = show_from(profile, from, stop)?;
        warn(true, is_found, "ShowFrom");
    }
    let found = by_tag(profile, tagfocus.as_ref(), tagignore.as_ref(), units, stop)?;
    warn(tagfocus.is_some(), found.0, "TagFocus");
    warn(tagignore.is_some(), found.1, "TagIgnore");
    let found = by_tag_name(profile, tagshow.as_ref(), taghide.as_ref(), stop)?;
    warn(tagshow.is_some(), found.0, "TagShow");
    warn(taghide.is_some(), found.1, "TagHide");
    if let Some(prune) = &prune {
        prune_from(profile, prune, stop)?;
    }
    Ok(())
}

fn pattern(name: &str, text: &str) -> Result<Option<Pattern>, ReportError> {
    if text.is_empty() {
        return Ok(None);
    }
    let wrong = |error| ReportError::Option(format!("parsing {name} regexp: {error}"));
    Pattern::new(text).map(Some).map_err(wrong)
}

fn tag_filter(name: &str, text: &str, notices: &mut Vec<String>) -> Result<Option<TagFilter>, ReportError> {
    if text.is_empty() {
        return Ok(None);
    }
    TagFilter::new(name, text, notices).map(Some).map_err(ReportError::Option)
}

/// `focus=main`, …: what is not empty, in pprof's order.
pub(super) fn active(settings: &Settings) -> Vec<String> {
    let filters = [
        ("focus", &settings.focus),
        ("ignore", &settings.ignore),
        ("hide", &settings.hide),
        ("show", &settings.show),
        ("show_from", &settings.show_from),
        ("tagfocus", &settings.tagfocus),
        ("tagignore", &settings.tagignore),
        ("tagshow", &settings.tagshow),
        ("taghide", &settings.taghide),
    ];
    filters
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| format!("{name}={value}"))
        .collect()
}

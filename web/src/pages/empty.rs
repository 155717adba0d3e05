//! What is shown where nothing is left to show: why, and what to do.

use maud::{Markup, html};
use rgops_pprof::Refined;

use super::functions::{cut, form};
use crate::page::{Ask, Page};

/// Why there are no samples, if there are none: the profile has none, or filters leave none.
pub(super) fn samples(ask: &Ask<'_>, refined: &Refined) -> Option<Markup> {
    why(ask, refined).map(|why| html! { p.empty role="status" { (why) } })
}

/// The same as a text.
pub(crate) fn why(ask: &Ask<'_>, refined: &Refined) -> Option<&'static str> {
    match (refined.values.is_empty(), ask.profile.samples.is_empty()) {
        (false, _) => None,
        (true, true) => Some("The profile has no samples."),
        (true, false) => Some("The filters leave no samples. Drop one, or write another pattern."),
    }
}

/// The search finds none of these: `function`.
pub(super) fn search(what: &str) -> Markup {
    html! { p.empty role="status" { "The search finds no " (what) "." } }
}

/// There is no function of this name.
pub(super) fn function(name: &str) -> Markup {
    html! {
        p.empty role="status" {
            "There is no function " code { (cut(name)) } " in the samples that are shown. It may be filtered out, \
             or be called differently with other options."
        }
    }
}

/// A page of the view at `route` where no function matches the pattern `wanted`: why, in the words of the report, and
/// the form to correct it.
pub(super) fn pattern(ask: &Ask<'_>, route: &str, wanted: &str, refined: &Refined, why: &str) -> Page {
    // What is missing on this machine is the reason that no name was found: it is first.
    let none = format!("no matches found for regexp {wanted}; ");
    let why = why
        .strip_prefix(&none)
        .map_or_else(|| why.to_owned(), |missing| format!("{missing}; {}", none.trim_end_matches("; ")));
    let body = html! {
        (form(ask, route, wanted))
        @match samples(ask, refined) {
            Some(empty) => (empty),
            None => p.empty role="status" { "Nothing to show: " (why) ". Correct the pattern, or drop a filter." },
        }
    };
    Page {
        legend: refined.header(&refined.settings.unit),
        notes: refined.notices.clone(),
        styles: &["tables.css"],
        ..Page::of(body)
    }
}

/// There are samples, but no function is large enough to be shown.
pub(super) fn nodes() -> Markup {
    html! { p.empty role="status" { "No function is large enough to be shown: lower the least share of a node." } }
}

/// Functions match, but nothing of their code has samples or is known.
pub(super) fn lines() -> Markup {
    html! { p.empty role="status" { "Functions match, but no samples are in lines of theirs that are known." } }
}

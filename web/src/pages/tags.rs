//! The values of labels, each a link to the samples with it.

use super::maker::Maker;
use maud::{Markup, html};
use rgops_pprof::graph::Work;
use rgops_pprof::report::tags::{Key, Tags};
use rgops_pprof::{Format, Refined};

use super::functions::{bar, cut, pattern_of, share};
use crate::page::{Ask, Page, PageError};
use crate::views::View;

/// How the view is made.
pub(super) const MAKER: Maker = Maker { route: "tags", page, data: None };

/// The most values of a key.
const VALUES: usize = 1000;

fn page(ask: &Ask<'_>) -> Result<Page, PageError> {
    let refined = Refined::of(ask.profile, &ask.query.settings, Format::Tags, ask.stop)?;
    let tags = Tags::from_refined(&refined, &mut Work::new(ask.stop))?;
    let pattern = ask.query.search();
    let is_wanted = |text: &str| pattern.as_ref().is_none_or(|pattern| pattern.is_match(text));
    let body = html! {
        @for of in &tags.keys { (key(ask, &tags, of, &is_wanted)) }
        @if tags.keys.is_empty() {
            p.empty {
                "The samples have no labels. A CPU profile of rgops has the thread of each sample; in Go, "
                code { "pprof.Do" } " adds labels."
            }
        }
    };
    Ok(Page {
        legend: refined.header(&tags.output_unit),
        notes: refined.notices,
        styles: &["tables.css"],
        ..Page::of(body)
    })
}

fn key(ask: &Ask<'_>, tags: &Tags, key: &Key, is_wanted: &dyn Fn(&str) -> bool) -> Markup {
    let values = || key.values.iter().filter(|(text, _)| is_wanted(text) || is_wanted(&key.name));
    let is_number = ask.profile.label_sets.iter().flatten().any(|label| {
        ask.profile.text(label.key) == key.name
            && matches!(label.value, rgops_pprof::profile::LabelValue::Number { .. })
    });
    let only = |text: &str| {
        let value = if is_number { text.to_owned() } else { pattern_of(text) };
        let query = ask.query.with("tagfocus", &format!("{}={value}", key.name));
        View::at("tags").map_or_else(String::new, |view| query.href(view))
    };
    html! {
        @if values().next().is_some() {
            section.tags {
                h2 { (cut(&key.name)) " " small { (tags.value(key.total)) " of " (tags.value(tags.total)) } }
                table.numbers {
                    thead { tr { th.n scope="col" { "Value" } th.n scope="col" { "Share" } th.name scope="col" { (cut(&key.name)) } } }
                    tbody {
                        @for (text, value) in values().take(VALUES) {
                            tr {
                                td.n { (tags.value(*value)) }
                                td.n.share.(bar(*value, tags.total)) { (share(*value, tags.total)) }
                                td.name title=(text) { a href=(only(text)) { (cut(text)) } }
                            }
                        }
                    }
                }
                @if values().nth(VALUES).is_some() { p.empty { "The first " (VALUES) " values. A search finds others." } }
            }
        }
    }
}

//! The values of labels, each a link to the samples with it.

use std::collections::HashSet;

use super::maker::Maker;
use maud::{Markup, html};
use rgops_pprof::graph::Work;
use rgops_pprof::profile::LabelValue;
use rgops_pprof::report::tags::{Key, Tags};
use rgops_pprof::{Format, Refined};

use super::empty;
use super::functions::{bar, cut, pattern_of, share};
use crate::page::{Ask, Page, PageError};
use crate::views::View;

/// How the view is made.
pub(super) const MAKER: Maker = Maker { route: "tags", page, data: None };

/// The most keys, and values of a key.
const KEYS: usize = 200;
const VALUES: usize = 1000;
/// After how many sets of labels it is asked whether somebody still waits.
const CHECK: usize = 4096;

fn page(ask: &Ask<'_>) -> Result<Page, PageError> {
    let refined = Refined::of(ask.profile, &ask.settings(), Format::Tags, ask.stop)?;
    let tags = Tags::from_refined(&refined, &mut Work::new(ask.stop))?;
    let pattern = ask.query.search();
    let is_wanted = |text: &str| pattern.as_ref().is_none_or(|pattern| pattern.is_match(text));
    let numbers = numbers(ask)?;
    let mut wanted = Vec::new();
    for of in &tags.keys {
        ask.stop.check()?;
        let mut values = of.values.iter().filter(|(text, _)| is_wanted(text) || is_wanted(&of.name));
        let shown: Vec<_> = values.by_ref().take(VALUES).collect();
        if !shown.is_empty() {
            wanted.push((of, shown, values.next().is_some()));
        }
    }
    let body = html! {
        @for (of, values, is_cut) in wanted.iter().take(KEYS) {
            (key(ask, &tags, of, values, numbers.contains(&*of.name)))
            @if *is_cut { p.empty { "The first " (VALUES) " values. A search finds others." } }
        }
        @if wanted.len() > KEYS { p.empty { "and " (wanted.len() - KEYS) " more labels. A search finds them." } }
        @if let Some(empty) = empty::samples(ask, &refined) { (empty) }
        @else if tags.keys.is_empty() {
            p.empty {
                "The samples have no labels. A CPU profile of rgops has the thread of each sample; in Go, "
                code { "pprof.Do" } " adds labels."
            }
        } @else if wanted.is_empty() { (empty::search("label")) }
    };
    Ok(Page {
        legend: refined.header(&tags.output_unit),
        notes: refined.notices,
        styles: &["tables.css"],
        ..Page::of(body)
    })
}

/// The keys of labels with numbers.
fn numbers<'a>(ask: &Ask<'a>) -> Result<HashSet<&'a str>, PageError> {
    let mut keys = HashSet::new();
    for (at, labels) in ask.profile.label_sets.iter().enumerate() {
        if at % CHECK == 0 {
            ask.stop.check()?;
        }
        let numbers = labels.iter().filter(|label| matches!(label.value, LabelValue::Number { .. }));
        keys.extend(numbers.map(|label| label.key));
    }
    Ok(keys.into_iter().map(|key| ask.profile.text(key)).collect())
}

fn key(ask: &Ask<'_>, tags: &Tags, key: &Key, values: &[&(String, i64)], is_number: bool) -> Markup {
    let only = |text: &str| {
        let value = if is_number { text.to_owned() } else { pattern_of(text) };
        let query = ask.query.with("tagfocus", &format!("{}={value}", key.name));
        View::at("tags").map_or_else(String::new, |view| query.href(view))
    };
    html! {
        section.tags {
            h2 { (cut(&key.name)) " " small { (tags.value(key.total)) " of " (tags.value(tags.total)) } }
            table.numbers {
                thead { tr { th.n scope="col" { "Value" } th.n scope="col" { "Share" } th.name scope="col" { (cut(&key.name)) } } }
                tbody {
                    @for (text, value) in values {
                        tr {
                            td.n { (tags.value(*value)) }
                            td.n.share.(bar(*value, tags.total)) { (share(*value, tags.total)) }
                            td.name title=(text) { a href=(only(text)) { (cut(text)) } }
                        }
                    }
                }
            }
        }
    }
}

//! The callers and callees of functions that match.

use super::maker::Maker;
use maud::{Markup, html};
use rgops_pprof::graph::Work;
use rgops_pprof::report::ReportError;
use rgops_pprof::report::tree::{Call, Row, Tree};
use rgops_pprof::{Format, Refined};

use super::empty;
use super::functions::{address, bar, cut, form, links, share};
use super::proposed::proposed;
use crate::page::{Ask, Page, PageError};

/// How the view is made.
pub(super) const MAKER: Maker = Maker { route: "peek", page, data: None };

/// The most functions of a page, and callers or callees of one.
const FUNCTIONS: usize = 100;
const CALLS: usize = 200;

fn page(ask: &Ask<'_>) -> Result<Page, PageError> {
    // An address of pprof has the pattern in the option focus.
    let focus = &*ask.query.settings.focus;
    let wanted = ask.query.own("fn").or((!focus.is_empty()).then_some(focus)).unwrap_or_default();
    if wanted.is_empty() {
        return proposed(ask, "peek");
    }
    let mut settings = ask.settings();
    if ask.query.own("fn").is_none() {
        settings.focus.clear();
    }
    let refined = Refined::of(ask.profile, &settings, Format::Peek, ask.stop)?;
    let tree = match Tree::from_refined(&refined, Some(wanted), &mut Work::new(ask.stop)) {
        Err(ReportError::NoMatch(why)) => return Ok(empty::pattern(ask, "peek", wanted, &refined, &why)),
        tree => tree?,
    };
    let body = html! {
        (form(ask, "peek", wanted))
        (functions(ask, &tree))
    };
    Ok(Page {
        title: format!("{wanted} · Peek"),
        legend: tree.header.clone(),
        notes: refined.notices,
        styles: &["tables.css"],
        ..Page::of(body)
    })
}

fn functions(ask: &Ask<'_>, tree: &Tree) -> Markup {
    html! {
        @for row in tree.rows.iter().take(FUNCTIONS) {
            section.peek {
                h2 title=(row.name) { (cut(&row.name)) " " (links(ask, "peek", &row.name)) }
                table.numbers {
                    thead {
                        tr {
                            th.n scope="col" { "Flat" } th.n scope="col" { "Flat%" }
                            th.n scope="col" { "Cum" } th.n scope="col" { "Cum%" }
                            th.n scope="col" { "Calls" } th.n scope="col" { "Calls%" }
                            th.name scope="col" { "Function" }
                        }
                    }
                    tbody { (calls(ask, tree, row, &row.callers, "Caller")) }
                    tbody {
                        tr.self {
                            td.n { (tree.value(row.flat)) }
                            td.n { (share(row.flat, tree.total)) }
                            td.n { (tree.value(row.cum)) }
                            td.n { (share(row.cum, tree.total)) }
                            td.n {} td.n {}
                            td.name title=(row.name) { (cut(&row.name)) }
                        }
                    }
                    tbody { (calls(ask, tree, row, &row.callees, "Callee")) }
                }
            }
        }
        @if tree.rows.len() > FUNCTIONS {
            p.empty { "The first " (FUNCTIONS) " of " (tree.rows.len()) " functions that match. A longer pattern matches fewer." }
        }
    }
}

fn calls(ask: &Ask<'_>, tree: &Tree, row: &Row, calls: &[Call], role: &str) -> Markup {
    html! {
        @for call in calls.iter().take(CALLS) {
            tr {
                td.n {} td.n {} td.n {} td.n {}
                td.n { (tree.value(call.weight)) }
                td.n.share.(bar(call.weight, row.cum)) { (share(call.weight, row.cum)) }
                td.name.call title=(call.name) {
                    span.hidden { (role) ": " }
                    a href=(address(ask, "peek", &call.name)) { (cut(&call.name)) }
                    @if call.inline { span.inlined { " inlined" } }
                }
            }
        }
        @if calls.len() > CALLS {
            tr { td colspan="7" { "and " (calls.len() - CALLS) " more" } }
        }
    }
}

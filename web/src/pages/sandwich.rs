//! All functions, and the callers and callees of one of them.

use super::maker::Maker;
use maud::{Markup, html};
use rgops_pprof::Refined;
use rgops_pprof::flame::{Functions, Stacks};

use super::flame::{body, clamp, empty, graph, notes, refine, share, stacks};
use crate::page::{Ask, Page, PageError, json};
use crate::views::View;

/// How the view is made.
pub(super) const MAKER: Maker = Maker { route: "sandwich", page, data: Some(answer) };

/// The most functions of the list.
const ROWS: usize = 2000;

fn page(ask: &Ask<'_>) -> Result<Page, PageError> {
    let refined = refine(ask)?;
    let stacks = stacks(ask, &refined)?;
    let functions = functions(ask, &stacks)?;
    let pivot = pivot(ask, &stacks, &functions);
    let graph = graph(ask, &refined, &stacks, Some(&pivot))?;
    Ok(Page {
        title: if pivot.is_empty() { String::new() } else { format!("{pivot} · Sandwich") },
        legend: refined.header(&refined.settings.unit),
        notes: notes(&refined, &graph),
        modules: &["flame.js", "sandwich.js"],
        styles: &["flame.css"],
        is_full: true,
        ..Page::of(html! {
            div.sandwich {
                (list(ask, &refined, &stacks, &functions, &pivot))
                @match empty(ask, &refined, &graph) {
                    Some(empty) => div.nothing { (empty) },
                    None => (body(&graph)?),
                }
            }
        })
    })
}

fn answer(ask: &Ask<'_>) -> Result<String, PageError> {
    let refined = refine(ask)?;
    let stacks = stacks(ask, &refined)?;
    let pivot = match ask.query.own("p") {
        Some(pivot) => pivot.to_owned(),
        None => pivot(ask, &stacks, &functions(ask, &stacks)?),
    };
    json(&graph(ask, &refined, &stacks, Some(&pivot))?)
}

/// The functions, those with the largest values of their own first.
fn functions(ask: &Ask<'_>, stacks: &Stacks<'_>) -> Result<Functions, PageError> {
    let mut functions = Functions::new(stacks, ROWS, ask.stop)?;
    functions.rows.sort_by_key(|row| std::cmp::Reverse(row.own.unsigned_abs()));
    Ok(functions)
}

/// The function in the middle: the one of the address, otherwise the one with the largest value of its own.
fn pivot(ask: &Ask<'_>, stacks: &Stacks<'_>, functions: &Functions) -> String {
    let heaviest = || functions.rows.first().map(|row| stacks.text(row.frame));
    ask.query.own("p").map(str::to_owned).or_else(heaviest).unwrap_or_default()
}

fn list(ask: &Ask<'_>, refined: &Refined, stacks: &Stacks<'_>, functions: &Functions, pivot: &str) -> Markup {
    let href = |name: &str| {
        View::at(MAKER.route).map(|view| ask.query.with_own("p", name).href(view)).unwrap_or_default()
    };
    let text = |value: i128| refined.format_value(clamp(value), &refined.settings.unit);
    html! {
        nav.flame-functions aria-label="Functions" {
            input #sandwich-filter type="search" placeholder="Filter functions" aria-label="Filter functions"
                autocomplete="off" autocapitalize="none" spellcheck="false";
            table #sandwich-functions {
                thead { tr { th scope="col" { "Own" } th scope="col" { "Total" } th scope="col" { "Function" } } }
                tbody {
                    @for row in &functions.rows {
                        @let name = stacks.text(row.frame);
                        tr aria-current=[(name == pivot).then_some("true")] {
                            td.number title=(share(row.own, refined.total)) { (text(row.own)) }
                            td.number title=(share(row.value(), refined.total)) { (text(row.value())) }
                            td title=(name) { a href=(href(&name)) { (name) } }
                        }
                    }
                }
            }
            @if functions.left_out > 0 { p.left { (functions.left_out) " functions with smaller totals are left out." } }
        }
    }
}

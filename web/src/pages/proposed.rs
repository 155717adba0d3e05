//! What a view of functions shows before one is chosen: the largest.

use maud::html;
use rgops_pprof::graph::Work;
use rgops_pprof::report::top::Top;
use rgops_pprof::{Format, Refined};

use super::empty;
use super::functions::{address, cut, form};
use crate::page::{Ask, Page, PageError};

/// How many functions are proposed.
const PROPOSED: usize = 40;

/// A page of the view at `route` with the largest functions as links to it.
pub(super) fn proposed(ask: &Ask<'_>, route: &str) -> Result<Page, PageError> {
    let mut settings = ask.settings();
    settings.nodecount = PROPOSED as i64;
    let refined = Refined::of(ask.profile, &settings, Format::Top, ask.stop)?;
    let top = Top::from_refined(&refined, &mut Work::new(ask.stop))?;
    let body = html! {
        (form(ask, route, ""))
        h2 { "The largest functions" }
        table.numbers {
            thead { tr { th.n scope="col" { "Flat" } th.n scope="col" { "Cum" } th.name scope="col" { "Function" } } }
            tbody {
                @for row in &top.rows {
                    tr {
                        td.n { (top.value(row.flat)) }
                        td.n { (top.value(row.cum)) }
                        td.name title=(row.name) { a href=(address(ask, route, &row.name)) { (cut(&row.name)) } }
                    }
                }
            }
        }
        @if top.rows.is_empty() { (empty::samples(ask, &refined).unwrap_or_else(empty::nodes)) }
    };
    Ok(Page { legend: top.header, notes: refined.notices.clone(), styles: &["tables.css"], ..Page::of(body) })
}

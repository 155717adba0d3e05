//! The table of functions: sorted and filtered here, and by `top.js` as one types. All rows, unless a number or a least
//! share of nodes is asked for.

use std::collections::HashMap;

use super::maker::Maker;
use maud::{Markup, html};
use rgops_pprof::graph::Work;
use rgops_pprof::names::{Origin, origins_by_name};
use rgops_pprof::profile::BASE_KEY;
use rgops_pprof::report::top::{Inlined, Row, Top};
use rgops_pprof::settings::Sort;
use rgops_pprof::{Format, Refined};

use super::empty;
use super::flame::clamp;
use super::functions::{address, bar, cut, links, share};
use crate::page::{Ask, Page, PageError, json};
use crate::query::Query;
use crate::views::View;

/// How the view is made.
pub(super) const MAKER: Maker = Maker { route: "top", page, data: Some(data) };

/// The most rows of the page itself; `top.js` has all.
const ROWS: usize = 500;

/// Why there is no row though there are samples.
const TOO_SMALL: &str = "No function is large enough to be shown: lower the least share of a node.";

/// Columns: their name in an address, and for people.
const COLUMNS: &[(&str, &str)] = &[("flat", "Flat"), ("cum", "Cum"), ("name", "Function")];

fn page(ask: &Ask<'_>) -> Result<Page, PageError> {
    let (top, refined) = top(ask)?;
    let notes = refined.notices.clone();
    let why = empty::why(ask, &refined).or_else(|| top.rows.is_empty().then_some(TOO_SMALL));
    let origins = origins_by_name(ask.profile, &ask.query.settings, ask.stop)?;
    let in_all = in_all(ask, &top, &refined);
    let (by, is_rising) = order(ask.query);
    let pattern = ask.query.search();
    let mut rows: Vec<&Row> = top.rows.iter().collect();
    if let Some(pattern) = &pattern {
        rows.retain(|row| pattern.is_match(&row.name));
    }
    sort(&mut rows, by, is_rising);
    let mut sum = 0i64;
    let body = html! {
        p.summary #summary { (rows.len()) " of " (top.nodes) " rows, " (in_all) }
        table.numbers #top data-rows=(top.rows.len()) data-by=(by) data-rising=(is_rising) data-all=(in_all) aria-rowcount=(rows.len() + 1) {
            thead { (head(ask, by, is_rising)) }
            tbody {
                @for row in rows.iter().take(ROWS) {
                    ({ sum = sum.wrapping_add(row.flat); self::row(ask, &top, row, sum, &origins) })
                }
            }
        }
        @if rows.len() > ROWS {
            noscript { p.empty { "The first " (ROWS) " rows; more need scripts, or a search." } }
        }
        @match why {
            Some(why) => p.empty role="status" { (why) },
            None => div #top-none hidden[!rows.is_empty()] { (empty::search("function")) },
        }
    };
    Ok(Page {
        legend: top.header.clone(),
        notes,
        modules: &["top.js"],
        styles: &["tables.css"],
        ..Page::of(body)
    })
}

/// The rows, and what they are of. A number of rows does not drop small ones, and a least share does not limit their
/// number: each only if it is asked for.
fn top(ask: &Ask<'_>) -> Result<(Top, Refined), PageError> {
    let mut settings = ask.settings();
    let changed = ask.query.changed();
    let is_changed = |name: &str| changed.iter().any(|(of, _)| of.name == name);
    if !is_changed("nodecount") || settings.nodecount < 0 {
        settings.nodecount = 0;
    }
    if !is_changed("nodefraction") {
        settings.nodefraction = 0.0;
    }
    if settings.nodecount == 0 && settings.nodefraction == 0.0 {
        settings.trim = false;
    }
    let refined = Refined::of(ask.profile, &settings, Format::Top, ask.stop)?;
    let top = Top::from_refined(&refined, &mut Work::new(ask.stop))?;
    Ok((top, refined))
}

/// `12.50s in all`; of a comparison the sum of the differences, and what 100 % is.
fn in_all(ask: &Ask<'_>, top: &Top, refined: &Refined) -> String {
    let all = top.value(top.total);
    if ask.profile.texts.find(BASE_KEY).is_none() || refined.divisors.is_some() {
        return format!("{all} in all");
    }
    let sum = refined.values.iter().map(|value| i128::from(*value)).sum();
    format!("{} of difference, 100% is the base: {all}", top.value(clamp(sum)))
}

/// The column that rows are sorted by, and whether the least is first.
fn order(query: &Query) -> (&'static str, bool) {
    let default = if query.settings.sort == Sort::Cum { "cum" } else { "flat" };
    let by = query.own("by").and_then(|by| COLUMNS.iter().find(|(name, _)| *name == by));
    (by.map_or(default, |(name, _)| name), query.own("asc").is_some())
}

fn sort(rows: &mut [&Row], by: &str, is_rising: bool) {
    let falling = |one: i64, other: i64| other.unsigned_abs().cmp(&one.unsigned_abs());
    rows.sort_by(|one, other| {
        let order = match by {
            "name" => one.name.cmp(&other.name).reverse(),
            "cum" => falling(one.cum, other.cum),
            _ => falling(one.flat, other.flat),
        };
        let order = if is_rising { order.reverse() } else { order };
        // What decides between equals is not turned around: the name, then the other value, as in reports.
        order.then_with(|| one.name.cmp(&other.name)).then_with(|| match by {
            "cum" => falling(one.flat, other.flat),
            _ => falling(one.cum, other.cum),
        })
    });
}

fn head(ask: &Ask<'_>, by: &str, is_rising: bool) -> Markup {
    let cell = |name: &str, text: &str, class: &str| {
        let is_by = name == by;
        // Numbers begin with the largest, names with the first; a second click turns them around.
        let next = if is_by { !is_rising } else { name == "name" };
        let query = ask.query.with_own("by", name).with_own("asc", if next { "t" } else { "" });
        let sorted = match (is_by, is_rising) {
            (false, _) => None,
            (true, true) => Some("ascending"),
            (true, false) => Some("descending"),
        };
        let href = View::at("top").map_or_else(String::new, |view| query.href(view));
        html! { th.(class) scope="col" aria-sort=[sorted] { a href=(href) data-sort=(name) { (text) } } }
    };
    html! {
        tr {
            (cell("flat", "Flat", "n"))
            th.n scope="col" { "Flat%" }
            th.n.wide scope="col" { "Sum%" }
            (cell("cum", "Cum", "n"))
            th.n scope="col" { "Cum%" }
            (cell("name", "Function", "name"))
            th.wide.crate scope="col" { "Crate" }
            th.wide scope="col" { span.hidden { "Views of the function" } }
        }
    }
}

fn row(ask: &Ask<'_>, top: &Top, row: &Row, sum: i64, origins: &HashMap<String, Origin>) -> Markup {
    html! {
        tr {
            td.n { (top.value(row.flat)) }
            td.n.share.(bar(row.flat, top.total)) { (share(row.flat, top.total)) }
            td.n.wide { (share(sum, top.total)) }
            td.n { (top.value(row.cum)) }
            td.n.share.(bar(row.cum, top.total)) { (share(row.cum, top.total)) }
            td.name title=(row.name) {
                a href=(address(ask, "peek", &row.name)) { (cut(&row.name)) }
                @match row.inlined {
                    Some(Inlined::Always) => span.inlined { " inlined" },
                    Some(Inlined::Partly) => span.inlined { " partly inlined" },
                    None => {},
                }
            }
            td.wide.crate { (crate_of(origins, &row.name)) }
            td.wide { (links(ask, "top", &row.name)) }
        }
    }
}

/// `tokio 1.54.1`: the crate of a function and its version, as far as they are known.
fn crate_of(origins: &HashMap<String, Origin>, name: &str) -> String {
    origins.get(name).map_or_else(String::new, |origin| {
        format!("{} {}", cut(&origin.krate), cut(&origin.version)).trim().to_owned()
    })
}

/// All rows: `[name, flat, cum, flat as text, flat %, cum as text, cum %, 0 or 1 partly or 2 always inlined, crate]`.
fn data(ask: &Ask<'_>) -> Result<String, PageError> {
    let (top, _) = top(ask)?;
    let origins = origins_by_name(ask.profile, &ask.query.settings, ask.stop)?;
    let rows = top.rows.iter().map(|row| {
        let inlined = match row.inlined {
            None => 0,
            Some(Inlined::Partly) => 1,
            Some(Inlined::Always) => 2,
        };
        (
            &row.name,
            row.flat,
            row.cum,
            top.value(row.flat),
            share(row.flat, top.total),
            top.value(row.cum),
            share(row.cum, top.total),
            inlined,
            crate_of(&origins, &row.name),
        )
    });
    let rows: Vec<_> = rows.collect();
    json(&serde_json::json!({ "rows": rows, "total": top.total, "nodes": top.nodes }))
}

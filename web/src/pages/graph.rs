//! The call graph: the picture, laid out here; `graph.js` moves, zooms and selects. Without scripts it can be scrolled,
//! and boxes lead to the callers and callees of their function.

use super::maker::Maker;
use maud::{Markup, PreEscaped, html};
use rgops_pprof::graph::Work;
use rgops_pprof::report::dot::Drawing;
use rgops_pprof::report::svg::{Picture, Use};
use rgops_pprof::{Format, Refined};

use super::empty;
use super::functions::address;
use crate::page::{Ask, Page, PageError};

/// How the view is made.
pub(super) const MAKER: Maker = Maker { route: "graph", page, data: None };

/// The most nodes of a page: more make browsers slow. `-svg` has no such limit.
const MOST: i64 = 1_500;

fn page(ask: &Ask<'_>) -> Result<Page, PageError> {
    let mut settings = ask.settings();
    let is_cut = settings.nodecount == 0 || settings.nodecount > MOST || !settings.trim;
    if is_cut {
        settings.nodecount = MOST;
        if !settings.trim {
            (settings.trim, settings.nodefraction, settings.edgefraction) = (true, 0.0, 0.0);
        }
    }
    let refined = Refined::of(ask.profile, &settings, Format::Svg, ask.stop)?;
    let drawing = Drawing::from_refined(&refined, &mut Work::new(ask.stop))?;
    let mut picture = Picture::of(&drawing, ask.stop)?;
    for node in picture.nodes.iter_mut().filter(|node| !node.is_tag) {
        node.link = address(ask, "peek", &node.name);
    }
    let mut notes = refined.notices.clone();
    if is_cut && drawing.nodes.len() as i64 >= MOST {
        notes.push(format!("The picture has the {MOST} most important functions: more make browsers slow."));
    }
    let body = html! {
        div.graph {
            (tools())
            @if drawing.nodes.is_empty() {
                (empty::samples(ask, &refined).unwrap_or_else(empty::nodes))
            } @else {
                div.graph-view #graph-view tabindex="0" role="group"
                    aria-label="Call graph: Tab and arrows go from function to function, Enter selects one" {
                    (PreEscaped(picture.svg(Use::Page)))
                }
            }
            div.graph-node #graph-node role="status" {
                p.graph-hint { "Click a function, or go there by Tab and arrows and press Enter." }
            }
        }
    };
    Ok(Page {
        legend: drawing
            .legend
            .iter()
            .map(|line| line.trim().to_owned())
            .filter(|line| !line.is_empty())
            .collect(),
        notes,
        modules: &["graph.js"],
        styles: &["graph.css"],
        is_full: true,
        ..Page::of(body)
    })
}

/// Buttons, and what colours mean. The buttons need the module, which shows them.
fn tools() -> Markup {
    let button = |does: &str, key: &str, text: &str| {
        html! {
            button.plain type="button" data-do=(does) title={ (does) " (" (key) ")" } aria-keyshortcuts=(key) { (text) }
        }
    };
    html! {
        div.graph-tools {
            span.graph-buttons role="group" aria-label="Zoom" hidden {
                (button("Zoom out", "-", "−"))
                output #graph-zoom aria-label="Zoom" { "100%" }
                (button("Zoom in", "+", "+"))
                (button("Show all", "0", "Fit"))
            }
            span.graph-legend aria-label="Colours" {
                span { i.heat--10 {} "less" }
                span { i.heat-0 {} "little" }
                span { i.heat-5 {} "10 %" }
                span { i.heat-10 {} "all" }
                span { svg width="26" height="8" aria-hidden="true" { line x1="0" y1="4" x2="26" y2="4" {} } "through others that are left out" }
            }
        }
    }
}

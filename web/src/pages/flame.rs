//! The flame graph: its data, and what is around the canvas that `flame.js` draws it on.

use super::maker::Maker;
use maud::{Markup, html};
use rgops_pprof::flame::{Data, Functions, Graph, Stacks, View};
use rgops_pprof::{Format, Refined};

use crate::page::{Ask, Page, PageError, data, json};
use crate::views;

/// How the view is made.
pub(super) const MAKER: Maker = Maker { route: "flamegraph", page, data: Some(answer) };

/// The most functions of the table below the graph.
const ROWS: usize = 100;

/// The profile as the graph shows it.
pub(super) fn refine(ask: &Ask<'_>) -> Result<Refined, PageError> {
    Ok(Refined::of(ask.profile, &ask.settings(), Format::Flame, ask.stop)?)
}

/// The stacks of a refined profile.
pub(super) fn stacks<'a>(ask: &Ask<'_>, refined: &'a Refined) -> Result<Stacks<'a>, PageError> {
    let value = |at: usize| refined.values.get(at).copied().unwrap_or(0);
    Ok(Stacks::new(&refined.profile, value, ask.stop)?)
}

/// What the address asks for.
fn view(ask: &Ask<'_>, pivot: Option<&str>) -> View {
    let is_reversed = pivot.is_none() && ask.query.own("reversed").is_some();
    View { pivot: pivot.map(str::to_owned), is_reversed, ..View::default() }
}

/// The data of the graph.
pub(super) fn graph(
    ask: &Ask<'_>,
    refined: &Refined,
    stacks: &Stacks<'_>,
    pivot: Option<&str>,
) -> Result<Data, PageError> {
    let graph = Graph::new(stacks, view(ask, pivot), ask.stop)?;
    Ok(Data::new(&graph, refined))
}

/// What is left out of the graph, for people.
pub(super) fn notes(refined: &Refined, data: &Data) -> Vec<String> {
    let mut notes = refined.notices.clone();
    if data.left_out > 0 {
        notes.push(format!(
            "{} frames with small values are left out: they are drawn as one box per caller. Sums are exact.",
            data.left_out
        ));
    }
    if data.cut > 0 {
        notes.push(format!(
            "{} stacks are shown without their inner frames: the profile is too large.",
            data.cut
        ));
    }
    notes
}

fn page(ask: &Ask<'_>) -> Result<Page, PageError> {
    let refined = refine(ask)?;
    let stacks = stacks(ask, &refined)?;
    let pivot = ask.query.own("p");
    let graph = graph(ask, &refined, &stacks, pivot)?;
    let functions = Functions::new(&stacks, ROWS, ask.stop)?;
    let body = match empty(ask, &refined, &graph) {
        Some(empty) => html! { div.nothing { (empty) (back(ask)) } },
        None => html! {
            (self::body(&graph)?)
            (table(ask, &refined, &stacks, &functions))
        },
    };
    Ok(Page {
        title: pivot.map(|pivot| format!("{pivot} · Flame graph")).unwrap_or_default(),
        legend: refined.header(&refined.settings.unit),
        notes: notes(&refined, &graph),
        modules: &["flame.js"],
        styles: &["flame.css"],
        is_full: true,
        ..Page::of(body)
    })
}

fn answer(ask: &Ask<'_>) -> Result<String, PageError> {
    let refined = refine(ask)?;
    let stacks = stacks(ask, &refined)?;
    json(&graph(ask, &refined, &stacks, ask.query.own("p"))?)
}

/// Why there is nothing to draw, if there is nothing.
pub(super) fn empty(ask: &Ask<'_>, refined: &Refined, graph: &Data) -> Option<Markup> {
    let is_drawn = |sums: &[_]| sums.first().is_some_and(|sum| *sum != 0);
    let is_there = is_drawn(&graph.below.plus) || graph.below.minus.as_deref().is_some_and(is_drawn);
    let missing = graph.pivot.as_deref().filter(|_| !is_there).map(super::empty::function);
    super::empty::samples(ask, refined).or(missing)
}

/// The way from a function that is not there.
fn back(ask: &Ask<'_>) -> Markup {
    html! {
        @if ask.query.own("p").is_some() { p.empty { a href=(pivot_href(ask, "")) { "All functions" } } }
    }
}

/// The canvas, and the controls around it.
pub(super) fn body(graph: &Data) -> Result<Markup, PageError> {
    Ok(html! {
        section.flame #flame aria-label="Flame graph" {
            div.flame-tools role="toolbar" aria-label="Flame graph" {
                button.plain type="button" #flame-back hidden { "← all functions" }
                strong.flame-pivot #flame-pivot {}
                button.plain type="button" #flame-reversed aria-pressed="false" title="Begin at the leaves (r)" { "Reversed" }
                button.plain type="button" #flame-up aria-pressed="false" title="The root is at the bottom (i)" { "Flames up" }
                button.plain type="button" #flame-zoom disabled title="The whole width (Escape)" { "Zoom out" }
                span.flame-legend #flame-legend {}
                button.plain type="button" #flame-help title="Keys (?)" aria-label="Keys" { "?" }
            }
            div.flame-view #flame-view tabindex="0" role="application" aria-roledescription="flame graph"
                aria-label="Flame graph. Arrow keys move between frames, Enter shows callers and callees, question mark lists all keys."
                aria-describedby="flame-frame" {
                div.flame-space #flame-space { canvas #flame-canvas aria-hidden="true" {} }
            }
            div.flame-frame #flame-frame aria-live="polite" { p.flame-hint { "Point at a frame to see its value, click to see its callers and callees." } }
            div.flame-tip #flame-tip role="tooltip" hidden {}
            div.flame-menu #flame-menu role="menu" aria-label="Actions on the frame" hidden {}
            section.flame-keys #flame-keys hidden { (keys()) }
            noscript { p { "The graph is drawn by a script. The functions are in the table below it." } }
        }
        (data("flame-data", graph)?)
    })
}

fn keys() -> Markup {
    const KEYS: &[(&str, &str)] = &[
        ("click, Enter", "callers and callees of the frame's function"),
        ("right click, m", "what else can be done with the frame"),
        ("arrows", "to the caller, the largest callee, the neighbours"),
        ("Shift + click, z", "zoom to the frame"),
        ("Ctrl + wheel, + −", "zoom"),
        ("Escape", "zoom out, then back to all functions"),
        ("/", "search; frames that match are marked"),
        ("r", "reversed: begin at the leaves"),
        ("i", "root at the top or at the bottom"),
        ("?", "this list"),
    ];
    html! {
        h3 { "In the flame graph" }
        dl { @for (key, what) in KEYS { dt { kbd { (key) } } dd { (what) } } }
    }
}

/// The heaviest functions, for who cannot see the graph.
fn table(ask: &Ask<'_>, refined: &Refined, stacks: &Stacks<'_>, functions: &Functions) -> Markup {
    let total = refined.total;
    let text = |value: i128| refined.format_value(clamp(value), &refined.settings.unit);
    html! {
        details.flame-table {
            summary { "The same as a table" }
            table {
                thead { tr { th scope="col" { "Own" } th scope="col" { "Own %" } th scope="col" { "With callees" }
                    th scope="col" { "%" } th scope="col" { "Function" } } }
                tbody {
                    @for row in &functions.rows {
                        @let name = stacks.text(row.frame);
                        tr {
                            td.number { (text(row.own)) }
                            td.number { (share(row.own, total)) }
                            td.number { (text(row.value())) }
                            td.number { (share(row.value(), total)) }
                            td { a href=(pivot_href(ask, &name)) { (name) } }
                        }
                    }
                }
            }
            @if functions.left_out > 0 { p { (functions.left_out) " more functions are in " a href=(top_href(ask)) { "Top" } "." } }
        }
    }
}

/// The address of the graph around a function.
fn pivot_href(ask: &Ask<'_>, name: &str) -> String {
    views::View::at(MAKER.route).map(|view| ask.query.with_own("p", name).href(view)).unwrap_or_default()
}

fn top_href(ask: &Ask<'_>) -> String {
    views::View::at("top").map(|view| ask.query.href(view)).unwrap_or_default()
}

/// A value in the bounds of pprof's.
pub(super) fn clamp(value: i128) -> i64 {
    i64::try_from(value).unwrap_or(if value < 0 { i64::MIN } else { i64::MAX })
}

/// A share of the total for people.
pub(super) fn share(value: i128, total: i64) -> String {
    if total == 0 { "0%".to_owned() } else { format!("{:.1}%", 100.0 * value as f64 / total as f64) }
}

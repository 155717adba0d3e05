//! What is around a view: menus, search, details, messages.

mod around;
mod menus;

use maud::{DOCTYPE, Markup, html};

use crate::page::Page;
use crate::query::Query;
use crate::views::{VIEWS, View};
use crate::visible::visible_page;

pub(crate) use around::Around;

/// The whole page.
pub(crate) fn page(around: &Around<'_>, page: &Page) -> String {
    let Around { analyser, view, query, .. } = around;
    let title = if page.title.is_empty() { view.name } else { &page.title };
    let document = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · " (analyser.name) " · rgops" }
                link rel="icon" href="data:,";
                link rel="stylesheet" href="assets/style.css";
                @for style in page.styles { link rel="stylesheet" href={ "assets/" (style) }; }
                script type="module" src="assets/page.js" {}
                @for module in page.modules { script type="module" src={ "assets/" (module) } {} }
            }
            body data-view=(view.route) {
                a.skip href="#main" { "Skip to the view" }
                header.bar {
                    p.brand { a href=(Query::reset(query).with_own("q", "").href(first())) { "rgops" } }
                    @if let Some((address, name)) = &analyser.home { p.home { a href=(address) { "← " (name) } } }
                    (menus::views(around))
                    div.tools { (menus::menus(around, page)) (menus::search(around)) }
                }
                main #main class=[page.is_full.then_some("full")] tabindex="-1" {
                    h1.hidden { (title) }
                    @if !page.notes.is_empty() {
                        div.notes role="status" { @for note in &page.notes { p { (note) } } }
                    }
                    (menus::filters(around))
                    (page.body)
                }
                (keys())
            }
        }
    };
    visible_page(document.into_string())
}

/// The keys, shown by `?`.
fn keys() -> Markup {
    html! {
        dialog #keys aria-labelledby="keys-title" {
            h2 #keys-title tabindex="-1" autofocus { "Keys" }
            dl {
                @for view in VIEWS { dt { kbd { (view.key) } } dd { (view.name) } }
                dt { kbd { "/" } } dd { "Search" }
                dt { kbd { "?" } } dd { "This list" }
                dt { kbd { "Esc" } } dd { "Close a menu, leave the search" }
            }
            p { label { input #keys-on type="checkbox" checked; " Keys of one letter" } }
            form method="dialog" { button type="submit" { "Close" } }
        }
    }
}

fn first() -> &'static View {
    &VIEWS[0]
}

/// A page without a view: why a request is not answered.
pub(crate) fn refusal(why: &str) -> String {
    let document = html! {
        (DOCTYPE)
        html lang="en" {
            head { meta charset="utf-8"; title { "rgops" } }
            body { h1 { "rgops" } p { (why) } }
        }
    };
    visible_page(document.into_string())
}

/// What is shown instead of a view: what is wrong, and the way out.
pub(crate) fn problem(around: &Around<'_>, title: &str, why: &str) -> Markup {
    html! {
        section.problem role="alert" {
            h2 { (title) }
            p { (why) }
            p { a href=(around.query.reset().href(around.view)) { "Show this view with the first options" } }
        }
    }
}

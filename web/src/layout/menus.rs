//! The menus: links and forms that work without scripts. `page.js` adds arrows, Escape and keys.

use maud::{Markup, html};
use rgops_pprof::profile::sample_type_position;
use rgops_pprof::settings::{Kind, Opt};

use super::around::Around;
use crate::configs::MOST_CONFIGS;
use crate::downloads::DOWNLOADS;
use crate::page::Page;
use crate::query::Query;
use crate::views::VIEWS;

/// Filters of the Refine menu, by name.
const FILTERS: &[(&str, &str)] = &[
    ("focus", "Focus"),
    ("ignore", "Ignore"),
    ("hide", "Hide"),
    ("show", "Show"),
    ("show_from", "Show from"),
    ("prune_from", "Prune from"),
];
/// Filters by labels.
const TAG_FILTERS: &[(&str, &str)] = &[
    ("tagfocus", "Tag focus"),
    ("tagignore", "Tag ignore"),
    ("tagshow", "Tag show"),
    ("taghide", "Tag hide"),
];
/// Switches of the Options menu.
const SWITCHES: &[(&str, &str)] = &[
    ("rust", "Rust names and frames"),
    ("generics", "Type parameters in full"),
    ("monomorphs", "Monomorphizations apart"),
    ("noinlines", "Without inlined functions"),
    ("call_tree", "Call tree"),
    ("relative_percentages", "Relative percentages"),
    ("mean", "Mean instead of sum"),
    ("drop_negative", "Without negative values"),
    ("trim", "Trim small nodes"),
    ("intel_syntax", "Intel syntax"),
    ("showcolumns", "Columns of lines"),
];
/// Numbers and texts of the Options menu.
const FIELDS: &[(&str, &str)] = &[
    ("nodecount", "Most nodes"),
    ("nodefraction", "Least share of a node"),
    ("edgefraction", "Least share of an edge"),
    ("unit", "Unit"),
];

/// The views.
pub(super) fn views(around: &Around<'_>) -> Markup {
    html! {
        nav.views aria-label="Views" {
            ul {
                @for view in VIEWS {
                    li {
                        a href=(around.query.href(view)) title={ (view.help) " (" (view.key) ")" }
                            data-key=(view.key) data-route=(view.route)
                            aria-current=[(view.route == around.view.route).then_some("page")] { (view.name) }
                    }
                }
            }
        }
    }
}

/// Sample type, Refine, Options, Config, Download, Details.
pub(super) fn menus(around: &Around<'_>, page: &Page) -> Markup {
    html! {
        div.menus role="group" aria-label="Menus" {
            @if around.analyser.profile.sample_types.len() > 1 { (menu("Sample type", sample_types(around))) }
            (menu("Refine", refine(around)))
            (menu("Options", options(around)))
            (menu("Config", configs(around)))
            (menu("Download", downloads(around)))
            (menu("Details", details(around, page)))
            button.plain #show-keys type="button" aria-haspopup="dialog" { "Keys" }
        }
    }
}

fn menu(name: &str, content: Markup) -> Markup {
    html! {
        details.menu name="menu" data-menu=(name) {
            summary { (name) }
            div.panel { (content) }
        }
    }
}

fn sample_types(around: &Around<'_>) -> Markup {
    let Around { analyser, query, view, .. } = around;
    let profile = &analyser.profile;
    let current = current_sample_type(around);
    html! {
        ul {
            @for (at, of) in profile.sample_types.iter().enumerate() {
                li {
                    a href=(query.with("sample_index", profile.text(of.kind)).href(view))
                        aria-current=[(Some(at) == current).then_some("true")] {
                        (profile.text(of.kind)) " " span.unit { (profile.text(of.unit)) }
                    }
                }
            }
        }
    }
}

/// The position of the sample type that reports are about; `None` if the query asks for one that is not there.
fn current_sample_type(around: &Around<'_>) -> Option<usize> {
    let profile = &around.analyser.profile;
    let names: Vec<&str> = profile.sample_types.iter().map(|of| profile.text(of.kind)).collect();
    let default = profile.text(profile.default_sample_type);
    sample_type_position(&names, default, &around.query.settings.sample_index).ok()
}

fn refine(around: &Around<'_>) -> Markup {
    let Around { query, view, .. } = around;
    let names: Vec<&str> = FILTERS.iter().chain(TAG_FILTERS).map(|(name, _)| *name).collect();
    html! {
        form method="get" action=(view.route) {
            (hidden(around, &names))
            @for (name, label) in FILTERS { (field(query, name, label)) }
            fieldset {
                legend { "Labels" }
                @for (name, label) in TAG_FILTERS { (field(query, name, label)) }
            }
            p.actions {
                button type="submit" { "Apply" }
                a href=(query.reset().href(view)) { "Reset" }
            }
        }
    }
}

fn options(around: &Around<'_>) -> Markup {
    let Around { query, view, .. } = around;
    let names: Vec<&str> = FIELDS.iter().map(|(name, _)| *name).collect();
    let granularity = query.settings.value("granularity").unwrap_or_default();
    let words = match Opt::find("granularity").map(|option| option.kind) {
        Some(Kind::Choice(words)) => words,
        _ => &[],
    };
    html! {
        ul {
            @for (name, label) in SWITCHES {
                @let is_on = query.settings.value(name).as_deref() == Some("true");
                li {
                    a.switch href=(query.with(name, if is_on { "false" } else { "true" }).href(view))
                        role="switch" aria-checked=(is_on) title=[Opt::find(name).map(|option| option.help)] {
                        (label)
                    }
                }
            }
        }
        p.label #granularity { "A node is one of these" }
        ul.row aria-labelledby="granularity" {
            @for word in words {
                li {
                    a href=(query.with("granularity", if *word == granularity { "" } else { word }).href(view))
                        aria-current=[(*word == granularity).then_some("true")] { (word) }
                }
            }
        }
        form method="get" action=(view.route) {
            (hidden(around, &names))
            @for (name, label) in FIELDS { (field(query, name, label)) }
            p.actions { button type="submit" { "Apply" } }
        }
    }
}

fn configs(around: &Around<'_>) -> Markup {
    let Around { query, view, configs, .. } = around;
    let form = |action: &str, content: Markup| {
        html! {
            form method="post" action={ "configs/" (action) } {
                input type="hidden" name="token" value=(around.token);
                input type="hidden" name="view" value=(view.route);
                input type="hidden" name="query" value=(query.href_of(view, "").trim_start_matches('?'));
                (content)
            }
        }
    };
    let mark = |of: &Query| (of.settings == query.settings).then_some("true");
    let reset = query.reset();
    html! {
        ul {
            li { a href=(reset.href(view)) aria-current=[mark(&reset)] { "Default" } }
            @match configs {
                Ok(configs) => {
                    @for config in configs.iter().take(MOST_CONFIGS) {
                        @let with = config.options.iter().fold(reset.clone(), |query, (name, value)| query.with(name, value));
                        li.config {
                            a href=(with.href(view)) aria-current=[mark(&with)] { (config.name) }
                            (form("delete", html! {
                                input type="hidden" name="name" value=(config.name);
                                button.small type="submit" aria-label={ "Delete config " (config.name) } { "Delete" }
                            }))
                        }
                    }
                    @if let Some(more @ 1..) = configs.len().checked_sub(MOST_CONFIGS) {
                        li.problem { (more) " more saved configs are left out: only the first " (MOST_CONFIGS) " are shown" }
                    }
                },
                Err(why) => li.problem { "The saved configs cannot be read: " (why) },
            }
        }
        (form("save", html! {
            label { "Save these options as" input type="text" name="name" required maxlength="100" autocomplete="off"; }
            p.actions { button type="submit" { "Save" } }
        }))
    }
}

fn downloads(around: &Around<'_>) -> Markup {
    let Around { query, view, .. } = around;
    let whole = query.reset();
    html! {
        ul {
            li { a href=(whole.href_of(view, "download/profile.pb.gz")) download { "profile.pb.gz " span.unit { "all of it" } } }
            @for download in DOWNLOADS {
                li { a href=(query.href_of(view, &format!("download/{}", download.file))) download {
                    (download.file) " " span.unit { (download.help) }
                } }
            }
        }
    }
}

fn details(around: &Around<'_>, page: &Page) -> Markup {
    html! {
        p.name { (around.analyser.name) }
        @if !page.legend.is_empty() { ul.legend { @for line in &page.legend { li { (line) } } } }
        @let doc_url = around.analyser.profile.text(around.analyser.profile.doc_url);
        @if doc_url.starts_with("https://") || doc_url.starts_with("http://") {
            p { a href=(doc_url) rel="noreferrer noopener" target="_blank" { "About this kind of profile" } }
        }
    }
}

/// The search, which all views have.
pub(super) fn search(around: &Around<'_>) -> Markup {
    let Around { query, view, .. } = around;
    html! {
        form.search role="search" method="get" action=(view.route) {
            @for (key, value) in query.parameters(view) {
                @if key != "q" { input type="hidden" name=(key) value=(value); }
            }
            label.hidden for="search" { "Search: a regular expression" }
            input #search type="search" name="q" value=[query.own("q")] placeholder="Search (regexp)"
                autocomplete="off" autocapitalize="none" spellcheck="false" aria-keyshortcuts="/";
            output #matched for="search" aria-live="polite" {}
        }
    }
}

/// Options that are not as the analyser began, each with a way to drop it.
pub(super) fn filters(around: &Around<'_>) -> Markup {
    let Around { query, view, .. } = around;
    let first = query.reset();
    let changed = query.changed();
    html! {
        @if !changed.is_empty() {
            ul.filters aria-label="Options that are set" {
                @for (option, value) in &changed {
                    @let without = query.with(option.name, &first.settings.value(option.name).unwrap_or_default());
                    li {
                        span.key { (option.name) } " " span.value { (value) }
                        a href=(without.href(view)) aria-label={ "Drop " (option.name) } { "×" }
                    }
                }
            }
        }
    }
}

fn field(query: &Query, name: &str, label: &str) -> Markup {
    let Some(option) = Opt::find(name) else { return html! {} };
    let first = query.reset().settings.value(name);
    html! {
        label.field title=(option.help) {
            span { (label) }
            input type="text" name=(option.url) value=[query.settings.value(name)] data-base=[first] autocomplete="off"
                autocapitalize="none" spellcheck="false";
        }
    }
}

/// What a form leaves as it is.
fn hidden(around: &Around<'_>, fields: &[&str]) -> Markup {
    let is_field =
        |key: &str| fields.iter().any(|name| Opt::find(name).is_some_and(|option| option.url == key));
    html! {
        @for (key, value) in around.query.parameters(around.view) {
            @if !is_field(&key) { input type="hidden" name=(key) value=(value); }
        }
    }
}

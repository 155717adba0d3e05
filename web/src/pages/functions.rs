//! Functions in pages: patterns that match one, links to its other views, and cells with values.

use maud::{Markup, html};
use rgops_pprof::Pattern;
use rgops_pprof::measurement::percentage;

use crate::page::Ask;
use crate::views::View;

/// The most characters of a name that a page shows; the whole name is in its title.
const NAME_CHARS: usize = 400;

/// The regular expression, in Go's syntax, that matches this name alone.
pub(super) fn pattern_of(name: &str) -> String {
    format!("^{}$", Pattern::escape(name))
}

/// The address of a view of this function.
pub(super) fn address(ask: &Ask<'_>, route: &str, name: &str) -> String {
    View::at(route).map_or_else(String::new, |view| {
        let key = view.own.first().copied().unwrap_or("fn");
        let value = match (key, route) {
            // Names of instructions have an address before them, and a line behind.
            ("fn", "disasm") => format!("(^| ){}( |$)", Pattern::escape(name)),
            ("fn", _) => pattern_of(name),
            _ => name.to_owned(),
        };
        ask.query.with_own(key, &value).href(view)
    })
}

/// Links to what else can be known of a function.
pub(super) fn links(ask: &Ask<'_>, here: &'static str, name: &str) -> Markup {
    let view = View::at(here);
    html! {
        span.links {
            @for (route, text) in [("flamegraph", "flame"), ("peek", "peek"), ("source", "source"), ("disasm", "asm")] {
                @if route != here { a href=(address(ask, route, name)) { (text) } " " }
            }
            @if let Some(view) = view {
                a href=(ask.query.with("focus", &pattern_of(name)).with_own("fn", "").href(view)) { "focus" }
            }
        }
    }
}

/// A name, cut if it is too long.
pub(super) fn cut(name: &str) -> &str {
    name.char_indices().nth(NAME_CHARS).map_or(name, |(at, _)| name.get(..at).unwrap_or(name))
}

/// A share of the total without blanks: `12.34%`.
pub(super) fn share(value: i64, total: i64) -> String {
    percentage(value, total).trim().to_owned()
}

/// The class of a cell whose background is this share wide, in steps of 5 %.
pub(super) fn bar(value: i64, total: i64) -> String {
    let share = if total == 0 { 0.0 } else { (value as f64 / total as f64).abs().min(1.0) };
    // What became less has another colour.
    let less = if (value < 0) == (total < 0) || value == 0 { "" } else { " less" };
    format!("p{}{less}", (share * 20.0).round() as u32 * 5)
}

/// A form that asks for functions by a pattern, which some views need.
pub(super) fn form(ask: &Ask<'_>, route: &str, wanted: &str) -> Markup {
    let Some(view) = View::at(route) else { return html! {} };
    html! {
        form.function method="get" action=(route) {
            @for (key, value) in ask.query.parameters(view) {
                @if key != "fn" { input type="hidden" name=(key) value=(value); }
            }
            label { "Functions (regexp) "
                input type="text" name="fn" value=(wanted) required autocomplete="off" autocapitalize="none"
                    spellcheck="false" list="functions";
            }
            button type="submit" { "Show" }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_its_name_alone() {
        let name = "<a::B<[u8]> as C>::{closure#0}(x|y)^$\\d.*é-&~ #";
        let pattern = Pattern::new(&pattern_of(name)).expect("it is a pattern");
        assert!(pattern.is_match(name) && !pattern.is_match(&format!("{name} ")));
        assert_eq!(pattern_of("a.b"), "^a\\.b$");
    }

    #[test]
    fn bars_have_steps() {
        assert_eq!([bar(0, 0), bar(1, 100), bar(49, 100), bar(-2, 1)], ["p0", "p0", "p50", "p100 less"]);
    }
}

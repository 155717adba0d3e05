//! The page: charts that `program.js` draws, and forms.

use maud::{Markup, html};

use crate::fleet::Program;
use crate::pages::frame;
use crate::pages::jobs::{Job, Kind};
use crate::pages::results;

/// A chart: its name in a reading, what it is called, and what it shows.
struct Chart {
    key: &'static str,
    title: &'static str,
    about: &'static str,
}

const CHARTS: &[Chart] = &[
    Chart { key: "cpu", title: "CPU", about: "CPU time per time; 100 % is one CPU" },
    Chart { key: "memory", title: "Memory", about: "resident memory, and what it is" },
    Chart {
        key: "busy", title: "Workers busy", about: "share of the workers’ time, a stuck poll included"
    },
    Chart { key: "tasks", title: "Tasks alive", about: "Tokio tasks that are not complete" },
    Chart { key: "queue", title: "Run queue", about: "tasks that wait to be polled" },
    Chart { key: "descriptors", title: "Descriptors", about: "open files and sockets" },
    Chart { key: "allocations", title: "Allocations", about: "calls of the allocator in a second" },
];

/// The whole content.
pub(super) fn content(program: &Program, jobs: &[std::sync::Arc<Job>]) -> Markup {
    html! {
        section.take aria-labelledby="take" {
            h2 #take { "Look closer" }
            div.cards { @for kind in Kind::ALL { (form(program, *kind)) } }
        }
        @if !jobs.is_empty() { (results::list(jobs)) }
        section.charts aria-labelledby="charts" data-live="live" {
            h2 #charts { "Now" }
            p.live #live-state role="status" { "Connecting…" }
            div.grid { @for of in CHARTS { (chart(of)) } }
            noscript { p.notes { "Charts need scripts. The same as text: "
                a href="debug/pprof/stats" { "stats" } ", " a href="debug/pprof/memstats" { "memstats" } "." } }
        }
        section aria-labelledby="more" {
            h2 #more { "For other tools" }
            dl.lines {
                dt { a href="debug/pprof/" { "debug/pprof/" } } dd { "all profiles, for browsers, curl and " code { "go tool pprof" } }
                dt { a href="/metrics" { "/metrics" } } dd { "numbers of all programs, for Prometheus" }
                dt { code { "rgops top " (program.pid) } } dd { "the same in a terminal" }
            }
        }
    }
}

fn chart(chart: &Chart) -> Markup {
    html! {
        figure.chart data-chart=(chart.key) {
            figcaption {
                span.title { (chart.title) }
                output.value { "…" }
                span.means { (chart.about) }
            }
            div.plot aria-hidden="true" {}
            p.why hidden {}
            @if chart.key == "memory" { ul.parts {} }
        }
    }
}

fn form(program: &Program, kind: Kind) -> Markup {
    let id = format!("seconds-{}", kind.name());
    html! {
        form.card method="post" action={ (frame::address(program)) "take" } {
            h3 { (kind.title()) }
            p { (kind.about()) }
            input type="hidden" name="kind" value=(kind.name());
            p.actions {
                @if let Some((least, usual, most)) = kind.seconds() {
                    label for=(id) { "Seconds" }
                    input.seconds type="number" id=(id) name="seconds" min=(least) max=(most) value=(usual) required;
                }
                button type="submit" { (kind.button()) }
            }
        }
    }
}

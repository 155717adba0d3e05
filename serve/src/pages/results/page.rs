//! The page of a job: how far it is, or what came out.

use std::sync::Arc;
use std::time::Duration;

use maud::{Markup, html};
use rgops_inspect::text::bytes_short;

use crate::pages::answers::sentence;
use crate::pages::frame;
use crate::pages::jobs::{Job, Outcome};

/// The jobs of a program.
pub(in crate::pages) fn list(jobs: &[Arc<Job>]) -> Markup {
    html! {
        section.results aria-labelledby="results" {
            h2 #results { "Results" }
            ul {
                @for job in jobs {
                    li {
                        a href=(job.address()) { (job.kind.title()) @if job.seconds > 0 { ", " (job.seconds) " s" } }
                        " " span.muted { (ago(job.elapsed())) " · " (state(job)) }
                    }
                }
            }
        }
    }
}

fn ago(elapsed: Duration) -> String {
    match elapsed.as_secs() {
        0..60 => "just now".to_owned(),
        seconds => format!("{} min ago", seconds / 60),
    }
}

fn state(job: &Job) -> &'static str {
    match job.outcome() {
        None => "running",
        Some(Outcome::Failed { .. }) => "failed",
        Some(Outcome::Cancelled) => "cancelled",
        Some(_) => "kept for an hour",
    }
}

/// The content while it runs.
pub(super) fn running(job: &Job) -> Markup {
    let (elapsed, total) = (job.elapsed().as_secs().min(job.seconds), job.seconds);
    html! {
        section.running #running data-live="live" data-total=(total) {
            p role="status" #step { "Runs." }
            @if total > 0 {
                p.bar-of-time {
                    progress #progress max=(total) value=(elapsed) aria-label="Progress" {}
                    output #seconds { (elapsed) " of " (total) " s" }
                }
            }
            form method="post" action="end" {
                p.actions {
                    @if total > 0 { button type="submit" name="how" value="keep" { "Stop now, and show what is there" } }
                    button.plain type="submit" name="how" value="cancel" { "Cancel" }
                }
            }
            p.muted { "It goes on when you leave this page, ends by itself, and its result is kept for an hour." }
        }
    }
}

/// The content of a result that has no analyser.
pub(super) fn ended(job: &Job, outcome: &Outcome) -> Markup {
    let again = html! { p { a href=(frame::address(&job.program)) { "Back to the program" } } };
    match outcome {
        Outcome::Profile { .. } => html! { p { a href="ui/" { "Open it" } } },
        Outcome::Text(text) => html! { pre.report tabindex="0" { (text) } (again) },
        Outcome::Trace { file, summary } => html! {
            p { a.button href="file" download { "Save the trace (" (bytes_short(file.len() as u64)) ")" } }
            p {
                "It is a file for the trace viewer Perfetto: open " code { "ui.perfetto.dev" }
                ", and drop the file on it. The viewer runs in the browser: the file is not sent anywhere. Each thread has \
                 a line of its states, runtimes have counters, and samples show what ran."
            }
            @if !summary.is_empty() { pre.report tabindex="0" { (summary) } }
            (again)
        },
        Outcome::Failed { what, why, fix } => html! {
            section.problem role="alert" {
                p { (sentence(what)) ": " (why) }
                @if !fix.is_empty() { pre.fix { "Fix: " (fix) } }
            }
            (again)
        },
        Outcome::Cancelled => {
            html! { p.empty role="status" { "It was cancelled: there is no result." } (again) }
        }
    }
}

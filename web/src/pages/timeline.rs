//! The samples over time, a lane per thread.

use super::maker::Maker;
use maud::{Markup, html};
use rgops_pprof::timeline::Timeline;

use super::empty;
use super::flame::{clamp, refine, share};
use crate::page::{Ask, Page, PageError, data};

/// How the view is made.
pub(super) const MAKER: Maker = Maker { route: "timeline", page, data: None };

/// How many parts the time is divided into.
const PARTS: usize = 300;

fn page(ask: &Ask<'_>) -> Result<Page, PageError> {
    let refined = refine(ask)?;
    let timeline = Timeline::new(&refined, PARTS, ask.stop)?;
    if let Some(empty) = empty::samples(ask, &refined) {
        let legend = refined.header(&refined.settings.unit);
        return Ok(Page { legend, notes: refined.notices.clone(), ..Page::of(empty) });
    }
    let Some(timeline) = timeline else {
        let body = html! {
            section.empty {
                h2 { "The samples of this profile have no times" }
                p { "A timeline needs a label with the time of each sample, such as " code { "timestamp" }
                    " in nanoseconds. Most profiles only have sums." }
            }
        };
        return Ok(Page { legend: refined.header(&refined.settings.unit), ..Page::of(body) });
    };
    let mut notes = refined.notices.clone();
    if timeline.without_time > 0 {
        notes.push(format!("{} samples have no time and are not shown.", timeline.without_time));
    }
    let body = html! {
        section.timeline #timeline data-key=(timeline.key) data-unit=(refined.unit) aria-label="Timeline" {
            div.flame-tools {
                span #timeline-range { "Drag over a part of the time to see its flame graph." }
                a #timeline-flame hidden { "Flame graph of this part" }
                span.flame-legend #timeline-legend {}
            }
            div.timeline-lanes #timeline-lanes tabindex="0" role="group" aria-label="Threads over time. Left and right arrow keys move the marked part, with Shift they widen it." {}
            (table(&refined, &timeline))
        }
        (data("timeline-data", &timeline)?)
    };
    Ok(Page {
        legend: refined.header(&refined.settings.unit),
        notes,
        modules: &["timeline.js"],
        styles: &["flame.css", "timeline.css"],
        ..Page::of(body)
    })
}

/// The sums of threads, for who cannot see the lanes.
fn table(refined: &rgops_pprof::Refined, timeline: &Timeline) -> Markup {
    html! {
        details.flame-table {
            summary { "Threads as a table" }
            table {
                thead { tr { th scope="col" { "Value" } th scope="col" { "%" } th scope="col" { "Thread" } } }
                tbody {
                    @for lane in &timeline.lanes {
                        @let total = i128::try_from(lane.total).unwrap_or(i128::MAX);
                        tr {
                            td.number { (refined.format_value(clamp(total), &refined.settings.unit)) }
                            td.number { (share(total, refined.total)) }
                            td { (lane.name) }
                        }
                    }
                }
            }
        }
    }
}

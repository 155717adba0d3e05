//! Source lines with their values; a line opens to the calls that were inlined into it and to its instructions.

use super::maker::Maker;
use maud::{Markup, html};
use rgops_pprof::report::ReportError;
use rgops_pprof::source::{AnnotatedFile, AnnotatedInstruction, AnnotatedLine, AnnotatedSource, annotate};
use rgops_pprof::{Format, Refined};

use super::empty;
use super::functions::{bar, cut, form, share};
use super::proposed::proposed;
use crate::page::{Ask, Page, PageError};

/// How the view is made.
pub(super) const MAKER: Maker = Maker { route: "source", page, data: None };

/// The most files, and the most lines of all.
const FILES: usize = 50;
const LINES: usize = 20_000;
/// The most instructions of all.
const INSTRUCTIONS: usize = 50_000;

fn page(ask: &Ask<'_>) -> Result<Page, PageError> {
    let focus = &*ask.query.settings.focus;
    let wanted = ask.query.own("fn").or((!focus.is_empty()).then_some(focus)).unwrap_or_default();
    if wanted.is_empty() {
        return proposed(ask, "source");
    }
    let mut settings = ask.settings();
    if ask.query.own("fn").is_none() {
        settings.focus.clear();
    }
    let refined = Refined::of(ask.profile, &settings, Format::Weblist, ask.stop)?;
    let source = match annotate(&refined, Some(wanted), Some(FILES), ask.environment, ask.stop) {
        Err(ReportError::NoMatch(why)) => return Ok(empty::pattern(ask, "source", wanted, &refined, &why)),
        source => source?,
    };
    let (mut lines, mut instructions) = (LINES, INSTRUCTIONS);
    let view = Values { refined: &refined, source: &source };
    let body = html! {
        (form(ask, "source", wanted))
        @for of in &source.files { (file(&view, of, &mut lines, &mut instructions)) }
        @if source.files.is_empty() { (empty::samples(ask, &refined).unwrap_or_else(empty::lines)) }
        @if lines == 0 { p.empty { "The first " (LINES) " lines. A longer pattern matches less." } }
        @if source.files.len() == FILES {
            p.empty { "The " (FILES) " files with the largest values. A longer pattern matches fewer." }
        }
    };
    Ok(Page {
        title: format!("{wanted} · Source"),
        legend: refined.header(&refined.settings.unit),
        notes: refined.notices.clone(),
        styles: &["tables.css"],
        ..Page::of(body)
    })
}

struct Values<'a> {
    refined: &'a Refined,
    source: &'a AnnotatedSource,
}

impl Values<'_> {
    fn always(&self, value: i64) -> String {
        self.refined.format_value(value, &self.refined.settings.unit)
    }

    /// A value as text; nothing for 0.
    fn text(&self, value: i64) -> String {
        if value == 0 { String::new() } else { self.always(value) }
    }
}

fn file(of: &Values<'_>, file: &AnnotatedFile, lines: &mut usize, instructions: &mut usize) -> Markup {
    let total = of.source.total;
    html! {
        section.source {
            h2.path { (cut(&file.path)) }
            @if let Some(why) = &file.missing { p.empty { "The lines are not at hand: " (why) "." } }
            @for function in &file.functions {
                h3 title=(function.name) {
                    (cut(&function.name))
                    small { " flat " (of.always(function.flat)) " (" (share(function.flat, total)) "), cum "
                        (of.always(function.cum)) " (" (share(function.cum, total)) ")" }
                }
                div.scroll tabindex="0" role="region" aria-label={ "Lines of " (cut(&function.name)) } {
                    table.code {
                        thead { tr {
                            th.n scope="col" { "Line" } th.n scope="col" { "Flat" } th.n scope="col" { "Cum" }
                            th.text scope="col" { "Source" }
                        } }
                        tbody {
                            @for of_line in &function.lines {
                                @if *lines > 0 { ({ *lines -= 1; line(of, of_line, instructions) }) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn line(of: &Values<'_>, line: &AnnotatedLine, instructions: &mut usize) -> Markup {
    let count = line.instructions.len().min(*instructions);
    *instructions -= count;
    let shown = line.instructions.get(..count).unwrap_or_default();
    let text = || html! { code { @if line.text.is_empty() { " " } @else { (line.text) } } };
    html! {
        tr.cold[line.flat == 0 && line.cum == 0] {
            th.n scope="row" { @if line.number > 0 { (line.number) } }
            td.n.share.(bar(line.flat, of.source.total)) { (of.text(line.flat)) }
            td.n.share.(bar(line.cum, of.source.total)) { (of.text(line.cum)) }
            td.text {
                @if shown.is_empty() { (text()) } @else {
                    details { summary { (text()) } div.inside { (inside(of, shown)) } }
                }
            }
        }
    }
}

/// What is inside of a line: calls that were inlined, and instructions.
fn inside(of: &Values<'_>, instructions: &[AnnotatedInstruction]) -> Markup {
    html! {
        table.code {
            tbody {
                @for instruction in instructions {
                    @for call in &instruction.inlined {
                        tr.call {
                            td.n colspan="3" { @if !call.file.is_empty() { (call.file.rsplit('/').next().unwrap_or_default()) ":" (call.line) } }
                            td.text { (indent(call.depth)) code { (call.text) } }
                        }
                    }
                    @if !instruction.text.is_empty() {
                        tr.block[instruction.starts_block] {
                            td.n { @if let Some(address) = instruction.address { (format!("{address:x}")) } }
                            td.n { (of.text(instruction.flat)) }
                            td.n { (of.text(instruction.cum)) }
                            td.text { (indent(instruction.depth)) code.asm { (instruction.text) } }
                        }
                    }
                }
            }
        }
    }
}

/// Blanks for calls in calls; deep ones are not deeper than the page is wide.
fn indent(depth: usize) -> String {
    "\u{a0}\u{a0}".repeat(depth.min(20))
}

//! Instructions with their values.

use super::maker::Maker;
use maud::{Markup, html};
use rgops_pprof::environment::{Code, Environment, Instruction, ObjectFile};
use rgops_pprof::names::short;
use rgops_pprof::report::ReportError;
use rgops_pprof::source::{Assembly, AssemblyFunction, assembly};
use rgops_pprof::{Format, Refined, Settings, Stop};

use super::empty;
use super::functions::{bar, cut, form, share};
use super::proposed::proposed;
use crate::page::{Ask, Page, PageError};

/// How the view is made.
pub(super) const MAKER: Maker = Maker { route: "disasm", page, data: None };

/// The most functions, and the most instructions of all.
const FUNCTIONS: usize = 50;
const INSTRUCTIONS: usize = 30_000;

fn page(ask: &Ask<'_>) -> Result<Page, PageError> {
    let focus = &*ask.query.settings.focus;
    let wanted = ask.query.own("fn").or((!focus.is_empty()).then_some(focus)).unwrap_or_default();
    if wanted.is_empty() {
        return proposed(ask, "disasm");
    }
    let mut settings = ask.settings();
    if ask.query.own("fn").is_none() {
        settings.focus.clear();
    }
    let refined = Refined::of(ask.profile, &settings, Format::Disasm, ask.stop)?;
    let environment = ShortNames { inner: ask.environment, settings: &settings };
    let assembly = match assembly(&refined, wanted, Some(FUNCTIONS), &environment, ask.stop) {
        Err(ReportError::NoMatch(why)) => return Ok(empty::pattern(ask, "disasm", wanted, &refined, &why)),
        assembly => assembly?,
    };
    let mut left = INSTRUCTIONS;
    let body = html! {
        (form(ask, "disasm", wanted))
        @for of in &assembly.functions { (function(&refined, &assembly, of, &mut left)) }
        @if assembly.functions.is_empty() { (empty::samples(ask, &refined).unwrap_or_else(empty::lines)) }
        @if left == 0 { p.empty { "The first " (INSTRUCTIONS) " instructions. A longer pattern matches less." } }
        @if assembly.functions.len() == FUNCTIONS {
            p.empty { "The " (FUNCTIONS) " functions with the largest values. A longer pattern matches fewer." }
        }
    };
    let missing = assembly.missing.iter().map(|why| format!("Instructions are not at hand: {why}"));
    Ok(Page {
        title: format!("{wanted} · Disassembly"),
        legend: refined.header(&refined.settings.unit),
        notes: refined.notices.iter().cloned().chain(missing).collect(),
        styles: &["tables.css"],
        ..Page::of(body)
    })
}

/// Finds functions of object files by their short names, too, which the profile has with the option `rust`.
struct ShortNames<'a> {
    inner: &'a (dyn Environment + Send + Sync),
    settings: &'a Settings,
}

impl Environment for ShortNames<'_> {
    fn source(&self, file: &str, settings: &Settings) -> Result<String, String> {
        self.inner.source(file, settings)
    }

    fn code(
        &self,
        mapping: &ObjectFile<'_>,
        is_wanted: Option<&dyn Fn(&str) -> bool>,
        address: Option<u64>,
        stop: Stop<'_>,
    ) -> Result<Vec<Code>, String> {
        let Some(is_wanted) = is_wanted else { return self.inner.code(mapping, None, address, stop) };
        let is_short = |name: &str| self.settings.rust && is_wanted(&short(name, self.settings.generics));
        self.inner.code(mapping, Some(&|name| is_wanted(name) || is_short(name)), address, stop)
    }

    fn bias(&self, mapping: &ObjectFile<'_>) -> Result<u64, String> {
        self.inner.bias(mapping)
    }

    fn instructions(
        &self,
        mapping: &ObjectFile<'_>,
        start: u64,
        end: u64,
        intel_syntax: bool,
        stop: Stop<'_>,
    ) -> Result<Vec<Instruction>, String> {
        self.inner.instructions(mapping, start, end, intel_syntax, stop)
    }
}

fn function(refined: &Refined, assembly: &Assembly, function: &AssemblyFunction, left: &mut usize) -> Markup {
    let unit = &refined.settings.unit;
    let text = |value: i64| if value == 0 { String::new() } else { refined.format_value(value, unit) };
    let name = function.names.first().map_or("", |name| cut(name));
    let count = function.instructions.len().min(*left);
    *left -= count;
    html! {
        section.disasm {
            h2 {
                (name)
                @if function.names.len() > 1 { small { " and " (function.names.len() - 1) " more that the linker folded" } }
                small { " flat " (refined.format_value(function.flat, unit)) " (" (share(function.flat, assembly.total))
                    "), cum " (refined.format_value(function.cum, unit)) " (" (share(function.cum, assembly.total)) ")" }
            }
            div.scroll tabindex="0" role="region" aria-label={ "Instructions of " (name) } {
                table.code {
                    thead { tr {
                        th.n scope="col" { "Address" } th.n scope="col" { "Flat" } th.n scope="col" { "Cum" }
                        th.text scope="col" { "Instruction" } th.text scope="col" { "Of" }
                    } }
                    tbody {
                        @for instruction in function.instructions.iter().take(count) {
                            tr.cold[instruction.flat == 0 && instruction.cum == 0] {
                                th.n scope="row" { (format!("{:x}", instruction.address)) }
                                td.n.share.(bar(instruction.flat, assembly.total)) { (text(instruction.flat)) }
                                td.n.share.(bar(instruction.cum, assembly.total)) { (text(instruction.cum)) }
                                td.text { code.asm { (instruction.text) } }
                                td.text.place {
                                    (cut(&instruction.function))
                                    @if !instruction.file.is_empty() { " " (cut(&instruction.file)) ":" (instruction.line) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

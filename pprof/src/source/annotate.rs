//! Source files with values and instructions by line.

use std::collections::HashSet;

use crate::environment::Environment;
use crate::error::ReportError;
use crate::refine::Refined;
use crate::stop::{Stop, Stopped};

use super::callees::Shown;
use super::code::{AllCode, Lines, OfLine, read};
use super::lines::SourceLines;
use super::sampled::{Sampled, sampled};
use super::{AnnotatedFile, AnnotatedFunction, AnnotatedInstruction, AnnotatedLine, AnnotatedSource};

/// Ranges of lines of one function that are closer than this are one.
const MERGED: i64 = 20;
/// Lines shown before and behind a range.
const AROUND: i64 = 5;
/// Instructions between two questions whether to stop.
const STEPS: usize = 256;

/// The source of functions that match `pattern` by name, file, or object file, or that contain the address that it is;
/// of all functions without it. The profile is of the granularity `addresses`. `most`: only as many files as this,
/// those with the largest flat values first; without it all, by path.
///
/// # Errors
/// If `pattern` is not a regular expression, or matches nothing; if it was stopped.
pub fn annotate(
    refined: &Refined,
    pattern: Option<&str>,
    most: Option<usize>,
    environment: &dyn Environment,
    stop: Stop<'_>,
) -> Result<AnnotatedSource, ReportError> {
    let text = pattern.unwrap_or_default();
    let compiled = pattern.map(crate::argument::pattern).transpose()?;
    let sampled = sampled(refined, compiled.as_ref(), text, stop)?;
    if sampled.interest.is_empty() {
        return Err(ReportError::NoMatch(format!("no matches found for regexp: {text}")));
    }
    let all = read(refined, &sampled, environment, stop)?;
    let mut order: Vec<(&String, &Lines, i64, i64)> = all
        .files
        .iter()
        .map(|(path, lines)| {
            let (flat, cum) = all.sums(lines);
            (path, lines, flat, cum)
        })
        .collect();
    if let Some(most) = most {
        order.sort_by_key(|(_, _, flat, cum)| std::cmp::Reverse((*flat, *cum)));
        order.truncate(most);
    }
    let mut sources = SourceLines::new(environment, &refined.settings);
    let mut shown = Shown::new();
    let files = order.into_iter().map(|(path, lines, flat, cum)| {
        let functions = functions(&all, path, lines, &sampled, &mut sources, &mut shown, stop)?;
        let missing = sources.error(path).map(str::to_owned);
        Ok(AnnotatedFile { path: path.clone(), flat, cum, missing, functions })
    });
    let files = files.collect::<Result<_, Stopped>>()?;
    Ok(AnnotatedSource { total: refined.total, files })
}

impl AllCode {
    /// The values of a file, each instruction once.
    fn sums(&self, lines: &Lines) -> (i64, i64) {
        let addresses: HashSet<u64> = lines.lines.values().flatten().map(|(address, _)| *address).collect();
        self.sum(addresses.into_iter())
    }

    fn sum(&self, addresses: impl Iterator<Item = u64>) -> (i64, i64) {
        let codes = addresses.filter_map(|address| self.code.get(&address));
        codes.fold((0, 0), |(flat, cum), code| (flat.wrapping_add(code.flat), cum.wrapping_add(code.cum)))
    }
}

/// A range of lines; `end` is behind the last.
struct Range {
    name: String,
    begin: i64,
    end: i64,
    flat: i64,
    cum: i64,
}

fn functions(
    all: &AllCode,
    path: &str,
    lines: &Lines,
    sampled: &Sampled,
    sources: &mut SourceLines<'_>,
    calls: &mut Shown,
    stop: Stop<'_>,
) -> Result<Vec<AnnotatedFunction>, Stopped> {
    let mut functions = Vec::new();
    for range in ranges(all, lines, sampled) {
        stop.check()?;
        if range.cum == 0 {
            continue;
        }
        let mut shown = Vec::new();
        for number in range.begin..range.end {
            let of_line = lines.lines.get(&number).map_or(&[][..], Vec::as_slice);
            let text = match sources.line(path, number) {
                Some(text) => text.to_owned(),
                None if of_line.is_empty() => continue,
                None if number == 0 => "<instructions with unknown line numbers>".to_owned(),
                None => "???".to_owned(),
            };
            shown.push(line(all, number, text, of_line, (&mut *sources, &mut *calls), stop)?);
        }
        let Range { name, flat, cum, .. } = range;
        functions.push(AnnotatedFunction { name, flat, cum, lines: shown });
    }
    Ok(functions)
}

/// The lines with code, those of one function that are close together as one range, with the lines around.
fn ranges(all: &AllCode, lines: &Lines, sampled: &Sampled) -> Vec<Range> {
    let mut ranges: Vec<Range> = Vec::new();
    for (number, of_line) in &lines.lines {
        let name = lines.functions.get(number).map_or("", |name| name);
        let name = sampled.pretty.get(name).map_or(name, String::as_str);
        let (flat, cum) = all.sum(of_line.iter().map(|(address, _)| *address));
        let end = number.saturating_add(1);
        match ranges.last_mut() {
            Some(last) if number.saturating_sub(last.end) < MERGED && last.name == name => {
                last.end = end;
                last.flat = last.flat.wrapping_add(flat);
                last.cum = last.cum.wrapping_add(cum);
            }
            _ => ranges.push(Range { name: name.to_owned(), begin: *number, end, flat, cum }),
        }
    }
    let mut before: Option<&mut Range> = None;
    for range in &mut ranges {
        range.begin = match before {
            // What is between two ranges is shared.
            Some(before) => {
                let half = (range.begin.saturating_sub(before.end) / 2).clamp(0, AROUND);
                before.end = before.end.saturating_add(half);
                range.begin.saturating_sub(half)
            }
            None if range.begin > AROUND => range.begin - AROUND,
            // Line 0 is of instructions without a line.
            None => range.begin.min(1),
        };
        before = Some(range);
    }
    if let Some(last) = ranges.last_mut() {
        last.end = last.end.saturating_add(AROUND);
    }
    ranges
}

fn line(
    all: &AllCode,
    number: i64,
    text: String,
    of_line: &[OfLine],
    (sources, calls): (&mut SourceLines<'_>, &mut Shown),
    stop: Stop<'_>,
) -> Result<AnnotatedLine, Stopped> {
    let (flat, cum) = all.sum(of_line.iter().map(|(address, _)| *address));
    let is_known = |(address, callees): &OfLine| {
        !callees.is_empty() || all.code.get(address).is_some_and(|code| code.address.is_some())
    };
    let mut instructions = Vec::new();
    if of_line.iter().any(is_known) {
        let mut behind = None;
        let mut current = None;
        for (at, (address, callees)) in of_line.iter().enumerate() {
            if at % STEPS == 0 {
                stop.check()?;
            }
            let Some(code) = all.code.get(address) else { continue };
            let starts_block = behind.is_some_and(|behind| behind != *address);
            behind = Some(address.wrapping_add(code.length));
            instructions.push(AnnotatedInstruction {
                starts_block,
                flat: code.flat,
                cum: code.cum,
                address: code.address,
                text: code.text.clone(),
                file: calls.file(&code.file),
                line: code.line,
                depth: callees.depth(),
                inlined: calls.inlined(callees, current, sources),
            });
            current = Some(callees);
        }
    }
    Ok(AnnotatedLine { number, text, flat, cum, has_code: !of_line.is_empty(), instructions })
}

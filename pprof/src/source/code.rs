//! The instructions around the addresses with samples, and the lines that they belong to.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::environment::{CodeFrame, Environment, ObjectFile};
use crate::paths::clean;
use crate::profile::{LocationId, MappingId};
use crate::refine::Refined;
use crate::stop::{Stop, Stopped};

use super::callees::Callees;
use super::object::object_file;
use super::sampled::{Sampled, Texts};

/// Bytes around an address that are shown, and the most ranges.
const AROUND: u64 = 500;
const MOST_RANGES: usize = 25;
/// Bytes of one range.
const LONGEST_RANGE: u64 = 1 << 20;
/// An instruction without a line, at most this far behind one with a line, is of the same line.
const NEIGHBOURHOOD: u64 = 32;
/// From the start of a function to a range in it.
const LONGEST_LEAD: u64 = 1 << 18;

/// An instruction with its values.
#[derive(Debug, Clone, Default)]
pub(super) struct Code {
    /// As stated in the object file; `None` without an object file.
    pub(super) address: Option<u64>,
    pub(super) length: u64,
    pub(super) text: String,
    pub(super) file: Arc<str>,
    pub(super) line: i64,
    pub(super) flat: i64,
    pub(super) cum: i64,
}

/// Instructions and frames between two questions whether to stop.
const STEPS: usize = 1024;

/// The address in memory of an instruction of a line, and the calls inlined between.
pub(super) type OfLine = (u64, Callees);

/// A file, by line the instructions of it: their addresses in memory, and the calls inlined between.
#[derive(Debug, Default)]
pub(super) struct Lines {
    pub(super) lines: BTreeMap<i64, Vec<OfLine>>,
    /// By line the function that it belongs to.
    pub(super) functions: HashMap<i64, Arc<str>>,
}

/// All instructions by their address in memory, and files by path.
#[derive(Debug, Default)]
pub(super) struct AllCode {
    pub(super) code: BTreeMap<u64, Code>,
    pub(super) files: BTreeMap<String, Lines>,
    steps: usize,
}

/// Reads the instructions of what is wanted.
pub(super) fn read(
    refined: &Refined,
    sampled: &Sampled,
    environment: &dyn Environment,
    stop: Stop<'_>,
) -> Result<AllCode, Stopped> {
    let mut all = AllCode::default();
    let (ranges, mut without) = ranges(refined, sampled, environment);
    for range in ranges {
        stop.check()?;
        if !all.disassemble(refined, sampled, &range, environment, stop)? {
            without.extend(&range.wanted);
        }
    }
    let mut texts = Texts::new(&refined.profile);
    for (address, id) in without {
        let frames = texts.frames(refined.profile.location(id));
        let first = frames.first();
        let code = Code {
            length: 1,
            file: first.map_or_else(|| Arc::from(""), |frame| frame.file.clone()),
            line: first.map_or(0, |frame| frame.line),
            ..Code::default()
        };
        all.code.insert(address, code);
        all.add(address, &frames, sampled, stop)?;
    }
    // A sample in the middle of an instruction is counted at its start.
    for (address, code) in &mut all.code {
        let end = address.saturating_add(code.length);
        let sum = |values: &BTreeMap<u64, i64>| {
            values.range(address..&end).fold(0_i64, |sum, (_, value)| sum.wrapping_add(*value))
        };
        (code.flat, code.cum) = (sum(&sampled.flat), sum(&sampled.cum));
    }
    Ok(all)
}

/// Addresses in memory of one mapping.
struct Range {
    mapping: MappingId,
    bias: u64,
    start: u64,
    end: u64,
    wanted: Vec<(u64, LocationId)>,
    flat: i64,
}

/// What to disassemble, the largest values first, and the addresses of which the object file is not at hand.
fn ranges(
    refined: &Refined,
    sampled: &Sampled,
    environment: &dyn Environment,
) -> (Vec<Range>, Vec<(u64, LocationId)>) {
    let profile = &refined.profile;
    let mut biases: HashMap<MappingId, Option<u64>> = HashMap::new();
    let mut ranges: Vec<Range> = Vec::new();
    let mut without = Vec::new();
    for (address, id) in &sampled.wanted {
        let known = profile.location(*id).mapping.filter(|_| profile.location(*id).address != 0);
        let bias = known.and_then(|mapping| {
            let file = || object_file(refined, profile.mapping(mapping));
            *biases.entry(mapping).or_insert_with(|| environment.bias(&file()).ok())
        });
        let (Some(mapping), Some(bias)) = (known, bias) else {
            without.push((*address, *id));
            continue;
        };
        let of = profile.mapping(mapping);
        let flat = sampled.flat.get(address).copied().unwrap_or(0);
        let (low, high) = (address.saturating_sub(AROUND), address.saturating_add(AROUND));
        let (low, high) = match of.start < of.limit {
            true => (low.max(of.start.min(*address)), high.min(of.limit.max(*address))),
            false => (low, high),
        };
        match ranges.last_mut() {
            Some(last)
                if last.mapping == mapping && low <= last.end && high - last.start <= LONGEST_RANGE =>
            {
                last.end = high;
                last.flat = last.flat.wrapping_add(flat);
                last.wanted.push((*address, *id));
            }
            _ => ranges.push(Range {
                mapping,
                bias,
                start: low,
                end: high,
                wanted: vec![(*address, *id)],
                flat,
            }),
        }
    }
    ranges.sort_by_key(|range| std::cmp::Reverse(range.flat));
    ranges.truncate(MOST_RANGES);
    (ranges, without)
}

impl AllCode {
    /// Whether the instructions of a range could be read.
    fn disassemble(
        &mut self,
        refined: &Refined,
        sampled: &Sampled,
        range: &Range,
        environment: &dyn Environment,
        stop: Stop<'_>,
    ) -> Result<bool, Stopped> {
        let file = object_file(refined, refined.profile.mapping(range.mapping));
        let [first, end] = [range.start, range.end].map(|address| address.wrapping_sub(range.bias));
        let start = start_before(&file, range.start, first, environment, stop);
        let read = environment.instructions(&file, start, end, refined.settings.intel_syntax, stop);
        stop.check()?;
        let Ok(read) = read else { return Ok(false) };
        let nexts = read.iter().skip(1).map(|next| Some(next.address)).chain([None]);
        let mut last: Option<(u64, &Arc<[CodeFrame]>)> = None;
        for (instruction, next) in read.iter().zip(nexts) {
            if instruction.address < first {
                continue;
            }
            let address = instruction.address.wrapping_add(range.bias);
            if self.code.contains_key(&address) {
                continue;
            }
            let own = instruction.frames.first();
            let code = Code {
                address: Some(instruction.address),
                length: next.map_or(1, |next| next.saturating_sub(instruction.address).max(1)),
                text: instruction.text.clone(),
                file: own.map_or_else(|| Arc::from(""), |frame| frame.file.clone()),
                line: own.map_or(0, |frame| frame.line),
                ..Code::default()
            };
            self.code.insert(address, code);
            let frames = match last {
                _ if own.is_some_and(|frame| frame.line != 0) => {
                    last = Some((address, &instruction.frames));
                    &instruction.frames
                }
                Some((before, frames)) if address.wrapping_sub(before) <= NEIGHBOURHOOD => frames,
                _ => &instruction.frames,
            };
            self.add(address, frames, sampled, stop)?;
        }
        Ok(!read.is_empty())
    }

    /// Adds an instruction to the lines of the functions that are of interest.
    fn add(
        &mut self,
        address: u64,
        frames: &Arc<[CodeFrame]>,
        sampled: &Sampled,
        stop: Stop<'_>,
    ) -> Result<(), Stopped> {
        for (at, frame) in frames.iter().enumerate() {
            self.steps += 1;
            if self.steps.is_multiple_of(STEPS) {
                stop.check()?;
            }
            if !sampled.interest.contains(&*frame.function) && !sampled.interest.contains(&*frame.system_name)
            {
                continue;
            }
            let path = shown_path(&frame.file);
            let lines = self.files.entry(path).or_default();
            lines.lines.entry(frame.line).or_default().push((address, Callees::of(frames, at)));
            let name = match frame.function.is_empty() {
                true => frame.system_name.clone(),
                false => frame.function.clone(),
            };
            lines.functions.entry(frame.line).or_insert(name);
        }
        Ok(())
    }
}

/// Where to begin, so that the first instruction is whole: at the start of the function, if that is near.
fn start_before(
    file: &ObjectFile<'_>,
    avma: u64,
    first: u64,
    environment: &dyn Environment,
    stop: Stop<'_>,
) -> u64 {
    let codes = environment.code(file, None, Some(avma), stop).unwrap_or_default();
    let starts = codes.iter().map(|code| code.start).filter(|start| *start <= first);
    starts.max().filter(|start| first - start <= LONGEST_LEAD).unwrap_or(first)
}

/// A path without what only tells where a build was run.
fn shown_path(path: &str) -> String {
    let path = path.strip_prefix("/proc/self/cwd/").unwrap_or(path);
    clean(path.strip_prefix("./").unwrap_or(path))
}

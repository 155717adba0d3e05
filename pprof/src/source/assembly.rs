//! Functions with their instructions.

use std::collections::{BTreeMap, HashSet};

use crate::environment::{Code, Environment, Instruction};
use crate::error::ReportError;
use crate::graph::{Graph, Info, NodeId};
use crate::paths::file_name;
use crate::pattern::Pattern;
use crate::profile::Mapping;
use crate::refine::Refined;
use crate::stop::Stop;

use super::address::address_of;
use super::list::{graph, sum};
use super::object::object_file;
use super::{Assembly, AssemblyFunction, AssemblyInstruction};

/// Functions that are shown at most.
const MOST_FUNCTIONS: usize = 4096;

/// The instructions of the functions of object files whose names match, or that contain the address that `pattern` is,
/// of a profile with the granularity `addresses`. `most`: only as many functions as this, those with the largest flat
/// values first; without it all, by name.
///
/// # Errors
/// If `pattern` is not a regular expression, or matches no function with samples; if it was stopped; if instructions
/// cannot be read.
pub fn assembly(
    refined: &Refined,
    pattern: &str,
    most: Option<usize>,
    environment: &dyn Environment,
    stop: Stop<'_>,
) -> Result<Assembly, ReportError> {
    let wanted = crate::argument::pattern(pattern)?;
    let address = address_of(pattern);
    let graph = graph(refined, stop)?;
    let nodes = graph.with_value(refined.settings.drop_negative);
    let mut assembly = Assembly { total: refined.total, ..Assembly::default() };
    let found = symbols(refined, &graph, &nodes, &wanted, address, environment, &mut assembly.missing, stop)?;
    let is_found = !found.is_empty();
    let mut with_samples = with_samples(&graph, &nodes, found);
    if with_samples.is_empty() {
        return Err(ReportError::NoMatch(why_none(pattern, address, is_found, &assembly.missing)));
    }
    with_samples.sort_by(|one, other| {
        let key = |function: &Sampled<'_>| (function.code.names.first().cloned(), function.code.start);
        let by_flat = match most {
            Some(_) => sum_of(&graph, other).0.cmp(&sum_of(&graph, one).0),
            None => std::cmp::Ordering::Equal,
        };
        by_flat.then_with(|| key(one).cmp(&key(other)))
    });
    with_samples.truncate(most.unwrap_or(MOST_FUNCTIONS).min(MOST_FUNCTIONS));
    for function in with_samples {
        stop.check()?;
        let file = object_file(refined, function.mapping);
        let Code { start, end, .. } = function.code;
        let read = environment.instructions(&file, start, end, refined.settings.intel_syntax, stop);
        stop.check()?;
        let instructions = read.map_err(ReportError::Option)?;
        let (flat, cum) = sum_of(&graph, &function);
        let instructions = annotate(&graph, &function, &instructions);
        let names = function.code.names;
        assembly.functions.push(AssemblyFunction { names, flat, cum, instructions });
    }
    Ok(assembly)
}

/// A function with its nodes, in the order of their addresses.
struct Sampled<'r> {
    mapping: &'r Mapping,
    code: Code,
    nodes: Vec<NodeId>,
}

/// The functions that match, by mapping.
#[expect(clippy::too_many_arguments, reason = "one question, asked once")]
fn symbols<'r>(
    refined: &'r Refined,
    graph: &Graph<'_>,
    nodes: &[NodeId],
    wanted: &Pattern,
    address: Option<u64>,
    environment: &dyn Environment,
    missing: &mut Vec<String>,
    stop: Stop<'_>,
) -> Result<Vec<(&'r Mapping, Code)>, ReportError> {
    // The tool takes the whole name, with address and line: `^main$` matches nothing there.
    let is_match = |info: &Info| {
        wanted.is_match(graph.frames.name(info)) || wanted.is_match(&graph.frames.printable(info))
    };
    let infos = nodes.iter().map(|node| graph.info(*node));
    let matching = infos.filter(|info| !info.object.is_empty() && is_match(info));
    let files: HashSet<_> = matching.map(|info| info.object).collect();
    let mut found = Vec::new();
    for mapping in &refined.profile.mappings {
        stop.check()?;
        let has_address = address.is_some_and(|address| (mapping.start..=mapping.limit).contains(&address));
        if !files.contains(&mapping.file) && !has_address {
            continue;
        }
        let is_wanted = |name: &str| wanted.is_match(name);
        let codes = environment.code(&object_file(refined, mapping), Some(&is_wanted), address, stop);
        stop.check()?;
        match codes {
            Ok(codes) => found.extend(codes.into_iter().map(|code| (mapping, code))),
            Err(why) if !missing.contains(&why) => missing.push(why),
            Err(_) => {}
        }
    }
    Ok(found)
}

/// The functions that have nodes.
fn with_samples<'r>(
    graph: &Graph<'_>,
    nodes: &[NodeId],
    found: Vec<(&'r Mapping, Code)>,
) -> Vec<Sampled<'r>> {
    let mut by_address: BTreeMap<u64, Vec<NodeId>> = BTreeMap::new();
    for node in nodes {
        by_address.entry(graph.info(*node).address).or_default().push(*node);
    }
    let mut known = HashSet::new();
    let sampled = found.into_iter().filter_map(|(mapping, code)| {
        let (start, end) = (code.start.wrapping_add(code.bias), code.end.wrapping_add(code.bias));
        // Several mappings may be of one file.
        if start >= end || !known.insert((start, end)) {
            return None;
        }
        let nodes: Vec<NodeId> = by_address.range(start..end).flat_map(|(_, nodes)| nodes.clone()).collect();
        (!nodes.is_empty()).then_some(Sampled { mapping, code, nodes })
    });
    sampled.collect()
}

fn sum_of(graph: &Graph<'_>, function: &Sampled<'_>) -> (i64, i64) {
    sum(function.nodes.iter().map(|node| graph.value(*node)))
}

fn why_none(pattern: &str, address: Option<u64>, is_found: bool, missing: &[String]) -> String {
    let text = match address {
        None => format!("no matches found for regexp {pattern}"),
        Some(address) if !is_found => format!("no matches found for address {address:#x}"),
        Some(address) => format!(
            "address {address:#x} found in binary, but the corresponding symbols do not have samples in the profile"
        ),
    };
    std::iter::once(text).chain(missing.iter().cloned()).collect::<Vec<_>>().join("; ")
}

/// The instructions with their values. A sample in the middle of an instruction is counted at its start.
fn annotate(
    graph: &Graph<'_>,
    function: &Sampled<'_>,
    instructions: &[Instruction],
) -> Vec<AssemblyInstruction> {
    let mut nodes = function.nodes.iter().peekable();
    let ends = instructions.iter().skip(1).map(|next| next.address).chain([u64::MAX]);
    let each = instructions.iter().zip(ends).map(|(instruction, end)| {
        let frame = instruction.frames.first();
        let mut shown = AssemblyInstruction {
            address: instruction.address,
            text: instruction.text.clone(),
            flat: 0,
            cum: 0,
            function: frame.map_or(String::new(), |frame| frame.function.to_string()),
            file: frame.map_or(String::new(), |frame| base(&frame.file)),
            line: frame.map_or(0, |frame| frame.line),
        };
        let (mut flat_divisor, mut cum_divisor) = (0_i64, 0_i64);
        let is_here = |node: &&NodeId| graph.info(**node).address.wrapping_sub(function.code.bias) < end;
        while let Some(node) = nodes.next_if(is_here) {
            let (value, info) = (graph.value(*node), graph.info(*node));
            shown.flat = shown.flat.wrapping_add(value.flat);
            shown.cum = shown.cum.wrapping_add(value.cum);
            flat_divisor = flat_divisor.wrapping_add(value.flat_divisor);
            cum_divisor = cum_divisor.wrapping_add(value.cum_divisor);
            if shown.file.is_empty() {
                shown.file = base(graph.frames.file(info));
            }
            if shown.line == 0 {
                shown.line = info.line;
            }
            if shown.function.is_empty() {
                shown.function = graph.frames.name(info).to_owned();
            }
        }
        let divided = |value: i64, by: i64| if by == 0 { value } else { value.wrapping_div(by) };
        shown.flat = divided(shown.flat, flat_divisor);
        shown.cum = divided(shown.cum, cum_divisor);
        shown
    });
    each.collect()
}

/// The last part of a path, if there is a path.
pub(super) fn base(path: &str) -> String {
    if path.is_empty() { String::new() } else { file_name(path).to_owned() }
}

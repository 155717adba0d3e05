//! Functions with their source lines.

use std::collections::BTreeMap;

use crate::environment::Environment;
use crate::error::ReportError;
use crate::graph::{Calls, Graph, GraphError, Info, NodeId, Options, Value, Work};
use crate::refine::Refined;
use crate::stop::Stop;

use super::lines::SourceLines;
use super::{ListedFile, ListedFunction, ListedLine, Listing};

/// Lines before the first and behind the last with a value.
const MARGIN: i64 = 5;
/// Lines of all functions together.
const MOST_LINES: usize = 4 << 20;

/// The lines of the functions whose names match, of a profile with the granularity `lines`.
///
/// # Errors
/// If `pattern` is not a regular expression, or matches no function; if it was stopped.
pub fn list(
    refined: &Refined,
    pattern: &str,
    environment: &dyn Environment,
    stop: Stop<'_>,
) -> Result<Listing, ReportError> {
    let wanted = crate::argument::pattern(pattern)?;
    let graph = graph(refined, stop)?;
    let mut functions: BTreeMap<&str, Vec<NodeId>> = BTreeMap::new();
    for node in graph.with_value(refined.settings.drop_negative) {
        let name = graph.frames.name(graph.info(node));
        if wanted.is_match(name) {
            functions.entry(name).or_default().push(node);
        }
    }
    if functions.is_empty() {
        return Err(ReportError::NoMatch(format!("no matches found for regexp: {pattern}")));
    }
    let mut sources = SourceLines::new(environment, &refined.settings);
    let mut listing = Listing { total: refined.total, functions: Vec::new() };
    let mut left = MOST_LINES;
    for (name, nodes) in functions {
        stop.check()?;
        let mut by_file: BTreeMap<&str, Vec<NodeId>> = BTreeMap::new();
        for node in nodes {
            let file = graph.frames.file(graph.info(node));
            if !file.is_empty() {
                by_file.entry(file).or_default().push(node);
            }
        }
        let each = by_file.into_iter();
        let files = each.map(|(path, nodes)| file(&graph, path, &nodes, &mut sources, &mut left)).collect();
        listing.functions.push(ListedFunction { name: name.to_owned(), files });
    }
    Ok(listing)
}

/// The graph of places, without calls.
pub(super) fn graph<'r>(refined: &'r Refined, stop: Stop<'_>) -> Result<Graph<'r>, ReportError> {
    let options = Options { object_names: true, is_tree: false, calls: Calls::None, has_tags: false };
    Graph::of(refined, options, &mut Work::new(stop)).map_err(|error| match error {
        GraphError::Stopped(stopped) => ReportError::Stopped(stopped),
        other => ReportError::Option(other.to_string()),
    })
}

/// The sum of values as Go adds them; `mean` does not divide it.
pub(super) fn sum(values: impl Iterator<Item = Value>) -> (i64, i64) {
    values.fold((0, 0), |(flat, cum), value| (flat.wrapping_add(value.flat), cum.wrapping_add(value.cum)))
}

fn file(
    graph: &Graph<'_>,
    path: &str,
    nodes: &[NodeId],
    sources: &mut SourceLines<'_>,
    left: &mut usize,
) -> ListedFile {
    let (flat, cum) = sum(nodes.iter().map(|node| graph.value(*node)));
    let infos: Vec<&Info> = nodes.iter().map(|node| graph.info(*node)).collect();
    let (first, last) = range(&infos);
    let mut by_line: BTreeMap<i64, Vec<NodeId>> = BTreeMap::new();
    for (info, node) in infos.iter().zip(nodes) {
        by_line.entry(info.line).or_default().push(*node);
    }
    let mut lines = Vec::new();
    for number in first..=last {
        let Some(text) = sources.line(path, number).filter(|_| *left > 0) else { break };
        *left -= 1;
        let nodes = by_line.get(&number).into_iter().flatten();
        let (flat, cum) = sum(nodes.map(|node| graph.value(*node)));
        lines.push(ListedLine { number, text: text.to_owned(), flat, cum });
    }
    let lines = match sources.known_error(path) {
        Some(why) => Err(why.to_owned()),
        None => Ok(lines),
    };
    ListedFile { path: path.to_owned(), flat, cum, lines }
}

/// The first and the last line to show, as pprof chooses them: from the function's first line, if that is known.
fn range(infos: &[&Info]) -> (i64, i64) {
    let start_of = |info: &Info| match info.start_line {
        0 => info.line.saturating_sub(MARGIN),
        start => start,
    };
    let (mut first, mut last) =
        infos.first().map_or((1, 0), |info| (start_of(info), info.line.saturating_add(MARGIN)));
    for info in infos {
        // Not both: pprof's output depends on it.
        if start_of(info) < first {
            first = start_of(info);
        } else if info.line.saturating_add(MARGIN) > last {
            last = info.line.saturating_add(MARGIN);
        }
    }
    (first.max(1), last)
}

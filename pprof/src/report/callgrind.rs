//! `callgrind`: functions and calls for KCachegrind.

use std::collections::HashMap;
use std::io::{self, Write};

use super::unit;
use crate::error::ReportError;
use crate::graph::{Calls, Info, NodeId, Options, Trim, Trimmed, Work};
use crate::measurement::{scale, truncated};
use crate::refine::Refined;

/// The graph of a profile for KCachegrind: a node for each address.
#[derive(Debug)]
pub struct Callgrind<'p> {
    refined: &'p Refined,
    trimmed: Trimmed<'p>,
    /// The unit of the values.
    pub output_unit: String,
}

impl<'p> Callgrind<'p> {
    /// Counts a profile that was refined.
    ///
    /// # Errors
    /// If it was stopped, or does not fit the memory.
    pub fn from_refined(refined: &'p Refined, work: &mut Work<'_>) -> Result<Callgrind<'p>, ReportError> {
        let is_tree = refined.settings.call_tree;
        let options = Options { object_names: true, is_tree, calls: Calls::All, has_tags: false };
        let trimmed = Trimmed::of(refined, Trim { is_picture: false, options }, work)?;
        let output_unit = unit::output_unit(refined, &trimmed);
        Ok(Callgrind { refined, trimmed, output_unit })
    }

    /// Writes the file.
    ///
    /// # Errors
    /// If `to` cannot be written.
    pub fn write(&self, to: &mut dyn Write) -> io::Result<()> {
        let (graph, frames) = (&self.trimmed.graph, &self.trimmed.graph.frames);
        writeln!(to, "positions: instr line")?;
        writeln!(to, "events: {}({})", self.refined.kind, self.output_unit)?;
        let names = self.distinct_names();
        let (mut objects, mut files, mut functions) = (Known::default(), Known::default(), Known::default());
        let scaled = |value| truncated(scale(value, &self.refined.unit, &self.output_unit).0);
        let mut previous: Option<&Info> = None;
        for node in &self.trimmed.shown {
            let info = graph.info(*node);
            let (object, file, name) = (frames.object(info), frames.file(info), frames.name(info));
            let is_same = |of: &Info| (of.object, of.file, of.name) == (info.object, info.file, info.name);
            if !previous.is_some_and(is_same) {
                writeln!(to)?;
                writeln!(to, "ob={}", objects.shown(object))?;
                writeln!(to, "fl={}", files.shown(file))?;
                writeln!(to, "fn={}", functions.shown(name))?;
            }
            let flat = scaled(graph.value(*node).flat());
            writeln!(to, "{} {} {flat}", address(previous, info.address), info.line)?;
            for call in graph.sorted_edges(self.trimmed.adjacency.outgoing(*node)) {
                let callee = graph.info(call.to);
                writeln!(to, "cfl={}", files.shown(frames.file(callee)))?;
                let name = names.get(&call.to).map_or("", String::as_str);
                writeln!(to, "cfn={}", functions.shown(name))?;
                writeln!(to, "calls=0 {} {}", address(previous, callee.address), callee.line)?;
                writeln!(to, "* * {}", scaled(call.weight))?;
            }
            previous = Some(info);
        }
        Ok(())
    }

    /// By node: the name of its function, with a number if several functions of a file have that name. In a call tree,
    /// a function with several callers is several.
    fn distinct_names(&self) -> HashMap<NodeId, String> {
        let graph = &self.trimmed.graph;
        let function_of = |node: NodeId| {
            let caller =
                self.trimmed.adjacency.incoming(node).first().filter(|_| self.refined.settings.call_tree);
            let caller = caller.and_then(|at| graph.edges.get(*at as usize)).map(|edge| edge.from);
            let info = graph.info(node);
            // What has neither an address nor a line stands for itself, even if it has a column.
            let function = match (info.address, info.line) {
                (0, 0) => *info,
                _ => Info { address: 0, line: 0, column: 0, ..*info },
            };
            (caller, function)
        };
        let mut by_name: HashMap<_, HashMap<_, usize>> = HashMap::new();
        let name_of = |node: NodeId| (graph.info(node).file, graph.info(node).name);
        for node in &self.trimmed.shown {
            let functions = by_name.entry(name_of(*node)).or_default();
            let next = functions.len() + 1;
            functions.entry(function_of(*node)).or_insert(next);
        }
        let name = |node: &NodeId| {
            let functions = &by_name[&name_of(*node)];
            let name = graph.frames.name(graph.info(*node));
            match functions.len() {
                1 => name.to_owned(),
                all => format!("{name} [{}/{all}]", functions[&function_of(*node)]),
            }
        };
        self.trimmed.shown.iter().map(|node| (*node, name(node))).collect()
    }
}

/// Names that were written before: later only their numbers are.
#[derive(Default)]
struct Known(HashMap<String, usize>);

impl Known {
    fn shown(&mut self, name: &str) -> String {
        if name.is_empty() {
            return String::new();
        }
        if let Some(id) = self.0.get(name) {
            return format!("({id})");
        }
        let id = self.0.len() + 1;
        self.0.insert(name.to_owned(), id);
        format!("({id}) {name}")
    }
}

/// An address, as the distance to that of the node before if this is shorter.
fn address(previous: Option<&Info>, address: u64) -> String {
    let absolute = format!("{address:#x}");
    let Some(previous) = previous else { return absolute };
    if previous.address == address {
        return "*".to_owned();
    }
    let distance = format!("{:+}", address.wrapping_sub(previous.address) as i64);
    if distance.len() < absolute.len() { distance } else { absolute }
}

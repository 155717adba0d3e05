//! `rgops tree`: the Rust processes below their parents, in the format of gops.

use std::collections::{BTreeMap, BTreeSet};

use rgops_protocol::reply::Known;
use serde::Serialize;

use super::known::JsonKnown;
use super::list::{Element, ProcessJson, rust_in, with_missing};
use crate::processes::{Listing, RustProcess};
use crate::text::escape;

/// Maximum levels. In a longer chain of forks, deeper processes are shown at the last level.
const DEEPEST: usize = 64;

/// The processes by parent.
struct Tree<'a> {
    /// Processes with an unknown parent are below `None`.
    children: BTreeMap<Option<u32>, Vec<&'a RustProcess>>,
    /// Parents that are not Rust processes, in ascending order: the first level.
    other_parents: Vec<Option<u32>>,
}

impl<'a> Tree<'a> {
    fn new(listing: &'a Listing) -> Tree<'a> {
        let mut children: BTreeMap<Option<u32>, Vec<&RustProcess>> = BTreeMap::new();
        for process in &listing.processes {
            children.entry(process.parent.value().copied()).or_default().push(process);
        }
        let rust: BTreeSet<u32> = listing.processes.iter().map(|process| process.pid).collect();
        let is_rust = |parent: &Option<u32>| parent.is_some_and(|parent| rust.contains(&parent));
        let other_parents = children.keys().copied().filter(|parent| !is_rust(parent)).collect();
        Tree { children, other_parents }
    }

    fn children(&self, pid: Option<u32>) -> &[&'a RustProcess] {
        self.children.get(&pid).map_or(&[], Vec::as_slice)
    }
}

/// The tree under `...`: parents that are not Rust processes as bare pids, `[*]` for processes with an agent.
pub fn text(listing: &Listing) -> String {
    let tree = Tree::new(listing);
    let mut text = "...\n".to_owned();
    for (index, parent) in tree.other_parents.iter().enumerate() {
        let is_last = index + 1 == tree.other_parents.len();
        let name = parent.map_or_else(|| "parent unavailable".to_owned(), |parent| parent.to_string());
        text.push_str(&format!("{}{name}\n", edge(is_last)));
        draw(&tree, *parent, stem(is_last), &mut text);
    }
    text
}

/// Draws the processes below `pid`.
fn draw(tree: &Tree<'_>, pid: Option<u32>, indent: &str, text: &mut String) {
    let mut open: Vec<(&[&RustProcess], String)> = vec![(tree.children(pid), indent.to_owned())];
    while let Some((siblings, indent)) = open.pop() {
        let Some((process, rest)) = siblings.split_first() else { continue };
        let is_last = rest.is_empty();
        text.push_str(&format!("{indent}{}{}\n", edge(is_last), label(process)));
        let is_deepest = indent.chars().count() >= DEEPEST * stem(is_last).chars().count();
        let below = if is_deepest { indent.clone() } else { format!("{indent}{}", stem(is_last)) };
        open.push((rest, indent));
        open.push((tree.children(Some(process.pid)), below));
    }
}

fn edge(is_last: bool) -> &'static str {
    if is_last { "└── " } else { "├── " }
}

fn stem(is_last: bool) -> &'static str {
    if is_last { "    " } else { "│   " }
}

fn label(process: &RustProcess) -> String {
    let mark = if process.agent.is_some() { "[*]  " } else { "" };
    format!("{mark}{} ({}) {{{}}}", process.pid, escape(&process.name), rust_in(process))
}

/// An entry of `rgops tree --json`, which prints an array of these.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct BranchJson {
    /// `rgops.tree/1`.
    pub schema: &'static str,
    /// A parent that is not a Rust process.
    pub pid: JsonKnown<u32>,
    /// The Rust processes below it, each with its own children.
    pub children: Vec<NodeJson>,
}

/// A Rust process of the tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct NodeJson {
    /// The process, as in `rgops --json`.
    #[serde(flatten)]
    pub process: ProcessJson,
    /// The Rust processes below it.
    pub children: Vec<NodeJson>,
}

/// The JSON contract of the tree: one entry per parent that is not a Rust process, and one for what is missing.
pub fn json(listing: &Listing) -> Vec<Element<BranchJson>> {
    let tree = Tree::new(listing);
    let branch = |parent: &Option<u32>| {
        let unknown = || Known::unavailable("each process below has the reason", "");
        let pid = JsonKnown(parent.map_or_else(unknown, Known::Value));
        BranchJson { schema: "rgops.tree/1", pid, children: nodes(&tree, *parent, DEEPEST) }
    };
    with_missing(listing, tree.other_parents.iter().map(branch))
}

/// The processes below `pid`, with at most this many levels; deeper processes are at the last level.
fn nodes(tree: &Tree<'_>, pid: Option<u32>, levels: usize) -> Vec<NodeJson> {
    if levels > 1 {
        let node = |process: &&RustProcess| NodeJson {
            process: ProcessJson::new(process),
            children: nodes(tree, Some(process.pid), levels - 1),
        };
        return tree.children(pid).iter().map(node).collect();
    }
    let (mut found, mut open) = (Vec::new(), vec![pid]);
    while let Some(pid) = open.pop() {
        for process in tree.children(pid) {
            found.push(NodeJson { process: ProcessJson::new(process), children: Vec::new() });
            open.push(Some(process.pid));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::list::tests::{listing, process};
    use super::*;

    #[test]
    fn the_tree_has_the_format_of_gops() {
        let processes = vec![
            process(20, 10, "shop", true),
            process(21, 20, "worker", false),
            process(22, 20, "other", false),
            process(30, 10, "last", false),
            process(40, 11, "lone", false),
        ];
        let listing = listing(processes);
        let expected = "\
...
├── 10
│   ├── [*]  20 (shop) {rustc 1.95.0}
│   │   ├── 21 (worker) {rustc 1.95.0}
│   │   └── 22 (other) {rustc 1.95.0}
│   └── 30 (last) {rustc 1.95.0}
└── 11
    └── 40 (lone) {rustc 1.95.0}
";
        assert_eq!(text(&listing), expected);
        let Element::Shown(branch) = &json(&listing)[0] else { panic!() };
        assert_eq!(branch.children[0].children[1].process.pid, 22);
    }

    #[test]
    fn a_chain_of_any_length_is_drawn() {
        let chain = (1..=20_000).map(|pid| process(pid, pid - 1, "x", false)).collect();
        let listing = listing(chain);
        let text = text(&listing);
        assert_eq!(text.lines().count(), 20_002);
        assert!(text.len() < 20_000 * 500, "{}", text.len());
        let json = serde_json::to_string(&json(&listing)).unwrap_or_default();
        assert_eq!(json.matches("\"pid\"").count(), 20_001);
    }
}

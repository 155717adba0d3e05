//! An async stack as a tree: the outermost future first, below it what it awaits.

use std::fmt::Write as _;

use super::super::text::escape;
use super::names::{location, type_name};
use crate::tasks::model::{AsyncStack, Node, NodeKind};

/// Writes trees. `leaf` says what a future waits for, by its place in the tree (counted in the order
/// of [`nodes`]).
pub(super) struct Tree<'t> {
    pub(super) verbose: bool,
    pub(super) leaf: &'t dyn Fn(usize, &Node) -> Option<String>,
}

impl Tree<'_> {
    /// The stack with everything known, or why there is none.
    pub(super) fn write(&self, text: &mut String, stack: &AsyncStack) {
        match stack {
            AsyncStack::Decoded(root) => {
                self.node(text, root, &mut 0, "  ", "  ");
            }
            AsyncStack::Cut(root, why) => {
                self.node(text, root, &mut 0, "  ", "  ");
                let _ = writeln!(text, "  … the rest is unknown: {}", escape(why));
            }
            AsyncStack::Running | AsyncStack::Complete => {}
            AsyncStack::Moved => text.push_str("  changed while it was read: ask again\n"),
            AsyncStack::Unknown(why) => {
                let _ = writeln!(text, "  no async stack: {}", escape(why));
            }
        }
    }

    fn node(&self, text: &mut String, node: &Node, place: &mut usize, before: &str, below: &str) {
        let own = *place;
        *place += 1;
        if !self.verbose {
            if let (NodeKind::Dyn, [child], None) = (node.kind, node.children.as_slice(), &node.waits_on) {
                return self.node(text, child, place, before, below);
            }
            if let Some((depth, leaf)) = inside_tokio(node) {
                *place += depth;
                let waits = self.waits(own + depth, leaf);
                let _ = writeln!(text, "{before}{}{waits}", type_name(&node.name, false));
                return;
            }
        }
        let name = type_name(&node.name, self.verbose);
        let at = location(node.location.as_ref(), self.verbose);
        let _ = writeln!(text, "{before}{name}{at}{}", self.waits(own, node));
        let is_fork = node.children.len() > 1 || node.children_left_out > 0;
        for (number, child) in node.children.iter().enumerate() {
            let is_last = number + 1 == node.children.len() && node.children_left_out == 0;
            let (first, rest) = match (is_fork, is_last) {
                (false, _) => ("  ", "  "),
                (true, false) => ("├ ", "│ "),
                (true, true) => ("└ ", "  "),
            };
            self.node(text, child, place, &format!("{below}{first}"), &format!("{below}{rest}"));
        }
        if node.children_left_out > 0 {
            let _ = writeln!(text, "{below}└ … and {} more", node.children_left_out);
        }
    }

    fn waits(&self, place: usize, node: &Node) -> String {
        (self.leaf)(place, node).map(|what| format!(": waits for {what}")).unwrap_or_default()
    }
}

/// How many futures Tokio has below one of its own that waits, when they lead to one leaf, and that
/// leaf: how a lock works inside is for `--verbose`.
fn inside_tokio(node: &Node) -> Option<(usize, &Node)> {
    let is_tokio = |node: &Node| node.name.short.starts_with("tokio::");
    if !is_tokio(node) {
        return None;
    }
    let (mut leaf, mut depth) = (node, 0);
    while let [child] = leaf.children.as_slice() {
        // A leaf may be named by its last word only, as `Acquire` is.
        if !is_tokio(child) && !child.children.is_empty() {
            return None;
        }
        leaf = child;
        depth += 1;
    }
    let waits_inside = depth > 0 && leaf.children.is_empty() && leaf.children_left_out == 0;
    (waits_inside && leaf.waits_on.is_some()).then_some((depth, leaf))
}

/// All futures of a tree, each before its children.
pub(super) fn nodes(root: &Node) -> impl Iterator<Item = &Node> {
    let mut pending = vec![root];
    std::iter::from_fn(move || {
        let node = pending.pop()?;
        pending.extend(node.children.iter().rev().map(|child| &**child));
        Some(node)
    })
}

/// The tree of a stack, if there is one.
pub(super) fn root(stack: &AsyncStack) -> Option<&Node> {
    match stack {
        AsyncStack::Decoded(root) | AsyncStack::Cut(root, _) => Some(root),
        _ => None,
    }
}

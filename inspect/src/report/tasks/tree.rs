//! An async stack as a tree: the outermost future first, the futures that it awaits below it.

use std::fmt::Write as _;
use std::sync::Arc;

use super::names::{location, type_name};
use super::shapes::Shapes;
use crate::report::screen::Screen;
use crate::tasks::model::{AsyncStack, Node, NodeKind};
use crate::text::escape;

/// Writes trees. `leaf` returns what a future waits for, given its positions in the order of [`nodes`]. There are
/// several positions if identical futures are shown once.
pub(super) struct Tree<'t> {
    pub(super) verbose: bool,
    pub(super) leaf: &'t dyn Fn(&[usize], &Node) -> Option<String>,
}

impl Tree<'_> {
    /// The stack, or why there is none.
    pub(super) fn write(&self, text: &mut Screen, stack: &AsyncStack) {
        match stack {
            AsyncStack::Decoded(root) => {
                self.node(text, root, &[0], "  ", "  ");
            }
            AsyncStack::Cut(root, why) => {
                self.node(text, root, &[0], "  ", "  ");
                let _ = writeln!(text, "  … the rest is unknown: {}", escape(why));
            }
            AsyncStack::Running | AsyncStack::Complete => {}
            AsyncStack::Moved => text.push_str("  changed while it was read: run the command again\n"),
            AsyncStack::Unknown(why) => {
                let _ = writeln!(text, "  no async stack: {}", escape(why));
            }
        }
    }

    fn node(&self, text: &mut Screen, node: &Node, places: &[usize], before: &str, below: &str) {
        if text.is_cut() {
            return;
        }
        if !self.verbose {
            if let (NodeKind::Dyn, [child], None) = (node.kind, node.children.as_slice(), &node.waits_on) {
                return self.node(text, child, &moved(places, 1), before, below);
            }
            if let Some((depth, leaf)) = inside_tokio(node) {
                let waits = self.waits(&moved(places, depth), leaf);
                let _ = writeln!(text, "{before}{}{waits}", type_name(&node.name, false));
                return;
            }
        }
        let name = type_name(&node.name, self.verbose);
        let at = location(node.location.as_ref(), self.verbose);
        let _ = writeln!(text, "{before}{name}{at}{}", self.waits(places, node));
        let (shown, first) = match node.children.as_slice() {
            [glue] if !self.verbose && is_of_tokio(node) && is_glue(glue) => (&**glue, moved(places, 2)),
            _ => (node, moved(places, 1)),
        };
        self.children(text, shown, first, below);
    }

    /// The children of a future; the first child is at `places`.
    fn children(&self, text: &mut Screen, node: &Node, mut places: Vec<usize>, below: &str) {
        let is_fork = node.children.len() > 1 || node.children_left_out > 0;
        let mut rest = node.children.as_slice();
        let mut shapes = Shapes::default();
        while let Some(child) = rest.first() {
            let count = if self.verbose { 1 } else { same(rest, &mut shapes) };
            let size = nodes(child).count();
            let of_all: Vec<usize> = (0..count).flat_map(|number| moved(&places, number * size)).collect();
            rest = &rest[count..];
            places = moved(&places, count * size);
            let is_last = rest.is_empty() && node.children_left_out == 0;
            let (first, others) = match (is_fork, is_last) {
                (false, _) => ("  ", "  "),
                (true, false) => ("├ ", "│ "),
                (true, true) => ("└ ", "  "),
            };
            let times = if count > 1 { format!("{count} × ") } else { String::new() };
            self.node(text, child, &of_all, &format!("{below}{first}{times}"), &format!("{below}{others}"));
        }
        if node.children_left_out > 0 {
            let _ = writeln!(text, "{below}└ … and {} more", node.children_left_out);
        }
    }

    fn waits(&self, places: &[usize], node: &Node) -> String {
        (self.leaf)(places, node).map(|what| format!(": waits for {what}")).unwrap_or_default()
    }
}

/// Number of futures at the start of the list that differ at most in what they wait on.
fn same<'t>(futures: &'t [Arc<Node>], shapes: &mut Shapes<'t>) -> usize {
    let [first, rest @ ..] = futures else { return 0 };
    if rest.is_empty() {
        return 1;
    }
    let first = shapes.of(first);
    1 + rest.iter().take_while(|other| shapes.of(other) == first).count()
}

fn moved(places: &[usize], by: usize) -> Vec<usize> {
    places.iter().map(|place| place + by).collect()
}

/// If a future of Tokio has a single chain of Tokio futures below it that ends at a waiting leaf: the depth of the
/// leaf, and the leaf. The internals of a lock are only shown with `--verbose`.
fn inside_tokio(node: &Node) -> Option<(usize, &Node)> {
    if !is_of_tokio(node) {
        return None;
    }
    let (mut leaf, mut depth) = (node, 0);
    while let [child] = leaf.children.as_slice() {
        // A leaf may have only the last part of its name, such as `Acquire`.
        if !is_of_tokio(child) && !is_glue(child) && !child.children.is_empty() {
            return None;
        }
        leaf = child;
        depth += 1;
    }
    let waits_inside = depth > 0 && leaf.children.is_empty() && leaf.children_left_out == 0;
    (waits_inside && leaf.waits_on.is_some()).then_some((depth, leaf))
}

/// Whether it is a future of Tokio. The futures of its macros are not: their code is in the program.
fn is_of_tokio(node: &Node) -> bool {
    node.name.short.starts_with("tokio::") && !matches!(node.kind, NodeKind::Select | NodeKind::Join)
}

/// The wrapper that libraries use around a closure that polls.
fn is_glue(node: &Node) -> bool {
    &*node.name.short == "core::future::poll_fn::PollFn"
}

/// All futures of a tree in pre-order.
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

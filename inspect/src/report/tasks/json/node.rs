//! An async stack: a future and its children.

use serde::Serialize;

use crate::tasks::model::{Location, Node, NodeKind};

/// A future and its children, which it polls.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct JsonNode<'a> {
    name: &'a str,
    #[serde(rename = "type")]
    raw: &'a str,
    /// `async_fn`, `async_block`, `select`, `join`, `dyn` or `future`.
    kind: &'static str,
    /// `await`, `unresumed`, `returned` or `panicked`; `null` for a hand-written future.
    at: Option<&'static str>,
    file: Option<&'a str>,
    line: Option<u32>,
    children: Vec<JsonNode<'a>>,
    children_left_out: u64,
}

impl<'a> From<&'a Node> for JsonNode<'a> {
    fn from(node: &'a Node) -> JsonNode<'a> {
        let (at, file, line) = match &node.location {
            Some(Location::Await { file, line }) => (Some("await"), Some(&**file), Some(*line)),
            Some(Location::Unresumed) => (Some("unresumed"), None, None),
            Some(Location::Returned) => (Some("returned"), None, None),
            Some(Location::Panicked) => (Some("panicked"), None, None),
            None => (None, None, None),
        };
        JsonNode {
            name: &node.name.short,
            raw: &node.name.raw,
            kind: node_kind(node.kind),
            at,
            file,
            line,
            children: node.children.iter().map(|child| JsonNode::from(&**child)).collect(),
            children_left_out: node.children_left_out,
        }
    }
}

fn node_kind(kind: NodeKind) -> &'static str {
    match kind {
        NodeKind::AsyncFn => "async_fn",
        NodeKind::AsyncBlock => "async_block",
        NodeKind::Select => "select",
        NodeKind::Join => "join",
        NodeKind::Dyn => "dyn",
        NodeKind::Future => "future",
    }
}

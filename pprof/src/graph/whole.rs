//! The graph of a profile: nodes with their values, and the calls between them.

use super::{Adjacency, Edge, Frames, Info, Node, NodeId, NodeTags, Value};

/// Nodes and calls.
#[derive(Debug)]
pub struct Graph<'p> {
    /// What nodes stand for.
    pub frames: Frames<'p>,
    /// All nodes, also those that the report does not show.
    pub nodes: Vec<Node>,
    /// The calls, each once.
    pub edges: Vec<Edge>,
    /// The tags of each node; empty if they were not asked for.
    pub tags: Vec<NodeTags>,
}

impl Graph<'_> {
    /// What a node stands for.
    pub fn info(&self, node: NodeId) -> &Info {
        const UNKNOWN: &Info = &Info {
            name: crate::profile::TextId::EMPTY,
            file: crate::profile::TextId::EMPTY,
            object: crate::profile::TextId::EMPTY,
            address: 0,
            start_line: 0,
            line: 0,
            column: 0,
        };
        let info = self.nodes.get(node as usize).and_then(|node| self.frames.infos.get(node.info as usize));
        info.unwrap_or(UNKNOWN)
    }

    /// The values of a node.
    pub fn value(&self, node: NodeId) -> Value {
        self.nodes.get(node as usize).map_or(Value::default(), |node| node.value)
    }

    /// The name of a node as reports show it.
    pub fn name(&self, node: NodeId) -> String {
        self.frames.printable(self.info(node))
    }

    /// Which calls go to and from each node.
    pub fn adjacency(&self) -> Adjacency {
        Adjacency::new(self.nodes.len(), &self.edges)
    }

    /// The nodes with a value; without negative ones if `drop_negative`.
    pub fn with_value(&self, drop_negative: bool) -> Vec<NodeId> {
        let is_shown = |node: &Node| {
            let value = &node.value;
            (value.cum != 0 || value.flat != 0) && !(drop_negative && value.is_negative())
        };
        (0..).zip(&self.nodes).filter(|(_, node)| is_shown(node)).map(|(id, _)| id).collect()
    }
}

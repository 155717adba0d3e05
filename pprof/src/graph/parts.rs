//! What a graph is made of: nodes with their values, and calls.

/// The position of a node in [`Graph::nodes`](super::Graph::nodes).
pub type NodeId = u32;

/// What a graph is to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Code of different object files is apart.
    pub object_names: bool,
    /// A node for each path to a function, instead of one.
    pub is_tree: bool,
    /// Which calls it has.
    pub calls: Calls,
    /// Whether nodes have tags.
    pub has_tags: bool,
}

/// Which calls a graph has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Calls {
    /// None.
    None,
    /// Those to nodes that are inlined somewhere.
    IntoInlined,
    /// All.
    All,
}

/// A node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Node {
    /// What it stands for: the position in [`Frames::infos`](super::Frames::infos).
    pub info: u32,
    /// Its values.
    pub value: Value,
}

/// The values of a node, not yet divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Value {
    /// Of the node itself.
    pub flat: i64,
    /// What `flat` is divided by; 0: by nothing.
    pub flat_divisor: i64,
    /// Of the node and what it calls.
    pub cum: i64,
    /// What `cum` is divided by; 0: by nothing.
    pub cum_divisor: i64,
}

/// The calls of a node to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edge {
    /// The caller.
    pub from: NodeId,
    /// The callee.
    pub to: NodeId,
    /// The sum of the values, not yet divided.
    pub weight: i64,
    /// What `weight` is divided by; 0: by nothing.
    pub divisor: i64,
    /// Whether nodes between the two were left out.
    pub is_residual: bool,
    /// Whether all these calls are inlined.
    pub is_inline: bool,
}

impl Value {
    /// The value of the node itself.
    pub fn flat(&self) -> i64 {
        divided(self.flat, self.flat_divisor)
    }

    /// The value of the node and what it calls.
    pub fn cum(&self) -> i64 {
        divided(self.cum, self.cum_divisor)
    }

    pub(super) fn add_flat(&mut self, value: i64, divisor: i64) {
        self.flat = self.flat.wrapping_add(value);
        self.flat_divisor = self.flat_divisor.wrapping_add(divisor);
    }

    pub(super) fn add_cum(&mut self, value: i64, divisor: i64) {
        self.cum = self.cum.wrapping_add(value);
        self.cum_divisor = self.cum_divisor.wrapping_add(divisor);
    }

    /// Whether graphs without negative values leave it out.
    pub(super) fn is_negative(&self) -> bool {
        self.flat < 0 || (self.flat == 0 && self.cum < 0)
    }
}

impl Edge {
    /// The weight, divided.
    pub fn value(&self) -> i64 {
        divided(self.weight, self.divisor)
    }
}

/// A sum divided by its divisor, if there is one.
pub(super) fn divided(value: i64, divisor: i64) -> i64 {
    if divisor == 0 { value } else { value.wrapping_div(divisor) }
}

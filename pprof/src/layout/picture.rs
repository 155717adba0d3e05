//! What a layout is made of and what it makes: boxes and edges, and where they are.

/// The most virtual nodes.
pub const MAX_VIRTUAL: usize = 60_000;

/// Space between boxes of a rank, between ranks, and around the picture.
pub(super) const BESIDE: f64 = 18.0;
pub(super) const BETWEEN: f64 = 20.0;
pub(super) const MARGIN: f64 = 8.0;

/// Width and height, in the unit of the picture.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Size {
    /// Its width.
    pub width: f64,
    /// Its height.
    pub height: f64,
}

/// A place in the picture: `x` to the right, `y` downward from the corner at the top left.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Point {
    /// To the right.
    pub x: f64,
    /// Downward.
    pub y: f64,
}

/// An edge of the input.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Link {
    /// The position of the node where it begins.
    pub from: usize,
    /// The position of the node where it ends.
    pub to: usize,
    /// The heavier, the shorter and straighter.
    pub weight: u64,
    /// How much room its label needs; 0 if it has none.
    pub label: Size,
}

/// How an edge runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    /// A path of cubic Bézier curves: the first point, and three for each curve (two control points and the end). It
    /// runs from the border of one box to the border of the other; the arrow is at its end. Empty if the input edge
    /// names a node that is not there.
    pub points: Vec<Point>,
    /// The corner of its label at the top left.
    pub label: Point,
    /// It is part of a cycle and runs upward.
    pub is_upward: bool,
}

/// A picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Layout {
    /// Its size, margins included.
    pub size: Size,
    /// By node: the middle of its box.
    pub nodes: Vec<Point>,
    /// By edge.
    pub routes: Vec<Route>,
}

//! What the screen shows: the view, the selected row, the order, the filter.

use rgops_inspect::session::Snapshot;

use super::table::{Row, View};
use crate::exit::Failure;

/// The state of the screen. Keys change it ([`super::keys`]), and it is drawn ([`super::screen`]).
#[derive(Debug)]
pub(super) struct State {
    pub(super) title: String,
    pub(super) view: View,
    pub(super) snapshot: Option<Snapshot>,
    /// Why no more rounds come.
    pub(super) over: Option<Failure>,
    pub(super) is_frozen: bool,
    pub(super) is_help: bool,
    pub(super) filter: String,
    /// Whether keys go to the filter.
    pub(super) is_filtering: bool,
    pub(super) selected: usize,
    /// The stack that is shown, and its first line on the screen.
    pub(super) stack: Option<Stack>,
    /// Column of each view that it is sorted by; `None` for the order of the snapshot.
    order: [Option<usize>; View::ALL.len()],
    is_reversed: bool,
}

/// A stack on the screen.
#[derive(Debug)]
pub(super) struct Stack {
    pub(super) title: String,
    pub(super) lines: Vec<String>,
    pub(super) first: usize,
}

impl State {
    pub(super) fn new(title: String) -> State {
        State {
            title,
            view: View::Threads,
            snapshot: None,
            over: None,
            is_frozen: false,
            is_help: false,
            filter: String::new(),
            is_filtering: false,
            selected: 0,
            stack: None,
            order: [None; View::ALL.len()],
            is_reversed: false,
        }
    }

    /// A new round came. A frozen screen keeps the old one.
    pub(super) fn receive(&mut self, snapshot: Snapshot) {
        if !self.is_frozen || self.snapshot.is_none() {
            self.snapshot = Some(snapshot);
        }
    }

    /// The rows of the view that the filter leaves, in order.
    pub(super) fn rows(&self) -> Vec<Row> {
        let Some(snapshot) = &self.snapshot else { return Vec::new() };
        let filter = self.filter.to_lowercase();
        let mut rows: Vec<Row> =
            self.view.rows(snapshot).into_iter().filter(|row| row.matches(&filter)).collect();
        if let Some(column) = self.order[self.place()] {
            rows.sort_by(|one, other| one.compare(other, column));
        }
        if self.is_reversed {
            rows.reverse();
        }
        rows
    }

    /// The column that the rows are sorted by, and whether that is reversed.
    pub(super) fn order(&self) -> (Option<usize>, bool) {
        (self.order[self.place()], self.is_reversed)
    }

    pub(super) fn show(&mut self, view: View) {
        self.view = view;
        self.selected = 0;
        self.stack = None;
    }

    pub(super) fn show_next(&mut self, forwards: bool) {
        let count = View::ALL.len();
        let step = if forwards { 1 } else { count - 1 };
        self.show(View::ALL[(self.place() + step) % count]);
    }

    pub(super) fn sort_by_next(&mut self) {
        let next = self.order[self.place()].map_or(0, |column| column + 1);
        self.order[self.place()] = (next < self.view.columns().len()).then_some(next);
    }

    pub(super) fn reverse(&mut self) {
        self.is_reversed = !self.is_reversed;
    }

    /// Moves the selection, or the lines of a stack that is shown.
    pub(super) fn step(&mut self, by: isize) {
        let (place, last) = match &mut self.stack {
            Some(stack) => {
                let last = stack.lines.len().saturating_sub(1);
                (&mut stack.first, last)
            }
            None => {
                let last = self.rows().len().saturating_sub(1);
                (&mut self.selected, last)
            }
        };
        *place = place.saturating_add_signed(by).min(last);
    }

    /// Shows the stack of the selected row.
    pub(super) fn open(&mut self) {
        let rows = self.rows();
        let Some(row) = rows.get(self.selected.min(rows.len().saturating_sub(1))) else { return };
        let lines = match row.stack.is_empty() {
            false => row.stack.clone(),
            true => vec!["There is no stack for this row.".to_owned()],
        };
        self.stack = Some(Stack { title: row.title.clone(), lines, first: 0 });
    }

    fn place(&self) -> usize {
        View::ALL.iter().position(|view| *view == self.view).unwrap_or_default()
    }
}

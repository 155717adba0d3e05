//! Exact sums of small profiles, and bounds of large ones.

#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

use super::*;
use crate::pattern::Pattern;
use crate::profile::{Function, FunctionId, Line, Location, LocationId, Profile, ValueType};
use crate::stop::{Stop, Stopped};

/// A profile of stacks like `a;b;c`, root first, each with a value. `(b)` is inlined into the frame before it.
pub(crate) fn profile(stacks: &[(&str, i64)]) -> Profile {
    let mut profile = Profile { sample_types: vec![ValueType::default()], ..Profile::default() };
    for (stack, value) in stacks {
        let mut locations: Vec<Vec<Line>> = Vec::new();
        for name in stack.split(';').filter(|name| !name.is_empty()) {
            let text = profile.texts.intern(name.trim_matches(['(', ')']));
            let function = Function { name: text, ..Function::default() };
            let at = profile.functions.iter().position(|known| *known == function).unwrap_or_else(|| {
                profile.functions.push(function);
                profile.functions.len() - 1
            });
            let line = Line { function: FunctionId(at as u32), line: 0, column: 0 };
            match locations.last_mut() {
                Some(outer) if name.starts_with('(') => outer.insert(0, line),
                _ => locations.push(vec![line]),
            }
        }
        let mut ids = Vec::new();
        for lines in locations.into_iter().rev() {
            let location = Location { lines, ..Location::default() };
            let at = profile.locations.iter().position(|known| *known == location).unwrap_or_else(|| {
                profile.locations.push(location);
                profile.locations.len() - 1
            });
            ids.push(LocationId(at as u32));
        }
        let stack = profile.stacks.intern(&ids);
        let labels = profile.label_sets.intern(&[]);
        profile.samples.push(stack, labels, &[*value]);
    }
    profile
}

fn stacks(profile: &Profile) -> Stacks<'_> {
    Stacks::new(profile, |at| profile.values(at)[0], Stop::never()).unwrap()
}

/// A tree as lines: depth, text, value, own value.
fn lines(stacks: &Stacks<'_>, tree: &Tree) -> Vec<String> {
    let mut depths = vec![0];
    let mut lines = Vec::new();
    for (at, node) in tree.nodes.iter().enumerate() {
        let text = match node.kind {
            NodeKind::Root => "root".to_owned(),
            NodeKind::Frame(place) if place.is_inlined() => format!("({})", stacks.text(place.frame())),
            NodeKind::Frame(place) => stacks.text(place.frame()),
            NodeKind::LeftOut(frames) => format!("{frames} left out"),
        };
        if at > 0 {
            depths.push(depths[node.parent as usize] + 1);
        }
        lines.push(format!("{}{text} {} {}", "  ".repeat(depths[at]), node.value(), node.own()));
    }
    lines
}

fn graph(profile: &Profile, view: View) -> (Vec<String>, Vec<String>) {
    let stacks = stacks(profile);
    let graph = Graph::new(&stacks, view, Stop::never()).unwrap();
    (lines(&stacks, &graph.below), graph.above.as_ref().map(|tree| lines(&stacks, tree)).unwrap_or_default())
}

const SHOP: &[(&str, i64)] = &[
    ("main;serve;sum", 5),
    ("main;serve;(sum)", 2),
    ("main;serve", 1),
    ("main;idle", 4),
    ("main;serve;sum", 3),
];

#[test]
fn children_are_by_value_and_parents_before_them() {
    let (below, above) = graph(&profile(SHOP), View::default());
    assert_eq!(
        below,
        ["root 15 0", "  main 15 0", "    serve 11 1", "      sum 8 8", "    idle 4 4", "      (sum) 2 2"]
    );
    assert!(above.is_empty());
}

#[test]
fn reversed_begins_at_the_leaves() {
    let (below, _) = graph(&profile(SHOP), View { is_reversed: true, ..View::default() });
    assert_eq!(
        below,
        [
            "root 15 0",
            "  sum 8 0",
            "    serve 8 0",
            "      main 8 8",
            "  idle 4 0",
            "    main 4 4",
            "  (sum) 2 0",
            "    serve 2 0",
            "      main 2 2",
            "  serve 1 0",
            "    main 1 1"
        ]
    );
}

#[test]
fn a_pivot_counts_a_recursive_stack_once_at_its_outermost_frame() {
    let profile = profile(&[("a;f;g;f;h", 7), ("b;f;h", 2), ("b;f", 1), ("b;x", 100)]);
    let (below, above) = graph(&profile, View { pivot: Some("f".to_owned()), ..View::default() });
    assert_eq!(below, ["root 10 1", "  g 7 0", "    f 7 0", "      h 7 7", "  h 2 2"]);
    assert_eq!(above, ["root 10 0", "  a 7 7", "  b 3 3"]);
    let (below, above) = graph(&profile, View { pivot: Some("nowhere".to_owned()), ..View::default() });
    assert_eq!((below, above), (vec!["root 0 0".to_owned()], vec!["root 0 0".to_owned()]));
}

#[test]
fn what_is_left_out_is_counted_and_sums_stay_exact() {
    let profile = profile(&[("a;b;c", 50), ("a;d;e", 30), ("a;d;f", 10), ("a;g", 5), ("h", 1)]);
    let (below, _) = graph(&profile, View { most: 3, ..View::default() });
    assert_eq!(
        below,
        ["root 96 0", "  a 95 0", "    b 50 0", "      c 50 50", "  1 left out 1 0", "    4 left out 45 0"]
    );
}

#[test]
fn a_comparison_has_both_sides_and_its_widths_add_up() {
    let profile = profile(&[("a;b", 10), ("a;b", -4), ("a;c", -6)]);
    let stacks = stacks(&profile);
    assert!(stacks.is_diff());
    let graph = Graph::new(&stacks, View::default(), Stop::never()).unwrap();
    assert_eq!(lines(&stacks, &graph.below), ["root 0 0", "  a 0 0", "    b 6 6", "    c -6 -6"]);
    let widths: Vec<u128> = graph.below.nodes.iter().map(Node::width).collect();
    assert_eq!(widths, [20, 20, 14, 6]);
}

#[test]
fn stacks_that_cancel_out_at_0_are_not_there_and_empty_ones_are_of_the_root() {
    let (below, _) = graph(&profile(&[("a", 0), ("", 3)]), View::default());
    assert_eq!(below, ["root 3 3"]);
    let (below, _) = graph(&profile(&[]), View::default());
    assert_eq!(below, ["root 0 0"]);
}

#[test]
fn functions_count_a_stack_once() {
    let profile = profile(&[("a;f;f;f", 7), ("a;f;b", 2), ("a;(b)", 1)]);
    let stacks = stacks(&profile);
    let functions = Functions::new(&stacks, 2, Stop::never()).unwrap();
    let rows: Vec<_> =
        functions.rows.iter().map(|row| (stacks.text(row.frame), row.value(), row.own)).collect();
    assert_eq!(rows, [("a".to_owned(), 10, 0), ("f".to_owned(), 9, 7)]);
    assert_eq!(functions.left_out, 1);
    let matched =
        |pattern| Functions::matched(&stacks, &Pattern::new(pattern).unwrap(), Stop::never()).unwrap();
    assert_eq!((matched("f|a"), matched("^b$"), matched("z")), ((10, 0), (3, 0), (0, 0)));
}

#[test]
fn a_stack_of_a_million_frames_is_drawn_to_the_bound() {
    let deep = vec!["f"; 1_000_000].join(";");
    let profile = profile(&[(&deep, 3), ("f;g", 2)]);
    let stacks = stacks(&profile);
    let graph = Graph::new(&stacks, View { most: 100, ..View::default() }, Stop::never()).unwrap();
    assert_eq!(graph.below.nodes.len(), 1 + 100 + 2);
    assert_eq!(graph.below.left_out, 1_000_001 - 100);
    assert_eq!(graph.below.nodes[100].value(), 3);
    let all = Graph::new(&stacks, View { most: usize::MAX, ..View::default() }, Stop::never()).unwrap();
    assert_eq!((all.below.nodes.len(), all.below.left_out), (1_000_002, 0));
}

#[test]
fn inlined_calls_that_multiply_are_cut_and_counted() {
    let mut profile = Profile::default();
    profile.functions.push(Function::default());
    let line = Line { function: FunctionId(0), line: 1, column: 0 };
    profile.locations.push(Location { lines: vec![line; 1000], ..Location::default() });
    let stack = profile.stacks.intern(&vec![LocationId(0); 1000]);
    let labels = profile.label_sets.intern(&[]);
    profile.samples.push(stack, labels, &[]);
    let cut = Stacks::within(&profile, |_| 5, 2500, Stop::never()).unwrap();
    assert_eq!((cut.cut(), cut.stack(0).len(), cut.sums()), (1, 2000, (5, 0)));
}

#[test]
fn it_is_stopped() {
    let profile = profile(SHOP);
    let stop = Stop::when(&|| true);
    assert_eq!(Stacks::new(&profile, |_| 1, stop).unwrap_err(), Stopped);
    let stacks = stacks(&profile);
    assert_eq!(Graph::new(&stacks, View::default(), stop).unwrap_err(), Stopped);
}

#[test]
fn frames_without_names_show_their_address_and_lines_their_numbers() {
    let mut profile = profile(&[("a", 1)]);
    profile.locations[0].lines[0].line = 12;
    profile.locations.push(Location { address: 0x7f12, ..Location::default() });
    let stack = profile.stacks.intern(&[LocationId(1), LocationId(0)]);
    profile.samples.push(stack, 0, &[1]);
    let (below, _) = graph(&profile, View::default());
    assert_eq!(below, ["root 2 0", "  a:12 2 1", "    0x7f12 1 1"]);
}

#[test]
fn stacks_with_the_same_frames_are_one() {
    let mut profile = profile(&[("a;b", 1), ("a", 2), ("a;c", 5)]);
    // The same functions at another address.
    let other = Location { address: 1, ..profile.locations[0].clone() };
    profile.locations.push(other);
    let stack = profile.stacks.intern(&[LocationId(3), LocationId(1)]);
    profile.samples.push(stack, 0, &[-4]);
    let stacks = stacks(&profile);
    let distinct = Distinct::new(&stacks, Stop::never()).unwrap();
    let rows: Vec<_> = distinct
        .iter()
        .map(|stack| {
            let names: Vec<String> = stack.places.iter().map(|place| stacks.text(place.frame())).collect();
            (names.join(";"), stack.shared, stack.plus, stack.minus)
        })
        .collect();
    assert_eq!(rows, [("a".to_owned(), 0, 2, 0), ("a;b".to_owned(), 1, 1, 4), ("a;c".to_owned(), 1, 5, 0)]);
    assert_eq!(distinct.frames(), 3);
}

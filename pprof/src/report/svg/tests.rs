//! SVG files that are XML whatever names are in them.

use super::*;
use crate::stop::Stop;

fn picture(names: &[&str]) -> Picture {
    let nodes: Vec<Node> = names
        .iter()
        .enumerate()
        .map(|(at, name)| Node {
            values: vec![format!("{at}0ms ({at}%)")],
            font_size: 8.0 + at as f64,
            score: at as f64 / 10.0,
            link: format!("peek?fn={name}"),
            ..Node::named(name)
        })
        .collect();
    let edges = (1..names.len())
        .map(|to| Edge {
            from: to / 2,
            to,
            label: vec![format!(" {to}ms")],
            weight: 1,
            score: 0.3,
            is_residual: to % 2 == 0,
        })
        .chain([Edge { from: 0, to: 0, label: vec!["<1ms>".to_owned()], ..Edge::default() }])
        .collect();
    Picture::arrange(names[0], vec!["Type: <cpu>".to_owned()], nodes, edges, Stop::never())
        .expect("nothing stops it")
}

/// Asserts that the elements of an XML document are closed in order, that attributes are in quotes, and that no
/// character is in it that XML forbids.
fn assert_well_formed(xml: &str) {
    assert!(xml.chars().all(|c| c == '\n' || !c.is_control()));
    let mut open: Vec<&str> = Vec::new();
    let mut rest = xml;
    while let Some(at) = rest.find('<') {
        assert!(!rest[..at].contains('>'), "{}", &rest[..at]);
        let end = rest[at..].find('>').expect("an element ends") + at;
        let inner = &rest[at + 1..end];
        rest = &rest[end + 1..];
        if inner.starts_with('?') {
            continue;
        }
        if let Some(name) = inner.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name));
            continue;
        }
        assert_eq!(inner.matches('"').count() % 2, 0, "{inner}");
        assert!(!inner.contains('<') && !inner.contains('\''), "{inner}");
        if !inner.ends_with('/') {
            open.push(inner.split(' ').next().unwrap_or_default());
        }
    }
    assert!(open.is_empty(), "{open:?}");
    for (at, _) in xml.match_indices('&') {
        let word = xml[at..].split_once(';').map_or("", |(word, _)| word);
        assert!(["&amp", "&lt", "&gt", "&quot", "&#39"].contains(&word), "{word}");
    }
}

#[test]
fn hostile_names_stay_text() {
    let names = [
        "</title><script>alert(1)</script>",
        "\" onload=\"alert(1)",
        "a&b;'c",
        "\u{1b}[31m\0\u{202e}\u{ffff}",
        "]]><![CDATA[",
        "",
        "shop::load",
    ];
    let picture = picture(&names);
    for of in [Use::File, Use::Page] {
        let svg = picture.svg(of);
        assert_well_formed(&svg);
        assert!(!svg.contains("<script") && !svg.contains("onload=\"") && !svg.contains(" style="));
        assert!(!svg.contains('\u{202e}'));
        assert_eq!(svg.matches(" id=\"node").count(), names.len() + 1);
    }
    assert!(picture.svg(Use::File).contains("Type: &lt;cpu&gt;"));
    assert!(picture.svg(Use::Page).contains("<a id=\"node0\""));
}

#[test]
fn long_names_and_no_boxes_are_pictures() {
    let long = "a::".repeat(100_000);
    let svg = picture(&[&long, &"x".repeat(100_000)]).svg(Use::File);
    assert_well_formed(&svg);
    let empty = Picture::arrange("", vec![], vec![], vec![], Stop::never()).expect("nothing stops it");
    assert_well_formed(&empty.svg(Use::File));
}

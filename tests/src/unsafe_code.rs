//! Only `rgops-capture` has `unsafe`: every other published crate forbids it, and none of its sources has any.
//!
//! The compiler keeps the first; a file that cargo builds beside the library, as a test or a build script, is not under
//! the library's attribute.

use std::fs;
use std::path::Path;

use crate::workspace::{Package, published, repository};

/// The one crate that may have it.
const ALLOWED: &str = "rgops-capture";

const FORBIDDEN: &str = "#![forbid(unsafe_code)]";

fn others() -> Vec<Package> {
    let mut packages = published();
    let all = packages.len();
    packages.retain(|package| package.name != ALLOWED);
    assert_eq!(packages.len(), all - 1, "{ALLOWED} is published");
    packages
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// The lines of a file that have the keyword.
fn unsafe_lines(file: &Path) -> Vec<String> {
    let shown = file.strip_prefix(repository()).unwrap_or(file).display();
    let is_keyword = |word: &str| word == "unsafe";
    code(&read(file))
        .lines()
        .enumerate()
        .filter(|(_, line)| line.split(|c: char| !c.is_alphanumeric() && c != '_').any(is_keyword))
        .map(|(at, line)| format!("{shown}:{}: {}", at + 1, line.trim()))
        .collect()
}

/// The text without comments and without what is in strings; every line stays where it was.
fn code(text: &str) -> String {
    let mut code = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            block_comment(rest)
        } else if first == '"' {
            string(rest)
        } else if first == 'r' && !ends_in_word(&code) {
            raw_string(rest).unwrap_or(0)
        } else if first == '\'' {
            character(rest)
        } else {
            0
        };
        if length == 0 {
            code.push(first);
            rest = &rest[first.len_utf8()..];
        } else {
            code.extend(rest[..length].chars().filter(|c| *c == '\n'));
            // What stood on both sides are two words.
            code.push(' ');
            rest = &rest[length..];
        }
    }
    code
}

fn ends_in_word(text: &str) -> bool {
    // `br"…"` and `cr"…"` are strings, too.
    let text = text.strip_suffix(['b', 'c']).unwrap_or(text);
    text.ends_with(|c: char| c.is_alphanumeric() || c == '_')
}

/// The length of a comment, which may have others in it.
fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < text.len() {
        let here = &text.as_bytes()[at..];
        if here.starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if here.starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    at
}

fn string(text: &str) -> usize {
    let mut is_escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

fn raw_string(text: &str) -> Option<usize> {
    let hashes = text[1..].len() - text[1..].trim_start_matches('#').len();
    let inside = text[1 + hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let start = text.len() - inside.len();
    Some(inside.find(&end).map_or(text.len(), |at| start + at + end.len()))
}

/// The length of a character, 0 for a lifetime.
fn character(text: &str) -> usize {
    let inside = &text[1..];
    if inside.starts_with('\\') {
        // The second may be an escaped quote.
        return inside.char_indices().skip(2).find(|(_, c)| *c == '\'').map_or(0, |(at, _)| at + 2);
    }
    let one = inside.chars().next().map_or(0, char::len_utf8);
    if inside[one..].starts_with('\'') { one + 2 } else { 0 }
}

#[test]
fn every_published_crate_but_capture_forbids_unsafe_code() {
    let mut without = Vec::new();
    for root in others().iter().flat_map(|package| &package.roots) {
        if !read(root).lines().any(|line| line == FORBIDDEN) {
            without.push(root.display().to_string());
        }
    }
    assert!(without.is_empty(), "without {FORBIDDEN}: {}", without.join(", "));
}

#[test]
fn no_source_of_a_published_crate_but_capture_has_unsafe_code() {
    let found: Vec<_> =
        others().iter().flat_map(|package| &package.sources).flat_map(|file| unsafe_lines(file)).collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// Else the test above could pass because it sees nothing.
#[test]
fn the_unsafe_code_of_capture_is_seen() {
    let capture = published().into_iter().find(|package| package.name == ALLOWED).expect("it is published");
    let found = capture.sources.iter().filter(|file| !unsafe_lines(file).is_empty()).count();
    assert!(found > 10, "in {found} files only");
}

#[test]
fn comments_and_strings_are_not_code() {
    let is_seen = |text: &str| code(text).split_whitespace().any(|word| word == "unsafe");
    for text in [
        "// unsafe",
        "/* a /* b */ unsafe */",
        "f(\"\\\" unsafe \")",
        "f(r#\"\" unsafe \"#)",
        "f(br\"\\\", \" unsafe \")",
        "unsafe_code",
    ] {
        assert!(!is_seen(text), "{text}");
    }
    for text in [
        "unsafe { f() }",
        "'\"'; unsafe {}",
        "'\\''; unsafe {}",
        "fn f<'a>(a: &'a str) { unsafe {} }",
        "\"//\"; unsafe {}",
        "r\"\\\"; unsafe {}",
        "/**/ unsafe {}",
        "bar\"\\\" \"; unsafe {}",
    ] {
        assert!(is_seen(text), "{text}");
    }
    assert_eq!(code("a // b\nc"), "a  \nc");
}

//! Checks that the documents link to existing files, pages, headings and code paths.

use std::collections::HashSet;
use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::workspace::repository;

/// All documents: Markdown files outside of build folders.
fn documents() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![repository().to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of the repository") {
            let entry = entry.expect("an entry");
            let name = entry.file_name().into_string().expect("a name in UTF-8");
            let kind = entry.file_type().expect("a kind");
            if kind.is_dir() && name != "target" && !name.starts_with('.') {
                folders.push(entry.path());
            } else if kind.is_file() && name.ends_with(".md") {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    assert!(found.len() > 15, "only {} documents", found.len());
    found
}

/// The text without code blocks.
fn prose(text: &str) -> String {
    let mut is_code = false;
    let mut prose = String::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        } else if !is_code {
            prose.push_str(line);
            prose.push('\n');
        }
    }
    prose
}

/// The words in backquotes, and the text without them.
fn split_code(prose: &str) -> (Vec<&str>, String) {
    let mut code = Vec::new();
    let mut rest = String::new();
    for (index, piece) in prose.split('`').enumerate() {
        if index % 2 == 1 { code.push(piece) } else { rest.push_str(piece) }
    }
    (code, rest)
}

/// The targets of `[text](target)`.
fn links(text: &str) -> impl Iterator<Item = &str> {
    text.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0))
}

/// The anchors of a page's headings, as forges and mdBook make them.
fn anchors(page: &str) -> HashSet<String> {
    let mut anchors = HashSet::new();
    for line in prose(page).lines() {
        let heading = line.trim_start_matches('#');
        if heading.len() == line.len() || !heading.starts_with(' ') {
            continue;
        }
        let mut anchor = String::new();
        for letter in heading.trim().to_lowercase().chars() {
            match letter {
                ' ' => anchor.push('-'),
                '-' | '_' => anchor.push(letter),
                _ if letter.is_alphanumeric() => anchor.push(letter),
                _ => {}
            }
        }
        anchors.insert(anchor);
    }
    anchors
}

/// The path with `..` resolved.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        if part == Component::ParentDir {
            plain.pop();
        } else {
            plain.push(part);
        }
    }
    plain
}

#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    let mut dead = Vec::new();
    let mut count = 0;
    for document in documents() {
        let text = fs::read_to_string(&document).expect("a document");
        let shown = document.strip_prefix(repository()).expect("in the repository").display();
        for link in links(&split_code(&prose(&text)).1) {
            if link.starts_with("http://") || link.starts_with("https://") {
                continue;
            }
            count += 1;
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if path.is_empty() {
                document.clone()
            } else {
                plain(&document.parent().expect("in a folder").join(path))
            };
            if !target.exists() {
                dead.push(format!("{shown}: {link}"));
            } else if !anchor.is_empty() {
                let page = fs::read_to_string(&target).unwrap_or_default();
                if !anchors(&page).contains(anchor) {
                    dead.push(format!("{shown}: {link}, no such heading"));
                }
            }
        }
    }
    assert!(dead.is_empty(), "dead links:\n{}", dead.join("\n"));
    assert!(count > 50, "only {count} links");
}

/// Whether a word in backquotes is a path in the repository: a Rust file with its folder, or anything in one of our
/// folders. `NAME` is a placeholder.
fn is_path(word: &str) -> bool {
    let folder = word.split('/').next().unwrap_or_default();
    let is_plain = word.chars().all(|letter| letter.is_ascii_alphanumeric() || "/_-.".contains(letter));
    let is_ours = !folder.is_empty() && folder != "target" && repository().join(folder).is_dir();
    word.contains('/') && is_plain && !word.contains("NAME") && (is_ours || word.ends_with(".rs"))
}

#[test]
fn every_path_in_a_document_exists() {
    let mut missing = Vec::new();
    let mut count = 0;
    for document in documents() {
        // The changelog describes the past.
        if document.ends_with("CHANGELOG.md") {
            continue;
        }
        let text = fs::read_to_string(&document).expect("a document");
        let shown = document.strip_prefix(repository()).expect("in the repository").display();
        for word in split_code(&prose(&text)).0 {
            let promise = word.starts_with('p')
                && word[1..].starts_with(|next: char| next.is_ascii_digit())
                && word.ends_with(".rs");
            let path = if promise {
                repository().join("tests/tests/promises").join(word)
            } else {
                repository().join(word)
            };
            if !promise && !is_path(word) {
                continue;
            }
            count += 1;
            if !path.exists() {
                missing.push(format!("{shown}: {word}"));
            }
        }
    }
    assert!(missing.is_empty(), "paths that are not there:\n{}", missing.join("\n"));
    assert!(count > 60, "only {count} paths");
}

/// The book contains the pages that the summary lists.
#[test]
fn the_summary_lists_every_page_of_docs() {
    let summary = fs::read_to_string(repository().join("docs/SUMMARY.md")).expect("the summary");
    let listed: HashSet<PathBuf> =
        links(&summary).map(|link| plain(&repository().join("docs").join(link))).collect();
    for document in documents() {
        if document.starts_with(repository().join("docs")) && !document.ends_with("SUMMARY.md") {
            assert!(listed.contains(&document), "docs/SUMMARY.md does not list {}", document.display());
        }
    }
}

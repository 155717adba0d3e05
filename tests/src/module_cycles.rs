//! No two modules of a crate need each other, directly or in a ring, and no module needs the one it is in.
//!
//! Read from the sources: a module is a file, and needs those that its `use` lines and its paths lead to, through
//! what faces (`mod.rs`, `lib.rs`) pass on. Test modules may need what they like. A path with `$module` in a macro that
//! gets the table of commands is read once for each row.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::workspace::{published, rust_files};

type Module = Vec<String>;

#[derive(Default)]
struct Sources {
    /// Each module's text, without comments and tests.
    texts: BTreeMap<Module, String>,
    /// What a module passes on, by name.
    passed_on: BTreeMap<Module, BTreeMap<String, Module>>,
}

impl Sources {
    fn read(folder: &Path) -> Sources {
        let mut files = Vec::new();
        rust_files(folder, &mut files);
        let mut sources = Sources::default();
        for file in &files {
            sources
                .texts
                .insert(module_of(folder, file), code(&fs::read_to_string(file).expect("a source file")));
        }
        let tests: BTreeSet<Module> = sources
            .texts
            .iter()
            .flat_map(|(module, text)| test_modules(text).into_iter().map(|name| child(module, &name)))
            .collect();
        sources.texts.retain(|module, _| !tests.iter().any(|test| module.starts_with(test)));
        // Twice: what is passed on may be passed on from elsewhere.
        for _ in 0..2 {
            for (module, text) in &sources.texts.clone() {
                let mut names = BTreeMap::new();
                for (path, name) in uses(text, module) {
                    names.insert(name, sources.resolve(&path, module));
                }
                sources.passed_on.insert(module.clone(), names);
            }
        }
        sources
    }

    /// The module where a path leads, as seen from `from`.
    fn resolve(&self, path: &[String], from: &Module) -> Module {
        let mut rest = path;
        let mut at = match rest.first().map(String::as_str) {
            Some("crate") => Vec::new(),
            _ => from.clone(),
        };
        while let Some(first) = rest.first() {
            match first.as_str() {
                "crate" | "self" => {}
                "super" => drop(at.pop()),
                _ => break,
            }
            rest = &rest[1..];
        }
        while let Some(first) = rest.first() {
            let below = child(&at, first);
            if self.texts.contains_key(&below) {
                at = below;
            } else if let Some(elsewhere) = self.passed_on.get(&at).and_then(|names| names.get(first))
                && *elsewhere != at
            {
                at.clone_from(elsewhere);
            } else {
                break;
            }
            rest = &rest[1..];
        }
        at
    }

    /// The modules each module needs, with a path that says so.
    fn needs(&self) -> BTreeMap<(Module, Module), String> {
        let mut needs = BTreeMap::new();
        for (module, text) in &self.texts {
            let paths = uses(text, module).into_iter().map(|(path, _)| path).chain(paths(text, module));
            for path in paths {
                let leads_to = self.resolve(&path, module);
                if leads_to != *module {
                    needs.entry((module.clone(), leads_to)).or_insert_with(|| path.join("::"));
                }
            }
        }
        needs
    }
}

/// All that is wrong, a line each.
fn cycles(folder: &Path) -> Vec<String> {
    let needs = Sources::read(folder).needs();
    let faces: BTreeSet<&[String]> =
        needs.keys().flat_map(|(module, _)| (0..module.len()).map(|length| &module[..length])).collect();
    let mut wrong = Vec::new();
    for face in faces {
        let mut among: BTreeMap<&str, BTreeMap<&str, String>> = BTreeMap::new();
        for ((from, to), path) in &needs {
            let said = || format!("{} needs {} ({path})", from.join("::"), to.join("::"));
            if !from.starts_with(face) || !to.starts_with(face) || from.len() == face.len() {
                continue;
            }
            let from = from[face.len()].as_str();
            match to.get(face.len()) {
                None if face.is_empty() => {}
                None => wrong.push(format!("up: {}", said())),
                Some(to) if to != from => drop(among.entry(from).or_default().entry(to).or_insert_with(said)),
                Some(_) => {}
            }
        }
        wrong.extend(among.keys().filter_map(|from| ring(from, &among)).map(|ring| format!("ring: {ring}")));
    }
    wrong
}

/// The way from a module back to itself, if there is one.
fn ring(from: &str, among: &BTreeMap<&str, BTreeMap<&str, String>>) -> Option<String> {
    let mut ways = vec![(from, String::new())];
    let mut seen = BTreeSet::new();
    while let Some((at, way)) = ways.pop() {
        for (to, said) in among.get(at).into_iter().flatten() {
            let way = format!("{way}{}{said}", if way.is_empty() { "" } else { ", " });
            if *to == from {
                return Some(way);
            }
            if seen.insert(*to) {
                ways.push((to, way));
            }
        }
    }
    None
}

fn child(module: &Module, name: &str) -> Module {
    module.iter().map(String::as_str).chain([name]).map(str::to_owned).collect()
}

fn module_of(folder: &Path, file: &Path) -> Module {
    let inside = file.strip_prefix(folder).expect("it was found there").with_extension("");
    let mut module: Module = inside.iter().map(|part| part.to_str().expect("UTF-8").to_owned()).collect();
    if module.last().is_some_and(|last| ["mod", "lib", "main"].contains(&last.as_str())) {
        module.pop();
    }
    module
}

/// What the macros call the columns of a row of the table, and what stands there.
type Row = [(&'static str, &'static str); 4];

macro_rules! rows {
    ($($number:literal $variant:ident $module:ident $name:literal $oldest:literal..=$newest:literal
        $load:ident $changes:tt $memory:ident $request:ident $part:ident;)*) => {
        &[$([
            ("$module", stringify!($module)),
            ("$variant", stringify!($variant)),
            ("$request", stringify!($request)),
            ("$part", stringify!($part)),
        ]),*]
    };
}

const ROWS: &[Row] = rgops_protocol::commands!(rows, all);

/// A line as a macro makes it: with a path to `$module` once for each row of the table.
fn expanded(line: &str) -> String {
    if !line.contains("::$module") {
        return line.to_owned();
    }
    let of_row = |row: &Row| row.iter().fold(line.to_owned(), |line, (column, is)| line.replace(column, is));
    ROWS.iter().map(of_row).collect::<Vec<_>>().join("\n")
}

/// Without comments, and without the inline test modules, which end a file or at a brace in the first column.
fn code(text: &str) -> String {
    let mut code = String::new();
    let (mut is_test, mut was_test_attribute) = (false, false);
    for line in text.lines() {
        let line = line.split("//").next().unwrap_or_default().trim_end();
        if was_test_attribute && line.starts_with("mod ") && line.ends_with('{') {
            is_test = true;
        }
        if !is_test {
            code.push_str(&expanded(line));
            code.push('\n');
        }
        if is_test && line == "}" {
            is_test = false;
        }
        was_test_attribute = is_test_attribute(line);
    }
    code
}

fn is_test_attribute(line: &str) -> bool {
    line.starts_with("#[cfg(") && line.split(|c: char| !c.is_alphanumeric()).any(|word| word == "test")
}

/// Names of the modules that are declared for tests alone.
fn test_modules(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        // `any(test, …)` is there for others, too.
        if !is_test_attribute(line) || line.contains("any(test") {
            continue;
        }
        // Another attribute may stand between.
        while lines.peek().is_some_and(|next| next.starts_with("#[")) {
            lines.next();
        }
        if let Some(name) =
            lines.peek().and_then(|next| next.strip_suffix(';')).and_then(|next| next.split("mod ").nth(1))
        {
            names.push(name.to_owned());
        }
    }
    names
}

/// What `use` lines name: path and name. Those of inline modules are seen from there.
fn uses(text: &str, module: &Module) -> Vec<(Vec<String>, String)> {
    let mut found = Vec::new();
    for (inside, part) in parts(text, module) {
        for statement in part.split(';') {
            let Some(at) = statement.rfind("use ").filter(|at| !ends_in_word(&statement[..*at])) else {
                continue;
            };
            for (path, name) in tree(&statement[at + 4..]) {
                let is_local =
                    path.first().is_some_and(|first| ["crate", "self", "super"].contains(&first.as_str()));
                // From an inline module back to its file.
                let path =
                    if inside.len() > module.len() { seen_from_file(path, is_local) } else { Some(path) };
                found.extend(path.map(|path| (path, name)));
            }
        }
    }
    found
}

/// A path of an inline module as its file would write it; `None` for what is the file's own.
fn seen_from_file(path: Vec<String>, is_local: bool) -> Option<Vec<String>> {
    match path.first().map(String::as_str) {
        Some("super") => {
            Some(path[1..].to_vec()).filter(|rest| rest.first().is_some_and(|first| first == "super"))
        }
        Some("self") => None,
        _ => is_local.then_some(path),
    }
}

/// The file's own text, and that of each of its inline modules.
fn parts(text: &str, module: &Module) -> Vec<(Module, String)> {
    let mut parts = vec![(module.clone(), String::new())];
    // The line with which the inline module ends. That of a macro is indented.
    let mut end: Option<String> = None;
    for line in text.lines() {
        if end.is_none() && line.ends_with('{') && line.split_whitespace().any(|word| word == "mod") {
            let indentation = &line[..line.len() - line.trim_start().len()];
            end = Some(format!("{indentation}}}"));
            parts.push((child(module, "inline"), String::new()));
            continue;
        }
        if end.as_deref() == Some(line) {
            end = None;
            continue;
        }
        let at = if end.is_some() { parts.len() - 1 } else { 0 };
        parts[at].1.push_str(line);
        parts[at].1.push('\n');
    }
    parts
}

fn ends_in_word(text: &str) -> bool {
    text.ends_with(|c: char| c.is_alphanumeric() || c == '_')
}

/// A tree of `use`, as single paths with their names.
fn tree(text: &str) -> Vec<(Vec<String>, String)> {
    let text = text.trim();
    if let Some(open) = text.find('{') {
        let prefix: Vec<String> = segments(&text[..open]);
        let inside = text[open + 1..].strip_suffix('}').unwrap_or_default();
        let (mut depth, mut start, mut pieces) = (0, 0, Vec::new());
        for (at, c) in inside.char_indices() {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 0 => {
                    pieces.push(&inside[start..at]);
                    start = at + 1;
                }
                _ => {}
            }
        }
        pieces.push(&inside[start..]);
        let below = pieces.into_iter().filter(|piece| !piece.trim().is_empty()).flat_map(tree);
        return below
            .map(|(path, name)| {
                let path = if path == ["self"] { Vec::new() } else { path };
                let name = if name == "self" { prefix.last().cloned().unwrap_or_default() } else { name };
                (prefix.iter().cloned().chain(path).collect(), name)
            })
            .collect();
    }
    let (path, renamed) = text.split_once(" as ").map_or((text, None), |(path, name)| (path, Some(name)));
    let path = segments(path);
    let name =
        renamed.map(|name| name.trim().to_owned()).or_else(|| path.last().cloned()).unwrap_or_default();
    vec![(path, name)]
}

fn segments(path: &str) -> Vec<String> {
    path.split("::").map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// Paths in the code itself, from `crate`, `super` or `self`.
fn paths(text: &str, module: &Module) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for (inside, part) in parts(text, module) {
        for start in ["crate::", "super::", "self::"] {
            for (at, _) in part.match_indices(start) {
                if ends_in_word(&part[..at]) || part[..at].ends_with("::") || part[..at].ends_with('$') {
                    continue;
                }
                let path: String = part[at..]
                    .chars()
                    .take_while(|c| c.is_alphanumeric() || ['_', ':'].contains(c))
                    .collect();
                let (length, path) = (path.len(), segments(&path));
                // `crate::a::{…}` is a `use`, which is read as one, `$a` a macro's, and `pub(in crate::a)` needs nothing.
                let is_use = part[at + length..].starts_with(['{', '$']);
                if is_use || part[..at].ends_with("(in ") {
                    continue;
                }
                let path = if inside.len() > module.len() { seen_from_file(path, true) } else { Some(path) };
                found.extend(path);
            }
        }
    }
    found
}

#[test]
fn no_two_modules_of_a_crate_need_each_other() {
    let packages = published();
    assert!(packages.len() > 1, "{} packages", packages.len());
    let wrong: Vec<String> = packages
        .iter()
        .flat_map(|package| {
            cycles(&package.folder.join("src")).into_iter().map(|wrong| format!("{}: {wrong}", package.name))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

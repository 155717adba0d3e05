//! Snapshots of screens: the printed screen must be the same as the committed file.
//!
//! `INSTA_UPDATE=always cargo test …` writes the files; read the difference before you commit it.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

/// The files of one folder, `snapshots/FOLDER` beside the test. On drop, each file that was not compared is a
/// failure, because its screen no longer exists.
#[derive(Debug)]
pub struct Snapshots {
    folder: PathBuf,
    compared: BTreeSet<String>,
}

impl Snapshots {
    /// The files in this folder.
    pub fn of(folder: PathBuf) -> Snapshots {
        Snapshots { folder, compared: BTreeSet::new() }
    }

    /// Compares a text with the file of this name.
    ///
    /// # Panics
    /// When they differ, the file is missing, or this name was compared before.
    pub fn compare(&mut self, name: &str, text: &str) {
        assert!(self.compared.insert(format!("{name}.snap")), "two texts are called {name}");
        let mut settings = insta::Settings::new();
        settings.set_snapshot_path(&self.folder);
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| insta::assert_snapshot!(name, text));
    }
}

impl Drop for Snapshots {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        // Without a folder, nothing was compared.
        let Ok(files) = fs::read_dir(&self.folder) else { return };
        let names = files.map(|file| file.expect("a file").file_name().to_string_lossy().into_owned());
        let unused: Vec<String> =
            names.filter(|name| name.ends_with(".snap") && !self.compared.contains(name)).collect();
        assert!(unused.is_empty(), "no test compares these files of {}: {unused:?}", self.folder.display());
    }
}

/// Replaces each `word` in a text that is not part of a longer word or number.
pub fn replaced(text: &str, word: &str, by: &str) -> String {
    let is_inside = |character: Option<char>| character.is_some_and(char::is_alphanumeric);
    let (mut replaced, mut rest) = (String::new(), text);
    while let Some(at) = rest.find(word) {
        let (before, behind) = (&rest[..at], &rest[at + word.len()..]);
        let is_part = is_inside(before.chars().next_back()) || is_inside(behind.chars().next());
        replaced.push_str(before);
        replaced.push_str(if is_part { word } else { by });
        rest = behind;
    }
    replaced + rest
}

/// Makes the escape sequences of colours readable: `{bold}{red}rgops{/}: …`.
pub fn with_visible_colours(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let mut visible = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (codes, rest) = part.split_once('m').unwrap_or_else(|| panic!("not a colour: {part:?}"));
        for code in codes.split(';') {
            let name = match code {
                "" | "0" => "/",
                "1" => "bold",
                "2" => "dim",
                "4" => "underline",
                "31" => "red",
                "32" => "green",
                "33" => "yellow",
                "34" => "blue",
                "36" => "cyan",
                other => panic!("a colour without a name here: {other:?}"),
            };
            visible.push_str(&format!("{{{name}}}"));
        }
        visible.push_str(rest);
    }
    visible
}

/// Removes the escape sequences of colours.
pub fn without_colours(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.split_once('m').map_or(part, |(_, rest)| rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_replaced_and_parts_of_words_are_not() {
        assert_eq!(replaced("47 of 471, 147 (47), 47", "47", "PID"), "PID of 471, 147 (PID), PID");
    }

    #[test]
    fn colours_are_shown_or_removed() {
        let text = "\u{1b}[1m\u{1b}[31mrgops\u{1b}[0m: no\n";
        assert_eq!(with_visible_colours(text), "{bold}{red}rgops{/}: no\n");
        assert_eq!(without_colours(text), "rgops: no\n");
    }
}

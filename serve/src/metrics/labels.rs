//! Labels: names from programs, made safe for the answer, for a terminal and for the database behind it.

use std::collections::HashSet;
use std::fmt::Write as _;

use rgops_inspect::text::escape;

/// Characters of a value. Longer ones are cut.
const MAX_CHARACTERS: usize = 128;

/// The labels of a sample as text, without braces: `program="shop",pid="7"`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Labels(String);

impl Labels {
    pub(super) fn none() -> Labels {
        Labels(String::new())
    }

    /// These labels and one more. `name` is one of the table.
    pub(super) fn with(&self, name: &str, value: &str) -> Labels {
        let mut text = String::with_capacity(self.0.len() + name.len() + value.len().min(MAX_CHARACTERS) + 4);
        text.push_str(&self.0);
        if !text.is_empty() {
            text.push(',');
        }
        text.push_str(name);
        text.push_str("=\"");
        write_value(&mut text, value);
        text.push('"');
        Labels(text)
    }

    /// The text between the braces.
    pub(super) fn text(&self) -> &str {
        &self.0
    }
}

/// A value without characters that control a terminal, in the escapes of both formats: `\\`, `\"` and `\n`. A line
/// feed never gets here, because it is a control character.
fn write_value(text: &mut String, value: &str) {
    for character in shortened(value).chars() {
        match character {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            character => text.push(character),
        }
    }
}

/// A name of at most 128 characters, which end with `…` if it is cut, with control characters escaped.
pub(crate) fn shortened(value: &str) -> String {
    // A character has at most four bytes: the rest of a long name is not looked at.
    let mut characters = value.char_indices();
    let Some((end, _)) = characters.nth(MAX_CHARACTERS) else { return escape(value).into_owned() };
    let kept = value[..end].char_indices().next_back().map_or(0, |(at, _)| at);
    escape(&value[..kept]).into_owned() + "…"
}

/// Names that identify something in a program. Two with one name would be one series twice, and Prometheus then refuses
/// the whole answer.
#[derive(Debug, Default)]
pub(super) struct Names(HashSet<String>);

impl Names {
    /// The name as a label has it; `name#2` if it was there before.
    pub(super) fn distinct(&mut self, name: &str) -> String {
        let name = shortened(name);
        let mut distinct = name.clone();
        let mut number = 2;
        while !self.0.insert(distinct.clone()) {
            distinct.clone_from(&name);
            // Writing to a string cannot fail.
            let _ = write!(distinct, "#{number}");
            number += 1;
        }
        distinct
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_are_one_safe_value() {
        for (name, value) in [
            ("shop", "shop"),
            ("a\"} 1\nevil{x=\"", r#"a\"} 1\\nevil{x=\""#),
            ("back\\slash\\", r"back\\slash\\"),
            ("\x1b[2J\0\r\u{202e}", r"\\x1b[2J\\x00\\r\\u{202e}"),
            ("漢字 ü", "漢字 ü"),
            (&String::from_utf8_lossy(b"\xff\xfe"), "\u{fffd}\u{fffd}"),
        ] {
            let labels = Labels::none().with("program", name).with("pid", "7");
            assert_eq!(labels.text(), format!("program=\"{value}\",pid=\"7\""));
        }
    }

    #[test]
    fn long_names_are_cut() {
        for name in ["\n", "\"", "漢", "x"] {
            let labels = Labels::none().with("program", &name.repeat(1 << 20));
            assert!(labels.text().len() < 2048 && labels.text().ends_with("…\""), "{}", labels.text());
        }
        assert!(!Labels::none().with("program", &"x".repeat(128)).text().contains('…'));
    }

    #[test]
    fn equal_names_are_numbered() {
        let mut names = Names::default();
        let long = "x".repeat(1000);
        let distinct: Vec<String> =
            ["main", "main", "main#2", "main", &long, &long].map(|name| names.distinct(name)).into();
        assert_eq!(distinct[..4], ["main", "main#2", "main#2#2", "main#3"]);
        assert_ne!(distinct[4], distinct[5]);
    }
}

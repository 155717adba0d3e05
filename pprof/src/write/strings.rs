//! The string table of a profile while it is built: every string once.

use std::collections::HashMap;

/// Strings and their indices; index 0 is the empty string, as the format requires.
#[derive(Debug)]
pub(crate) struct Strings {
    indices: HashMap<String, i64>,
    table: Vec<String>,
}

impl Strings {
    /// Only the empty string.
    pub(crate) fn new() -> Strings {
        let mut strings = Strings { indices: HashMap::new(), table: Vec::new() };
        strings.index("");
        strings
    }

    /// The index of `text`, which is added if it is new.
    pub(crate) fn index(&mut self, text: &str) -> i64 {
        if let Some(index) = self.indices.get(text) {
            return *index;
        }
        let index = self.table.len() as i64;
        self.table.push(text.to_owned());
        self.indices.insert(text.to_owned(), index);
        index
    }

    /// The strings, by index.
    pub(crate) fn into_table(self) -> Vec<String> {
        self.table
    }
}

impl Default for Strings {
    fn default() -> Strings {
        Strings::new()
    }
}

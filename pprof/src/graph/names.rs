//! The names of nodes.

use crate::paths::file_name;

use super::{Frames, Info};

impl Frames<'_> {
    /// The name as reports show it: address, function, and file or line or object file, as far as they are there.
    pub fn printable(&self, info: &Info) -> String {
        self.components(info, self.name(info), self.file(info)).join(" ")
    }

    /// The function name of a node.
    pub fn name(&self, info: &Info) -> &str {
        self.profile.text(info.name)
    }

    /// The source file of a node.
    pub fn file(&self, info: &Info) -> &str {
        self.files.get(info.file)
    }

    /// The object file of a node.
    pub fn object(&self, info: &Info) -> &str {
        self.profile.text(info.object)
    }

    /// The parts of a name, with `name` and `file` as they are to be shown.
    pub fn components(&self, info: &Info, name: &str, file: &str) -> Vec<String> {
        let mut parts = Vec::new();
        if info.address != 0 {
            parts.push(format!("{:016x}", info.address));
        }
        if !name.is_empty() {
            parts.push(name.to_owned());
        }
        if info.line != 0 {
            let column = if info.column == 0 { String::new() } else { format!(":{}", info.column) };
            parts.push(format!("{file}:{}{column}", info.line));
        } else if !file.is_empty() {
            parts.push(file.to_owned());
        } else if !name.is_empty() {
            // It is there already.
        } else if !info.object.is_empty() {
            parts.push(format!("[{}]", file_name(self.object(info))));
        } else {
            parts.push("<unknown>".to_owned());
        }
        parts
    }
}

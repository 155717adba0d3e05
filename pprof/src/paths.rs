//! Paths of files in reports, as Go's `path/filepath` sees them.

/// The last part of a path; `.` of an empty one.
pub(crate) fn file_name(path: &str) -> &str {
    if path.is_empty() {
        return ".";
    }
    let path = path.trim_end_matches('/');
    if path.is_empty() { "/" } else { path.rsplit('/').next().unwrap_or(path) }
}

/// The shortest path that is the same: without `.`, without `..` where what it leaves is known, and without empty
/// parts.
pub(crate) fn clean(path: &str) -> String {
    let is_rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => match parts.last() {
                Some(&"..") | None => {
                    if !is_rooted {
                        parts.push("..");
                    }
                }
                Some(_) => {
                    parts.pop();
                }
            },
            part => parts.push(part),
        }
    }
    let joined = parts.join("/");
    match (is_rooted, joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".to_owned(),
        (false, false) => joined,
    }
}

/// What separates paths of a list. On Windows `:` is in names of drives.
const SEPARATOR: char = if cfg!(windows) { ';' } else { ':' };

/// The paths of `source_path` or `trim_path`: separated by `:`, on Windows by `;`, as Go's `filepath.SplitList` has them.
/// An empty text has none.
pub fn path_list(text: &str) -> impl Iterator<Item = &str> {
    text.split(SEPARATOR).filter(|_| !text.is_empty())
}

/// A path without the first prefix of `trim_path` that it has. Without `trim_path`: without what is above a directory
/// that is named as one of `source_path`. Both are [lists](path_list).
pub(crate) fn trimmed<'p>(path: &'p str, trim_path: &str, source_path: &str) -> &'p str {
    if trim_path.is_empty() {
        for directory in path_list(source_path) {
            let wanted = format!("/{}/", file_name(directory));
            if let Some((_, rest)) = path.split_once(&wanted) {
                return rest;
            }
        }
    }
    for prefix in path_list(trim_path).chain(["/proc/self/cwd/./", "/proc/self/cwd/"]) {
        let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
        if let Some(rest) = path.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('/')) {
            return rest;
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_go() {
        assert_eq!(["", "/", "a/b/", "/a/b"].map(file_name), [".", "/", "b", "b"]);
        let cleaned = ["", "/", "a//b/./c", "/../a/../b", "../../a/..", "a/.."].map(clean);
        assert_eq!(cleaned, [".", "/", "a/b/c", "/b", "../..", "."]);
    }

    #[test]
    fn lists_of_paths_are_split_as_the_system_does_it() {
        let list = if cfg!(windows) { "C:\\a;;D:/b" } else { "/a::b;c" };
        let wanted = if cfg!(windows) { ["C:\\a", "", "D:/b"] } else { ["/a", "", "b;c"] };
        assert_eq!(path_list(list).collect::<Vec<_>>(), wanted);
        assert_eq!(path_list("").count(), 0);
    }

    #[test]
    #[cfg(not(windows))]
    fn prefixes_are_removed() {
        assert_eq!(trimmed("/proc/self/cwd/./a.rs", "", ""), "a.rs");
        assert_eq!(trimmed("/build/shop/src/a.rs", "", "/home/me/shop:/other"), "src/a.rs");
        assert_eq!(trimmed("/build/shop/src/a.rs", "/none:/build", "/home/me/shop"), "shop/src/a.rs");
        assert_eq!(trimmed("/builder/a.rs", "/build", ""), "/builder/a.rs");
    }
}

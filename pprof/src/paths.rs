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

/// A path without the first prefix of `trim_path` that it has. Without `trim_path`: without what is above a directory
/// that is named as one of `source_path`. Both are lists separated by `:`.
pub(crate) fn trimmed<'p>(path: &'p str, trim_path: &str, source_path: &str) -> &'p str {
    let list = |text: &str| -> Vec<String> {
        if text.is_empty() { Vec::new() } else { text.split(':').map(str::to_owned).collect() }
    };
    if trim_path.is_empty() {
        for directory in list(source_path) {
            let wanted = format!("/{}/", file_name(&directory));
            if let Some((_, rest)) = path.split_once(&wanted) {
                return rest;
            }
        }
    }
    let always = ["/proc/self/cwd/./", "/proc/self/cwd/"].map(str::to_owned);
    for mut prefix in list(trim_path).into_iter().chain(always) {
        if !prefix.ends_with('/') {
            prefix.push('/');
        }
        if let Some(rest) = path.strip_prefix(&prefix) {
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
    fn prefixes_are_removed() {
        assert_eq!(trimmed("/proc/self/cwd/./a.rs", "", ""), "a.rs");
        assert_eq!(trimmed("/build/shop/src/a.rs", "", "/home/me/shop:/other"), "src/a.rs");
        assert_eq!(trimmed("/build/shop/src/a.rs", "/none:/build", "/home/me/shop"), "shop/src/a.rs");
        assert_eq!(trimmed("/builder/a.rs", "/build", ""), "/builder/a.rs");
    }
}

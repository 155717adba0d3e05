//! A name as lines of a box: broken at `::`, and at `.` and `/` of Go's names, but not inside of brackets.

/// The most characters of a line that is joined of several parts.
const JOINED: usize = 22;
/// The most characters of one part; longer ones lose their middle.
const LONGEST: usize = 48;
/// The most lines; more lose those in the middle.
const MOST: usize = 8;

/// The lines of a name. The last part, the function itself, is a line of its own.
pub(super) fn of(name: &str) -> Vec<String> {
    let parts = parts(name);
    let last = parts.len().saturating_sub(1);
    let mut lines: Vec<String> = Vec::new();
    let mut is_open = false;
    for (at, part) in parts.iter().enumerate() {
        let part = cut(part);
        match lines.last_mut() {
            Some(line) if is_open && at != last && line.chars().count() + part.chars().count() <= JOINED => {
                line.push_str(&part);
            }
            _ => lines.push(part),
        }
        is_open = at != last;
    }
    if lines.len() > MOST {
        let tail = lines.split_off(lines.len() - MOST / 2);
        lines.truncate(MOST / 2 - 1);
        lines.push("…".to_owned());
        lines.extend(tail);
    }
    lines
}

/// The lines of a text that is not a name: one, cut if it is long.
pub(super) fn of_text(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| cut(text))
}

/// Each part with the separator that follows it.
fn parts(name: &str) -> Vec<&str> {
    let is_path = name.contains("::");
    let (mut parts, mut begin, mut depth) = (Vec::new(), 0, 0usize);
    let mut before = ' ';
    for (at, character) in name.char_indices() {
        match character {
            '<' | '(' | '[' | '{' => depth += 1,
            '>' if before == '-' => {}
            '>' | ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        let end = at + character.len_utf8();
        let is_end = if is_path { before == ':' && character == ':' } else { matches!(character, '.' | '/') };
        before = character;
        if depth == 0 && is_end && end < name.len() && end - begin > 2 {
            parts.push(&name[begin..end]);
            begin = end;
            before = ' ';
        }
    }
    parts.push(&name[begin..]);
    parts
}

/// Without its middle if it is long.
fn cut(part: &str) -> String {
    let count = part.chars().count();
    if count <= LONGEST {
        return part.to_owned();
    }
    let half = (LONGEST - 1) / 2;
    let head: String = part.chars().take(half).collect();
    let tail: String = part.chars().skip(count - half).collect();
    format!("{head}…{tail}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_broken_at_their_parts() {
        assert_eq!(of("shop::load::start"), ["shop::load::", "start"]);
        assert_eq!(
            of("core::iter::traits::iterator::Iterator::fold"),
            ["core::iter::traits::", "iterator::Iterator::", "fold"]
        );
        assert_eq!(of("<&shop::A as Debug>::fmt"), ["<&shop::A as Debug>::", "fmt"]);
        assert_eq!(of("main.(*Server.x).Serve"), ["main.(*Server.x).", "Serve"]);
        assert_eq!(of("malloc"), ["malloc"]);
        assert_eq!(of(""), [""]);
        let long = of(&format!("{}::{}", "a".repeat(300), "b::".repeat(300)));
        assert!(
            long.len() <= MOST + 1 && long.iter().all(|line| line.chars().count() <= LONGEST + 2),
            "{long:?}"
        );
    }
}

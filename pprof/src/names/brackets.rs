//! The brackets of a Rust name: parts of a path outside of them, and type parameters folded to `<_>`. One pass each.

/// The parts between `::` outside of brackets; `None` if brackets do not match.
pub(super) fn segments(path: &str) -> Option<Vec<&str>> {
    let (mut found, mut begin) = (Vec::new(), 0);
    let mut open = Open::default();
    for (at, character) in path.char_indices() {
        open.take(character)?;
        if open.depth == 0 && character == ':' && at >= begin && path[at..].starts_with("::") {
            found.push(&path[begin..at]);
            begin = at + 2;
        }
    }
    found.push(path.get(begin..)?);
    (open.depth == 0).then_some(found)
}

/// What is before the first `word` outside of brackets, and behind it; `None` if brackets do not match.
pub(super) fn split<'a>(text: &'a str, word: &str) -> Option<(&'a str, Option<&'a str>)> {
    let mut open = Open::default();
    for (at, character) in text.char_indices() {
        open.take(character)?;
        if open.depth == 0 && text[at..].starts_with(word) {
            return Some((&text[..at], Some(&text[at + word.len()..])));
        }
    }
    (open.depth == 0).then_some((text, None))
}

/// The name with `<_>` for type parameters, `[_]` for slices and nothing for parameters of closures; `None` if
/// brackets do not match.
pub(super) fn folded(name: &str) -> Option<String> {
    let mut text = String::with_capacity(name.len());
    let mut open = Open::default();
    // The depth at which what is left out began, and what stands for it.
    let mut left_out: Option<(usize, &str)> = None;
    let mut last = ' ';
    for character in name.chars() {
        let before = open.depth;
        open.take(character)?;
        if let Some((depth, stands)) = &mut left_out {
            if open.depth == *depth {
                text.push_str(stands);
                last = character;
                left_out = None;
            } else if character == ';' && *stands == "[_]" && open.depth == *depth + 1 {
                *stands = "[_; _]";
            }
            continue;
        }
        let is_word = last.is_alphanumeric() || last == '_';
        match character {
            '<' if last == '}' => left_out = Some((before, "")),
            '<' if is_word => left_out = Some((before, "<_>")),
            '<' if last == ':' => {
                text.truncate(text.trim_end_matches(':').len());
                left_out = Some((before, if text.ends_with('}') { "" } else { "<_>" }));
            }
            '[' if !is_word => left_out = Some((before, "[_]")),
            _ => text.push(character),
        }
        last = character;
    }
    (open.depth == 0).then_some(text)
}

/// Brackets that are open.
#[derive(Default)]
struct Open {
    depth: usize,
    last: Option<char>,
}

impl Open {
    /// `None` if a bracket closes that is not open.
    fn take(&mut self, character: char) -> Option<()> {
        match character {
            '<' | '(' | '[' | '{' => self.depth += 1,
            // The `>` of `->`.
            '>' if self.last == Some('-') => {}
            '>' | ')' | ']' | '}' => self.depth = self.depth.checked_sub(1)?,
            _ => {}
        }
        self.last = Some(character);
        Some(())
    }
}

//! Maximum lengths of texts, and truncation of longer ones.

/// The maximum length of a name in characters: of a process, a thread, a runtime, an allocator, a section.
pub const NAME_CHARACTERS: usize = 256;

/// The maximum length of a version in characters, such as `1.95.0 (59807616e 2026-04-14)`.
pub const VERSION_CHARACTERS: usize = 64;

/// The maximum length of a path in characters: `PATH_MAX` of Linux.
pub const PATH_CHARACTERS: usize = 4096;

/// The maximum length of a sentence in characters: a reason or a fix.
pub const SENTENCE_CHARACTERS: usize = 1024;

/// The maximum length of a symbol name in characters. Names of generic functions exceed a thousand.
pub const SYMBOL_CHARACTERS: usize = 4096;

/// Truncates `text` to `characters`, the last of which is then `…`, and frees the memory of the rest.
pub fn cut(text: &mut String, characters: usize) {
    // A character has at least one byte.
    if text.len() <= characters || text.char_indices().nth(characters).is_none() {
        return;
    }
    let kept = text.char_indices().nth(characters.saturating_sub(1)).map_or(0, |(at, _)| at);
    text.truncate(kept);
    text.push('…');
    text.shrink_to_fit();
}

/// The text of bytes that may not be UTF-8, truncated to `characters` before anything is allocated for it.
pub fn text_of(bytes: &[u8], characters: usize) -> String {
    // A character has at most four bytes. One more character shows that the text was longer.
    let prefix_bytes = bytes.len().min(characters.saturating_add(1).saturating_mul(4));
    let mut text = String::from_utf8_lossy(&bytes[..prefix_bytes]).into_owned();
    cut(&mut text, characters);
    text
}

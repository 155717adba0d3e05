//! The maximum length of a text, and how a longer one is cut.

/// Characters kept of a name: of a process, a thread, a runtime, an allocator, a section.
pub const NAME_CHARACTERS: usize = 256;

/// Characters kept of a version, as `1.95.0 (59807616e 2026-04-14)`.
pub const VERSION_CHARACTERS: usize = 64;

/// Characters kept of a path: `PATH_MAX` of Linux.
pub const PATH_CHARACTERS: usize = 4096;

/// Characters kept of a sentence: a reason, a fix.
pub const SENTENCE_CHARACTERS: usize = 1024;

/// Characters kept of a symbol's name. Names of generic functions have a thousand and more.
pub const SYMBOL_CHARACTERS: usize = 4096;

/// Cuts `text` to `characters`, the last of which is then `…`, and frees the memory of the rest.
pub fn cut(text: &mut String, characters: usize) {
    // No character is shorter than a byte.
    if text.len() <= characters || text.char_indices().nth(characters).is_none() {
        return;
    }
    let kept = text.char_indices().nth(characters.saturating_sub(1)).map_or(0, |(at, _)| at);
    text.truncate(kept);
    text.push('…');
    text.shrink_to_fit();
}

/// Text made of bytes that may not be UTF-8, cut to `characters` before anything is allocated for it.
pub fn text_of(bytes: &[u8], characters: usize) -> String {
    // A character has at most four bytes; one more shows that it was longer.
    let looked_at = bytes.len().min(characters.saturating_add(1).saturating_mul(4));
    let mut text = String::from_utf8_lossy(&bytes[..looked_at]).into_owned();
    cut(&mut text, characters);
    text
}

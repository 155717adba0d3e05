//! The author of a sentence, and the mark on sentences of another program.

/// The mark before the words of a program that does not belong to the user; they end with a quotation mark.
const SAYS: &str = "the program says: \"";

/// The author of a reply's sentences: reasons, refusals and fixes, which users read as advice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaker {
    /// A program of the same user: its sentences are trusted like ours.
    Own,
    /// Another user's program, or one that is reached over TCP: its sentences are marked as quotations.
    Another,
}

/// `the program says: "…"`. No character of `text` can end the quotation or start a new line.
pub fn program_says(text: &str) -> String {
    let mut said = String::with_capacity(SAYS.len() + text.len() + 1);
    said.push_str(SAYS);
    for (number, line) in text.lines().map(str::trim).filter(|line| !line.is_empty()).enumerate() {
        said.push_str(if number == 0 { "" } else { "; " });
        let mut was_blank = false;
        for character in line.chars() {
            let is_blank = is_blank(character);
            match character {
                _ if is_blank && was_blank => {}
                _ if is_blank => said.push(' '),
                _ if is_quotation_mark(character) => said.push('\''),
                _ => said.push(character),
            }
            was_blank = is_blank;
        }
    }
    said.push('"');
    said
}

/// The quoted words of a text that [`program_says`] returned.
pub fn program_said(text: &str) -> Option<&str> {
    text.strip_prefix(SAYS)?.strip_suffix('"')
}

/// Whether a character is displayed as empty space. Much space could move the text after it to the start of a new row.
fn is_blank(character: char) -> bool {
    character.is_whitespace()
        || matches!(character, '\u{115f}' | '\u{1160}' | '\u{2800}' | '\u{3164}' | '\u{ffa0}')
}

/// Whether a character looks like the quotation mark at the end.
fn is_quotation_mark(character: char) -> bool {
    matches!(character, '"' | '\u{2ba}' | '\u{2dd}' | '\u{2ee}' | '\u{201c}'..='\u{201f}' | '\u{2033}' | '\u{2036}'
        | '\u{275d}' | '\u{275e}' | '\u{301d}'..='\u{301f}' | '\u{ff02}')
}

//! Masks what differs in each run of a command: numbers with their units, addresses, hashes. A masked number in a
//! column keeps its width as spaces, so a misaligned table is still visible.

/// Units that directly follow a number.
const UNITS: [&str; 19] = [
    "", "B", "kB", "KB", "MB", "GB", "TB", "ns", "us", "µs", "ms", "s", "m", "h", "d", "k", "M", "KiB", "MiB",
];

/// Replaces each number with its unit by `N`, each address by `0xN`, each hash by `HASH`.
pub fn numbers(text: &str) -> String {
    text.split_inclusive('\n').map(line).collect()
}

fn line(line: &str) -> String {
    let characters: Vec<char> = line.chars().collect();
    let is_word = |at: usize| characters.get(at).is_some_and(|c| c.is_alphanumeric() || *c == '_');
    let is_digit = |at: usize| characters.get(at).is_some_and(char::is_ascii_digit);
    // A point between two digits is part of the number.
    let is_point = |at: usize| characters[at] == '.' && at > 0 && is_digit(at - 1) && is_digit(at + 1);
    let (mut masked, mut at) = (String::new(), 0);
    while at < characters.len() {
        let begin = at;
        while at < characters.len() && (is_word(at) || is_point(at)) {
            at += 1;
        }
        if begin == at {
            masked.push(characters[at]);
            at += 1;
            continue;
        }
        let word: String = characters[begin..at].iter().collect();
        let mask = mask(&word);
        if mask == word {
            masked.push_str(&word);
            continue;
        }
        // The `<` of `<1%` is part of the number.
        let is_less = masked.ends_with('<');
        if is_less {
            masked.pop();
        }
        let surplus = (at - begin + usize::from(is_less)).saturating_sub(mask.len());
        let end_of_column = if characters.get(at) == Some(&'%') { at + 1 } else { at };
        let is_padded = |from: usize| characters[from..].iter().take(2).filter(|c| **c == ' ').count() == 2;
        if masked.ends_with("  ") {
            masked.push_str(&" ".repeat(surplus));
            masked.push_str(mask);
        } else if is_padded(end_of_column) {
            masked.push_str(mask);
            masked.extend(&characters[at..end_of_column]);
            masked.push_str(&" ".repeat(surplus));
            at = end_of_column;
        } else {
            masked.push_str(mask);
        }
    }
    masked
}

fn mask(word: &str) -> &str {
    let is_hex = word.chars().all(|c| c.is_ascii_hexdigit());
    match word {
        _ if word.starts_with("0x") => "0xN",
        _ if is_number(word) => "N",
        _ if is_hex && word.len() >= 8 && word.chars().any(|c| c.is_ascii_digit()) => "HASH",
        _ => word,
    }
}

/// Recognises `7`, `1.5MB`, `2m05s`.
fn is_number(mut word: &str) -> bool {
    while !word.is_empty() {
        let unit = word.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
        let end = unit.find(|c: char| c.is_ascii_digit()).unwrap_or(unit.len());
        if unit.len() == word.len() || !UNITS.contains(&&unit[..end]) {
            return false;
        }
        word = &unit[end..];
    }
    true
}

/// Shortens each run of spaces to two, except the indent: for tables with columns as wide as their content.
pub fn columns(text: &str) -> String {
    let mut collapsed = String::new();
    for line in text.split_inclusive('\n') {
        let content = line.trim_start_matches(' ');
        collapsed.push_str(&line[..line.len() - content.len()]);
        let mut spaces = 0;
        for character in content.chars() {
            spaces = if character == ' ' { spaces + 1 } else { 0 };
            if spaces <= 2 {
                collapsed.push(character);
            }
        }
    }
    collapsed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_masked_and_columns_keep_their_edges() {
        let lines = "    9  rgops-agent   <1%   51%  x86_64 at 0x7f3a10, 1.5MB\n\
                     12345  main         100%    7%  1.54.1 main.rs:282 2m05s, b5eaaa03ca709059\n";
        let masked = "    N  rgops-agent    N%    N%  x86_64 at 0xN, N\n\
                      N      main           N%    N%       N main.rs:N N, HASH\n";
        assert_eq!(numbers(lines), masked);
    }
}

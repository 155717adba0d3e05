//! Text that is safe on a terminal, and numbers as people read them: what every report shares.
//! Values that pprof prints have its own rules, see [`crate::profile::measurement`].

use std::borrow::Cow;
use std::fmt::Write as _;

/// `text` with everything that could steer a terminal, or reorder what it shows, written out.
///
/// Thread names, paths and symbols come from the inspected program; an escape sequence in one of
/// them could rewrite the screen, and a bidirectional override could make it lie. Control
/// characters become `\n`, `\t`, `\x1b`, …, invisible and bidirectional ones `\u{202e}`, …; a
/// backslash stays as it is, so ordinary text is not changed.
pub fn escape(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unprintable) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match character {
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            character if !is_unprintable(character) => escaped.push(character),
            // A string takes every write.
            character if (character as u32) < 0x100 => {
                let _ = write!(escaped, "\\x{:02x}", character as u32);
            }
            character => {
                let _ = write!(escaped, "\\u{{{:x}}}", character as u32);
            }
        }
    }
    Cow::Owned(escaped)
}

/// The name of a number or its origin, where the report goes on with `: ` or a sentence of ours. One with a
/// colon, which would read as a line of ours (`fix: …`), stands in quotation marks.
pub fn label(name: &str) -> Cow<'_, str> {
    match name.contains(':') {
        true => Cow::Owned(format!("\"{}\"", escape(&name.replace('"', "'")))),
        false => escape(name),
    }
}

/// Whether a terminal shows nothing for it, or does something else than show it: general categories
/// Cc, Cf, Zl and Zp of Unicode 16 (the format characters by their ranges), and variation selectors.
pub(super) fn is_unprintable(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}'
            | '\u{890}'..='\u{891}' | '\u{8e2}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// No column is wider: a row whose text is longer moves what follows it in that row alone. (A width above
/// 65,535 would be a panic of `format!`.)
pub const WIDEST_COLUMN: usize = 64;

/// The width of a column that holds these texts.
pub fn width<'t>(texts: impl IntoIterator<Item = &'t str>) -> usize {
    // No more than one above the limit is counted of a text.
    let characters = |text: &str| text.chars().take(WIDEST_COLUMN + 1).count();
    texts.into_iter().map(characters).max().unwrap_or(0).min(WIDEST_COLUMN)
}

/// Bytes as gops prints them: `16.35MB (17148544 bytes)`, `512 bytes`. Units are powers of 1024.
pub fn bytes(bytes: u64) -> String {
    match binary_unit(bytes) {
        Some((scaled, unit)) => format!("{scaled:.2}{unit} ({bytes} bytes)"),
        None => format!("{bytes} bytes"),
    }
}

/// Bytes in one short word, for columns: `16.35MB`, `512B`. Units are powers of 1024.
pub fn bytes_short(bytes: u64) -> String {
    match binary_unit(bytes) {
        Some((scaled, unit)) => format!("{scaled:.2}{unit}"),
        None => format!("{bytes}B"),
    }
}

fn binary_unit(bytes: u64) -> Option<(f64, &'static str)> {
    const UNITS: [&str; 5] = ["KB", "MB", "GB", "TB", "PB"];
    let mut scaled = bytes as f64;
    let mut found = None;
    for unit in UNITS {
        if scaled < 1024.0 {
            break;
        }
        scaled /= 1024.0;
        found = Some((scaled, unit));
    }
    found
}

/// A duration given in nanoseconds, in its largest fitting unit: `0`, `250ns`, `1.5us`, `20ms`,
/// `3.25s`; from a minute on `2m05s`, `3h07m`, `12d03h`.
pub fn duration(ns: u64) -> String {
    let seconds = ns / 1_000_000_000;
    match seconds {
        0 if ns == 0 => "0".to_owned(),
        0 if ns < 1_000 => format!("{ns}ns"),
        0 if ns < 1_000_000 => decimals(ns as f64 / 1e3, "us"),
        0 => decimals(ns as f64 / 1e6, "ms"),
        1..60 => decimals(ns as f64 / 1e9, "s"),
        60..3_600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{}h{:02}m", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{}d{:02}h", seconds / 86_400, seconds % 86_400 / 3_600),
    }
}

fn decimals(value: f64, unit: &str) -> String {
    let digits = format!("{value:.2}");
    let digits = digits.trim_end_matches('0').trim_end_matches('.');
    format!("{digits}{unit}")
}

/// A moment given in nanoseconds since the Unix epoch, in UTC: `2026-11-22 22:27:20 UTC`.
pub fn utc(unix_ns: u64) -> String {
    let seconds = unix_ns / 1_000_000_000;
    let (year, month, day) = civil_date((seconds / 86_400) as i64);
    let (hour, minute, second) = (seconds % 86_400 / 3_600, seconds % 3_600 / 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
}

/// Year, month and day of the proleptic Gregorian calendar, from days since 1970-01-01, counted in
/// eras of 400 years whose years begin in March, so that the leap day is the last of its year.
fn civil_date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// `1 thread`, `2 threads`.
pub fn counted(count: u64, one: &str) -> String {
    format!("{count} {one}{}", if count == 1 { "" } else { "s" })
}

/// Bytes as lower-case hexadecimal digits, as build-ids are written.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_is_not_copied_and_steering_text_is_written_out() {
        assert!(matches!(escape("tokio-rt-worker «ü» 漢"), Cow::Borrowed(_)));
        assert_eq!(escape("a\x1b[2Jb\n\u{202e}c\u{9b}"), "a\\x1b[2Jb\\n\\u{202e}c\\x9b");
        assert_eq!(escape("back\\slash"), "back\\slash");
    }

    #[test]
    fn names_are_not_read_as_lines_of_ours() {
        assert_eq!(label("heap-idle"), "heap-idle");
        assert_eq!(label("fix: run \"evil\"\n"), "\"fix: run 'evil'\\n\"");
    }

    #[test]
    fn columns_have_a_limit() {
        assert_eq!(width(["a", "漢字", ""]), 2);
        assert_eq!(width([]), 0);
        let long = "x".repeat(70_000);
        assert_eq!(width(["a", &long]), WIDEST_COLUMN);
    }

    #[test]
    fn bytes_read_as_in_gops() {
        assert_eq!(bytes(1023), "1023 bytes");
        assert_eq!(bytes(17_148_544), "16.35MB (17148544 bytes)");
        assert_eq!(bytes_short(1536), "1.50KB");
    }

    #[test]
    fn durations_use_their_largest_unit() {
        let shown: Vec<String> = [
            0,
            250,
            1_500,
            20_000_000,
            3_250_000_000,
            125_000_000_000,
            11_220_000_000_000,
            1_047_600_000_000_000,
        ]
        .into_iter()
        .map(duration)
        .collect();
        assert_eq!(shown, ["0", "250ns", "1.5us", "20ms", "3.25s", "2m05s", "3h07m", "12d03h"]);
    }

    #[test]
    fn moments_are_civil() {
        assert_eq!(utc(1_795_386_440_000_000_000), "2026-11-22 22:27:20 UTC");
        assert_eq!(utc(951_782_400_000_000_000), "2000-02-29 00:00:00 UTC");
        assert_eq!(utc(0), "1970-01-01 00:00:00 UTC");
    }
}

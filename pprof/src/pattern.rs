//! Regular expressions as Go's `regexp` reads them: what is written for pprof means the same here.

use std::fmt::Write as _;

/// A regular expression in Go's syntax.
///
/// Most of it is also the syntax of the crate `regex`. What differs is translated: `{{closure}}` is text, `[[]` is a
/// bracket, `\d`, `\w`, `\s` and `\b` are of ASCII, and `\Q…\E` quotes.
///
/// ```
/// use rgops_pprof::Pattern;
///
/// let closures = Pattern::new(r"run::{{closure}}")?;
/// assert!(closures.is_match("shop::run::{{closure}}"));
/// # Ok::<(), String>(())
/// ```
#[derive(Debug, Clone)]
pub struct Pattern(regex::Regex);

/// The size of a compiled expression, which bounds the memory that a hostile one takes.
const COMPILED_BYTES: usize = 4 << 20;
const LEAST_COMPILED_BYTES: usize = 64 << 10;
/// The longest expression: they may come from a file, in `drop_frames`.
const LONGEST_BYTES: usize = 64 << 10;
/// The most that a part can be repeated in Go.
const MOST_REPEATS: u64 = 1000;

impl Pattern {
    /// Compiles `text`.
    ///
    /// # Errors
    /// What is wrong with it: `error parsing regexp: unclosed group`.
    pub fn new(text: &str) -> Result<Pattern, String> {
        Pattern::one_of(1, text)
    }

    /// The same, where `count` expressions share the memory of one.
    pub(crate) fn one_of(count: usize, text: &str) -> Result<Pattern, String> {
        let bytes = (COMPILED_BYTES / count.max(1)).max(LEAST_COMPILED_BYTES);
        if text.len() > LONGEST_BYTES {
            return Err(format!("error parsing regexp: it is longer than {} kB", LONGEST_BYTES >> 10));
        }
        let translated = translate(text).map_err(|why| format!("error parsing regexp: {why}"))?;
        regex::RegexBuilder::new(&translated)
            .octal(true)
            .size_limit(bytes)
            .dfa_size_limit(bytes)
            .build()
            .map(Pattern)
            .map_err(|error| format!("error parsing regexp: {}", reason(&error)))
    }

    /// What matches `text` itself, wherever it is.
    ///
    /// # Errors
    /// If `text` is too long.
    ///
    /// ```
    /// use rgops_pprof::Pattern;
    ///
    /// assert!(Pattern::literal("f(.)")?.is_match("a::f(.)") && !Pattern::literal("f(.)")?.is_match("f(x)"));
    /// # Ok::<(), String>(())
    /// ```
    pub fn literal(text: &str) -> Result<Pattern, String> {
        Pattern::new(&Pattern::escape(text))
    }

    /// The expression that matches `text` itself, to be a part of an expression: Go's `QuoteMeta`.
    pub fn escape(text: &str) -> String {
        let mut out = String::with_capacity(text.len() + 8);
        for letter in text.chars() {
            if r"\.+*?()|[]{}^$".contains(letter) {
                out.push('\\');
            }
            out.push(letter);
        }
        out
    }

    /// Whether it matches any part of `text`.
    pub fn is_match(&self, text: &str) -> bool {
        self.0.is_match(text)
    }

    /// Where it matches first, in bytes.
    pub fn find(&self, text: &str) -> Option<std::ops::Range<usize>> {
        self.0.find(text).map(|found| found.range())
    }
}

/// The last line of an error of `regex`; those before show where.
fn reason(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default();
    last.strip_prefix("error: ").unwrap_or(last).to_owned()
}

/// From Go's syntax to that of `regex`, or why Go refuses it and `regex` does not.
fn translate(text: &str) -> Result<String, String> {
    let mut out = String::with_capacity(text.len() + 8);
    let mut rest = text;
    let mut is_repeated = false;
    while let Some(first) = rest.chars().next() {
        if let Some(length) = repetition_length(rest) {
            let operator = &rest[..length];
            if is_repeated {
                return Err(format!("invalid nested repetition operator: `{operator}`"));
            }
            let mut counts = operator.split(|letter: char| !letter.is_ascii_digit());
            let is_too_often =
                |count: &str| !count.is_empty() && count.parse().unwrap_or(u64::MAX) > MOST_REPEATS;
            if counts.any(is_too_often) {
                return Err(format!("invalid repeat count: `{operator}`"));
            }
            is_repeated = true;
            out.push_str(operator);
            rest = &rest[length..];
            if let Some(lazy) = rest.strip_prefix('?') {
                out.push('?');
                rest = lazy;
            }
            continue;
        }
        is_repeated = false;
        match first {
            '\\' => rest = escape(rest, false, &mut out),
            '[' => rest = class(rest, &mut out),
            '{' => {
                out.push_str("\\{");
                rest = &rest[1..];
            }
            '(' if rest.starts_with("(?") => {
                out.push_str("(?");
                rest = &rest[2..];
            }
            _ => {
                out.push(first);
                rest = &rest[first.len_utf8()..];
            }
        }
    }
    Ok(out)
}

/// The length of what repeats, at the start of `text`: `*`, `+`, `?` or `{2,3}`.
fn repetition_length(text: &str) -> Option<usize> {
    match text.bytes().next()? {
        b'*' | b'+' | b'?' => Some(1),
        b'{' => repeat_length(text),
        _ => None,
    }
}

/// The length of `{2}`, `{2,}` or `{2,3}` at the start of `text`. Looks no further than the next `{`, so that many of
/// them take no longer.
fn repeat_length(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let digits = |from: usize| bytes.iter().skip(from).take_while(|byte| byte.is_ascii_digit()).count();
    let least = digits(1);
    let mut end = 1 + least;
    if bytes.get(end) == Some(&b',') {
        end += 1 + digits(end + 1);
    }
    (least > 0 && bytes.get(end) == Some(&b'}')).then_some(end + 1)
}

/// The length of `[:alpha:]` or `[:^alpha:]` at the start of `text`. Looks no further than the next `[`.
fn named_class_length(text: &str) -> Option<usize> {
    let name = text.strip_prefix("[:")?;
    let end = name.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '^')?;
    name.get(end..)?.starts_with(":]").then_some(end + 4)
}

/// Translates the escape at the start of `text`. Returns what follows it.
fn escape<'t>(text: &'t str, is_in_class: bool, out: &mut String) -> &'t str {
    let Some(escaped) = text[1..].chars().next() else {
        out.push('\\');
        return "";
    };
    let rest = &text[1 + escaped.len_utf8()..];
    let (digits, word, space) = ("0-9", "0-9A-Za-z_", "\\t\\n\\x0C\\r ");
    let set = match escaped {
        'd' | 'D' => digits,
        'w' | 'W' => word,
        's' | 'S' => space,
        'Q' if !is_in_class => {
            let (quoted, rest) = rest.split_once("\\E").unwrap_or((rest, ""));
            out.push_str(&regex::escape(quoted));
            return rest;
        }
        'b' | 'B' if !is_in_class => {
            // `\B` of ASCII could match inside a character, which `regex` does not allow in text.
            out.push_str(if escaped == 'b' { "(?-u:\\b)" } else { "(?:\\B)" });
            return rest;
        }
        'C' if !is_in_class => {
            out.push_str("(?s:.)");
            return rest;
        }
        // In `regex`, `\<` and `\>` are the ends of a word. Here they are text, as all but letters and digits.
        _ if escaped.is_ascii() && !escaped.is_ascii_alphanumeric() => {
            out.push_str(&regex::escape(escaped.encode_utf8(&mut [0; 4])));
            return rest;
        }
        _ => {
            out.push('\\');
            out.push(escaped);
            return rest;
        }
    };
    // Writing to a string cannot fail.
    let _ = match (escaped.is_ascii_uppercase(), is_in_class) {
        (true, _) => write!(out, "[^{set}]"),
        (false, true) => write!(out, "{set}"),
        (false, false) => write!(out, "[{set}]"),
    };
    rest
}

/// Translates the class at the start of `text`: `[a-z]`. Returns what follows it.
fn class<'t>(text: &'t str, out: &mut String) -> &'t str {
    out.push('[');
    let mut rest = &text[1..];
    if let Some(negated) = rest.strip_prefix('^') {
        out.push('^');
        rest = negated;
    }
    let mut is_first = true;
    while let Some(first) = rest.chars().next() {
        match first {
            ']' if !is_first => {
                out.push(']');
                return &rest[1..];
            }
            '\\' => rest = escape(rest, true, out),
            '[' if named_class_length(rest).is_some() => {
                let (named, behind) = rest.split_at(named_class_length(rest).unwrap_or(1));
                out.push_str(named);
                rest = behind;
            }
            _ => {
                // `&&`, `--`, `~~` and `[` mean something in classes of `regex` only.
                if matches!(first, ']' | '[' | '&' | '~') {
                    out.push('\\');
                }
                out.push(first);
                rest = &rest[first.len_utf8()..];
            }
        }
        is_first = false;
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        Pattern::new(pattern).is_ok_and(|pattern| pattern.is_match(text))
    }

    #[test]
    fn expressions_mean_what_they_mean_in_go() {
        assert!(matches("main|runtime", "x.main") && !matches("^main$", "main.x"));
        assert!(matches("{{closure}}", "a::{{closure}}::b") && matches("a{,2}", "a{,2}"));
        assert!(matches("^a{2,3}$", "aaa") && !matches("^a{2}$", "aaa"));
        assert!(matches("[[]", "a[") && matches("[]]", "]") && matches("[^]]", "a"));
        assert!(matches("^[a&&b]+$", "a&b") && matches("^[[:alpha:]_]+$", "a_b"));
        assert!(matches(r"\Qa.b(\E$", "a.b(") && !matches(r"\Qa.b\E", "axb"));
        assert!(matches(r"^\d\w\s$", "1a ") && !matches(r"\d", "٣") && matches(r"^[\d.]+$", "1.2"));
        assert!(matches(r"\bmain\b", "a main.b") && matches(r"^\D$", "x") && matches(r"^[\W]$", "-"));
        assert!(matches("(?i)MAIN", "main") && matches("(?P<n>a)b", "ab") && matches(r"\101", "A"));
    }

    #[test]
    fn what_is_no_letter_and_no_digit_is_text_behind_a_backslash() {
        for letter in (0..0x80u8).map(char::from).filter(|letter| !letter.is_ascii_alphanumeric()) {
            let text = letter.to_string();
            for pattern in
                [format!("^\\{letter}$"), format!("^[\\{letter}]$"), format!("^x?\\{letter}{{1}}$")]
            {
                assert!(matches(&pattern, &text) && !matches(&pattern, "a"), "{pattern:?}");
            }
            assert!(Pattern::literal(&text).is_ok_and(|pattern| pattern.is_match(&text)), "{text:?}");
        }
        assert!(matches(r"Dispatcher\<", "a::Dispatcher<T>") && !matches(r"Dispatcher\<", "Dispatcher"));
        assert!(matches(r"^a\b\{start}$", "a{start}") && matches(r"^a\b{start}$", "a{start}"));
        let text = r"<[a]|(b)> {x} ^$ \d .*+?-&~#";
        assert!(Pattern::literal(text).expect("it is short").is_match(text));
    }

    #[test]
    fn long_expressions_are_refused_and_none_takes_long() {
        for part in ["{", "[:", "[[:", "{1,", "\\Q", "[a", "(?i)"] {
            let _ = Pattern::new(&part.repeat(LONGEST_BYTES / part.len()));
            let said = Pattern::new(&part.repeat(8 << 20)).map(|_| ()).expect_err(part);
            assert_eq!(said, "error parsing regexp: it is longer than 64 kB");
        }
        assert!(Pattern::new(&"{".repeat(LONGEST_BYTES)).is_ok());
    }

    #[test]
    fn what_is_not_an_expression_is_refused_with_the_reason() {
        for wrong in ["(", "a)", "*a", "[a", "\\", "(?z)", "a{2000000}{2000000}"] {
            let said = Pattern::new(wrong).map(|_| ()).expect_err(wrong);
            assert!(said.starts_with("error parsing regexp: ") && said.len() > 22, "{wrong}: {said}");
        }
        for wrong in ["a**", "a+?*", "a?+", "a{2}{3}", "(a)*{2}", "[a]?*", "a{1001}", "a{2,1001}", "a{1001,}"]
        {
            let said = Pattern::new(wrong).map(|_| ()).expect_err(wrong);
            assert!(said.starts_with("error parsing regexp: invalid "), "{wrong}: {said}");
        }
        for right in ["a*?", "a{1000}?", "(?:a*)*", "a*b*", "a\\**", "[*]*", "(?i)a+", "{*", "\\Q*\\E*"] {
            assert!(Pattern::new(right).is_ok(), "{right}");
        }
        assert_eq!(Pattern::new("(").map(|_| ()), Err("error parsing regexp: unclosed group".to_owned()));
    }
}

//! The short name of a Rust function: no hashes, no compiler's words, `A::f` for `<A as B>::f`, `Vec<_>` for
//! `Vec<shop::Cart>`.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::{brackets, placeholders};

/// Longer names stay unchanged: no person reads them.
const LONGEST: usize = 64 << 10;
/// How many `<… as …>` inside each other are resolved.
const DEEPEST: usize = 8;

/// The short name of a Rust function, with type parameters in full or folded to `<_>`.
///
/// Names of other languages stay unchanged. The short name of a short name is the same.
///
/// ```
/// use rgops_pprof::names::short;
///
/// let name = "<shop::cart::Cart<u8> as core::ops::drop::Drop>::drop::{{closure}}::h0123456789abcdef";
/// assert_eq!(short(name, false), "shop::cart::Cart<_>::drop::{closure}");
/// assert_eq!(short(name, true), "shop::cart::Cart<u8>::drop::{closure}");
/// ```
pub fn short(name: &str, generics: bool) -> String {
    if name.len() > LONGEST {
        return name.to_owned();
    }
    let text = unescaped(&demangled(name)).into_owned();
    if is_foreign(&text) {
        return text;
    }
    let text = placeholders::resolved(&without_disambiguators(without_hash(&text)));
    let Some(path) = resolved(&text) else { return text };
    if generics { path } else { brackets::folded(&path).unwrap_or(path) }
}

/// The hash of a function that ends with one: `h0123456789abcdef` without the `h`.
pub(super) fn hash(name: &str) -> Option<&str> {
    let name = name.split_once(".llvm.").map_or(name, |(name, _)| name);
    let at = name.rfind("17h").map(|at| at + 2).filter(|_| name.starts_with("_ZN"));
    let at = at.or_else(|| name.rfind("::h").map(|at| at + 2))?;
    let hash = name.get(at + 1..)?;
    let hash = if name.starts_with("_ZN") { hash.strip_suffix('E')? } else { hash };
    (hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(hash)
}

/// A symbol as a path. A few bytes of a symbol can become a megabyte: what is too long stays a symbol.
fn demangled(name: &str) -> Cow<'_, str> {
    if !(name.starts_with("_ZN") || name.starts_with("_R") || name.starts_with("__R")) {
        return Cow::Borrowed(name);
    }
    let Ok(symbol) = rustc_demangle::try_demangle(name) else { return Cow::Borrowed(name) };
    let mut text = Limited(String::new());
    match write!(text, "{symbol:#}") {
        Ok(()) => Cow::Owned(text.0),
        Err(_) => Cow::Borrowed(name),
    }
}

/// A text that refuses to become longer than [`LONGEST`].
struct Limited(String);

impl std::fmt::Write for Limited {
    fn write_str(&mut self, piece: &str) -> std::fmt::Result {
        if self.0.len() + piece.len() > LONGEST {
            return Err(std::fmt::Error);
        }
        self.0.push_str(piece);
        Ok(())
    }
}

/// `<T as core::fmt::Debug>` for `_$LT$T$u20$as$u20$core..fmt..Debug$GT$`, which other demanglers leave.
fn unescaped(name: &str) -> Cow<'_, str> {
    if !name.contains("$LT$") && !name.contains("$u20$") && !name.contains("$u7b$") {
        return Cow::Borrowed(name);
    }
    const WORDS: [(&str, &str); 8] = [
        ("SP$", "@"),
        ("BP$", "*"),
        ("RF$", "&"),
        ("LT$", "<"),
        ("GT$", ">"),
        ("LP$", "("),
        ("RP$", ")"),
        ("C$", ","),
    ];
    let mut text = String::with_capacity(name.len());
    let mut rest = name;
    'pieces: while let Some(next) = rest.chars().next() {
        if let Some(escape) = rest.strip_prefix('$') {
            for (word, meaning) in WORDS {
                if let Some(after) = escape.strip_prefix(word) {
                    // The `_` that an identifier with an escape begins with.
                    if word == "LT$" && (text == "_" || text.ends_with("::_")) {
                        text.pop();
                    }
                    text.push_str(meaning);
                    rest = after;
                    continue 'pieces;
                }
            }
            let code = escape.strip_prefix('u').and_then(|code| code.split_once('$'));
            if let Some((code, after)) = code
                && code.len() <= 6
                && let Some(meaning) = u32::from_str_radix(code, 16).ok().and_then(char::from_u32)
                && !meaning.is_control()
            {
                text.push(meaning);
                rest = after;
                continue;
            }
        } else if let Some(after) = rest.strip_prefix("..") {
            text.push_str("::");
            rest = after;
            continue;
        }
        text.push(next);
        rest = &rest[next.len_utf8()..];
    }
    Cow::Owned(text)
}

/// Whether the name is of another language: with parameters, `operator`, a Go receiver.
fn is_foreign(name: &str) -> bool {
    if ["operator", "std::__", "__gnu_cxx::", "(anonymous"].iter().any(|word| name.contains(word)) {
        return true;
    }
    let mut before = ' ';
    let mut depth = 0usize;
    for character in name.chars() {
        match character {
            '<' => depth += 1,
            '>' if before != '-' => depth = depth.saturating_sub(1),
            '(' if depth == 0 => return true,
            '~' => return true,
            _ => {}
        }
        before = character;
    }
    false
}

/// Without `::h0123456789abcdef` and `.llvm.1234` at the end.
fn without_hash(name: &str) -> &str {
    let name = name.split_once(".llvm.").map_or(name, |(name, _)| name);
    hash(name).and_then(|hash| name.strip_suffix(hash)?.strip_suffix("::h")).unwrap_or(name)
}

/// `shop::load` for `shop[8ee3c0b7c0ea2cd1]::load`: hexadecimal digits in brackets behind an identifier.
fn without_disambiguators(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    let mut rest = name;
    while let Some(at) = rest.find('[') {
        let (before, bracket) = rest.split_at(at);
        text.push_str(before);
        let digits = bracket[1..].bytes().take_while(u8::is_ascii_hexdigit).count();
        let is_one = (1..=16).contains(&digits)
            && bracket.as_bytes().get(digits + 1) == Some(&b']')
            && text.ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let skipped = if is_one { digits + 2 } else { 1 };
        if !is_one {
            text.push('[');
        }
        rest = &bracket[skipped..];
    }
    text.push_str(rest);
    text
}

/// The path of a function without `<A as B>`, `<A>` and `<impl B for A>`; `None` if its brackets do not match.
fn resolved(name: &str) -> Option<String> {
    let mut parts = brackets::segments(name)?;
    for _ in 0..DEEPEST {
        let is_self = |at: usize, part: &str| {
            part.len() > 1
                && part.ends_with('>')
                && (part.starts_with("<impl ") || (at == 0 && part.starts_with('<')))
        };
        let Some(at) = (0..parts.len()).rev().find(|at| is_self(*at, parts[*at])) else { break };
        let part = parts[at];
        let inner = &part[1..part.len() - 1];
        let (of_type, of_trait) = match inner.strip_prefix("impl ") {
            Some(inner) => match brackets::split(inner, " for ")? {
                (of_trait, Some(of_type)) => (of_type, Some(of_trait)),
                (of_type, None) => (of_type, None),
            },
            None => brackets::split(inner, " as ")?,
        };
        let whose = match (kind(of_type), of_trait) {
            (TypeKind::Path, _) => of_type,
            (TypeKind::Parameter, Some(of_trait)) => of_trait,
            (TypeKind::Parameter | TypeKind::Other, None) if at == 0 => break,
            _ => {
                return Some(joined(&[&[&*other(of_type, of_trait)], &parts[at + 1..]].concat()));
            }
        };
        let mut new = brackets::segments(whose)?;
        new.extend_from_slice(&parts[at + 1..]);
        parts = new;
    }
    Some(joined(&parts))
}

/// What the type of a method is.
enum TypeKind {
    /// `shop::Cart<u8>`, `str`, `<A as B>::C`.
    Path,
    /// `T`: only the trait says more.
    Parameter,
    /// `&T`, `[T]`, `(A, B)`, `dyn Error`.
    Other,
}

fn kind(of: &str) -> TypeKind {
    const PRIMITIVE: [&str; 17] = [
        "str", "bool", "char", "u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32", "i64", "i128",
        "isize", "f32", "f64",
    ];
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let first = of.find(|c: char| !is_word(c)).unwrap_or(of.len());
    match &of[first..] {
        _ if of.starts_with('<') => TypeKind::Path,
        rest if first > 0 && (rest.starts_with("::") || rest.starts_with('<')) => TypeKind::Path,
        "" if PRIMITIVE.contains(&of) => TypeKind::Path,
        "" => TypeKind::Parameter,
        _ => TypeKind::Other,
    }
}

/// `<&T as Debug>` for `<&T as core::fmt::Debug>`.
fn other(of_type: &str, of_trait: Option<&str>) -> String {
    match of_trait {
        Some(of_trait) => {
            let parts = brackets::segments(of_trait).unwrap_or_default();
            // A trait's parameters may be a part of their own: `Fn::<(u8,)>`.
            let last = parts.iter().rposition(|part| !part.starts_with('<')).unwrap_or(0);
            format!("<{of_type} as {}>", joined(parts.get(last..).unwrap_or_default()))
        }
        None => format!("<{of_type}>"),
    }
}

/// Parts with `::` between them; parameters directly behind what they belong to.
fn joined(parts: &[&str]) -> String {
    let mut path = String::new();
    for (at, part) in parts.iter().enumerate() {
        if at > 0 && !part.starts_with('<') {
            path.push_str("::");
        }
        path.push_str(part);
    }
    path
}

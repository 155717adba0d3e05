//! Readable names: `shop::checkout::reserve`, not `reserve::{async_fn_env#0}<…>`.

use crate::model::TypeName;
use crate::types::{Type, text};

/// Maximum bytes of a name in the compiler's spelling. Names of nested futures have many thousands.
const LONGEST_RAW: usize = 24 << 10;

/// The name of a type. `owner` is the type whose method contains it, if there is one.
pub(super) fn of_type(found: &Type, owner: Option<&str>) -> TypeName {
    // Both parts have their own limits.
    let raw = match &*found.namespace {
        "" => found.name.to_string(),
        namespace => format!("{namespace}::{}", found.name),
    };
    named(&raw, owner)
}

/// The name of a path in the spelling of debug information or a symbol.
pub(super) fn of_path(raw: &str) -> TypeName {
    named(raw, None)
}

fn named(raw: &str, owner: Option<&str>) -> TypeName {
    let mut short = String::new();
    let segments = segments(raw);
    let block = segments.iter().rposition(|segment| segment.starts_with("{impl#"));
    for (number, segment) in segments.into_iter().enumerate() {
        let shown = match owner {
            Some(owner) if Some(number) == block => Some(owner.to_owned()),
            _ => shown(without_generics(segment)),
        };
        if let Some(shown) = shown {
            short = text::join(&short, &shown);
        }
    }
    if short.is_empty() {
        short = text::join("", without_generics(raw));
    }
    TypeName { short: short.into(), raw: text::cut(raw, LONGEST_RAW).into() }
}

/// The shown form of a path segment; `None` for a segment that only the compiler uses.
fn shown(segment: &str) -> Option<String> {
    let Some(inner) = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) else {
        return (!segment.is_empty()).then(|| segment.to_owned());
    };
    let (kind, number) = inner.split_once('#').unwrap_or((inner, "0"));
    // The first of its kind in a function gets no number.
    let numbered = |what: &str| match number {
        "0" => format!("{{{what}}}"),
        number => format!("{{{what}#{number}}}"),
    };
    match kind {
        // The function's own name is the segment before. The type of an impl is not in the path.
        "async_fn_env" | "async_fn" | "impl" | "gen_fn_env" => None,
        "async_block_env" | "async_block" => Some(numbered("async block")),
        "async_closure_env" | "async_closure" => Some(numbered("async closure")),
        "closure_env" | "closure" => Some(numbered("closure")),
        _ => Some(segment.to_owned()),
    }
}

/// The segments between `::` outside of brackets.
fn segments(path: &str) -> Vec<&str> {
    let (mut found, mut depth, mut begin, mut at) = (Vec::new(), 0usize, 0, 0);
    let bytes = path.as_bytes();
    while at < bytes.len() {
        match bytes[at] {
            b'<' | b'(' | b'[' => depth += 1,
            // The `>` of `->`.
            b'>' if at > 0 && bytes[at - 1] == b'-' => {}
            b'>' | b')' | b']' => depth = depth.saturating_sub(1),
            b':' if depth == 0 && bytes.get(at + 1) == Some(&b':') => {
                found.push(&path[begin..at]);
                at += 1;
                begin = at + 1;
            }
            _ => {}
        }
        at += 1;
    }
    found.push(&path[begin..]);
    found
}

/// `Timeout` for `Timeout<F>`; a type that begins with a bracket stays unchanged.
fn without_generics(segment: &str) -> &str {
    match segment.find('<') {
        Some(at) if at > 0 => &segment[..at],
        _ => segment,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_the_form_of_source_code() {
        let short = |raw: &str| of_path(raw).short.to_string();
        assert_eq!(short("shop::checkout::reserve::{async_fn_env#0}<u64>"), "shop::checkout::reserve");
        assert_eq!(
            short("tokio::sync::mutex::{impl#10}::lock::{async_fn_env#0}<u64>"),
            "tokio::sync::mutex::lock"
        );
        assert_eq!(short("shop::main::{async_block_env#0}"), "shop::main::{async block}");
        assert_eq!(
            short("shop::start::{closure#1}::{async_block_env#2}"),
            "shop::start::{closure#1}::{async block#2}"
        );
        assert_eq!(short("tokio::time::timeout::Timeout<a::b::C<d>>"), "tokio::time::timeout::Timeout");
        assert_eq!(
            short("core::pin::Pin<alloc::boxed::Box<dyn core::future::Future<Output=()>>>"),
            "core::pin::Pin"
        );
        assert_eq!(
            &*named("tokio::sync::mutex::{impl#10}::lock::{async_fn_env#0}<u64>", Some("Mutex")).short,
            "tokio::sync::mutex::Mutex::lock"
        );
        assert_eq!(short("f<fn(a::b) -> c::d>::g"), "f::g");
        assert_eq!(short("<a::B as c::D>::e"), "<a::B as c::D>::e");
        assert_eq!(short(""), "");
    }

    #[test]
    fn long_names_are_cut() {
        for raw in ["x".repeat(1 << 20), "x::".repeat(100_000), format!("a::{}<b>::c", "x".repeat(1 << 20))] {
            let name = of_path(&raw);
            assert!(
                name.short.len() <= text::LONGEST_PATH && name.short.ends_with('…'),
                "{}",
                name.short.len()
            );
            assert!(name.raw.len() <= LONGEST_RAW && name.raw.ends_with('…'), "{}", name.raw.len());
        }
    }
}

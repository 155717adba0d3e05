//! The crate that a function was written in, by its name.

use super::crates::is_std;

/// The crate of a function: of the implementation, if the linker's name states it (v0), otherwise of the readable
/// name. `None` for C functions and for names without a path.
pub(super) fn crate_of<'a>(function: &'a str, mangled: Option<&'a str>) -> Option<&'a str> {
    mangled.and_then(of_v0).or_else(|| of_path(function))
}

/// Steps into a v0 name at most: a hostile one may refer back without end.
const MOST_STEPS: usize = 200;

/// The crate of a v0 name's path; of the `impl` block for methods. `None` for other names, and where the name states
/// a trait's default method, which [`of_path`] decides.
fn of_v0(symbol: &str) -> Option<&str> {
    let text = symbol.strip_prefix("_R").or_else(|| symbol.strip_prefix("__R"))?;
    let mut rest = text.trim_start_matches(|digit: char| digit.is_ascii_digit());
    for _ in 0..MOST_STEPS {
        let tag = *rest.as_bytes().first()?;
        rest = rest.get(1..)?;
        match tag {
            b'C' => return identifier(without_disambiguator(rest)?),
            // The namespace's letter, then the path that contains it.
            b'N' => rest = rest.get(1..)?,
            b'I' => {}
            b'M' | b'X' => rest = without_disambiguator(rest)?,
            b'B' => {
                let (place, _) = base_62(rest)?;
                // References lead back only.
                let here = text.len() - rest.len();
                rest = text.get(place..).filter(|_| place < here)?;
            }
            _ => return None,
        }
    }
    None
}

/// `s_`, `s12ab_`: the number that tells paths apart.
fn without_disambiguator(text: &str) -> Option<&str> {
    match text.strip_prefix('s') {
        Some(rest) => rest.split_once('_').map(|(_, rest)| rest),
        None => Some(text),
    }
}

/// `5tokio`. A name in Punycode is not needed: it is not that of a known crate.
fn identifier(text: &str) -> Option<&str> {
    let text = text.strip_prefix('u').unwrap_or(text);
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let length: usize = text.get(..digits)?.parse().ok()?;
    let name = text.get(digits..)?;
    name.strip_prefix('_').unwrap_or(name).get(..length)
}

/// `_` is 0, `0_` is 1.
fn base_62(text: &str) -> Option<(usize, &str)> {
    let (digits, rest) = text.split_once('_')?;
    if digits.is_empty() {
        return Some((0, rest));
    }
    let value = digits.bytes().try_fold(0usize, |value, digit| {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'z' => digit - b'a' + 10,
            b'A'..=b'Z' => digit - b'A' + 36,
            _ => return None,
        };
        value.checked_mul(62)?.checked_add(usize::from(digit))
    })?;
    Some((value.checked_add(1)?, rest))
}

/// The crate of a readable name: `tokio::park::x`, `<shop::Cart as core::fmt::Debug>::fmt`. Only the crate of the type
/// or that of the trait can have the implementation: std's types with another crate's trait are of that crate.
fn of_path(name: &str) -> Option<&str> {
    let Some(inside) = name.strip_prefix('<') else { return first_part(name) };
    let (of_type, of_trait) = type_and_trait(inside);
    let of_type = of_inner_type(of_type);
    let of_trait = of_trait.and_then(first_part);
    match (of_type, of_trait) {
        (Some(of_type), Some(of_trait)) if is_std(of_type) && !is_std(of_trait) => Some(of_trait),
        (Some(of_type), _) => Some(of_type),
        // A type parameter, or a type like `str`: without a trait it is core's.
        (None, of_trait) => of_trait.or(Some("core")),
    }
}

/// Splits `A<B as C> as D<E>>::f` into `A<B as C>` and `D<E>`.
fn type_and_trait(text: &str) -> (&str, Option<&str>) {
    let mut depth = 0usize;
    let bytes = text.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'<' | b'(' | b'[' | b'{' => depth += 1,
            // `->` of a function's type.
            b'>' if at > 0 && bytes[at - 1] == b'-' => {}
            b'>' if depth == 0 => return (&text[..at], None),
            b'>' | b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            b' ' if depth == 0 && text[at..].starts_with(" as ") => {
                return (&text[..at], Some(&text[at + 4..]));
            }
            _ => {}
        }
    }
    (text, None)
}

/// The crate of a type, through references, pointers, slices, tuples and `dyn`.
fn of_inner_type(mut name: &str) -> Option<&str> {
    loop {
        let before = name;
        name = name.trim_start_matches(['&', '*', '[', '(', ' ']);
        for word in ["mut ", "const ", "dyn ", "impl "] {
            name = name.strip_prefix(word).unwrap_or(name);
        }
        if let Some(lifetime) = name.strip_prefix('\'') {
            name = lifetime.split_once(' ')?.1;
        }
        if name == before {
            break;
        }
    }
    match name.strip_prefix('<') {
        Some(inside) => of_inner_type(type_and_trait(inside).0),
        None => first_part(name),
    }
}

/// The first part of a path with at least two parts.
fn first_part(path: &str) -> Option<&str> {
    let end = path.find(|character: char| !character.is_alphanumeric() && character != '_')?;
    let (name, rest) = path.split_at(end);
    (!name.is_empty() && rest.starts_with("::")).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readable_names_have_the_crate_of_the_implementation() {
        for (name, expected) in [
            ("tokio::runtime::park::Inner::park", Some("tokio")),
            ("shop::main::{{closure}}", Some("shop")),
            ("<shop::Cart as core::fmt::Debug>::fmt", Some("shop")),
            ("<&mut shop::Cart as core::fmt::Debug>::fmt", Some("shop")),
            ("<core::pin::Pin<P> as core::future::future::Future>::poll", Some("core")),
            ("<alloc::vec::Vec<T> as shop::Extension>::more", Some("shop")),
            ("<alloc::boxed::Box<dyn shop::Handler<Out = ()>> as shop::Handler>::call", Some("shop")),
            ("<F as tokio::task::Runs>::run", Some("tokio")),
            ("<<A as shop::B>::C as D>::e", None),
            ("<str>::len", Some("core")),
            ("<[T] as shop::Sort>::sort", Some("shop")),
            ("<fn(u8) -> u8 as core::ops::function::FnOnce<(u8,)>>::call_once", Some("core")),
            ("<(shop::A, shop::B) as core::clone::Clone>::clone", Some("shop")),
            ("main", None),
            ("with_capacity_in<u8, alloc::alloc::Global>", None),
            ("{{closure}}", None),
            ("std::io::Error", Some("std")),
        ] {
            let found = crate_of(name, None);
            match expected {
                Some(expected) => assert_eq!(found, Some(expected), "{name}"),
                // Only that nothing breaks.
                None => assert!(found.is_none_or(|found| !found.is_empty()), "{name}"),
            }
        }
        assert_eq!(of_path("main"), None);
    }

    #[test]
    fn names_in_v0_state_the_crate_of_the_impl_block() {
        for (symbol, expected) in [
            ("_RNvNtCs1234_7mycrate3foo3bar", Some("mycrate")),
            ("_RINvNtCsabc_4core3mem4dropNtNtCs1_5alloc6string6StringECs2_4shop", Some("core")),
            // `impl Extension for Vec<u8>` in shop.
            ("_RNvXs_Cs2_4shopINtNtCs1_5alloc3vec3VechENtB4_9Extension4more", Some("shop")),
            ("_RNCNvCs2_4shop4main0", Some("shop")),
            ("_ZN4shop4main17h0123456789abcdefE", None),
            ("_RNvB_3foo", None),
            ("_R", None),
            ("_RNvCs1234_99short", None),
        ] {
            assert_eq!(of_v0(symbol), expected, "{symbol}");
        }
        assert_eq!(
            crate_of("<alloc::vec::Vec<u8> as shop::Extension>::more", Some("_RNvXs_Cs2_5other")),
            Some("other")
        );
    }
}

//! The type that an async method belongs to. Debug information puts methods into a namespace `{impl#10}`, which
//! does not mean anything to a reader; the mangled name of any function in it has the type's name.

use crate::types::text::{self, LONGEST_PATH};

/// The type of the impl block of a mangled function: `Mutex` for
/// `tokio::sync::mutex::Mutex<T>::lock::{{closure}}`. `namespace` is the namespace of the block:
/// `tokio::sync::mutex`.
pub(super) fn of_function(mangled: &str, namespace: &str) -> Option<String> {
    of_path(&text::demangle(mangled)?.0, namespace)
}

fn of_path(path: &str, namespace: &str) -> Option<String> {
    // `<Self as Trait>::method`, in v0 also `<Type>::method`.
    let block = match path.strip_prefix('<') {
        Some(rest) => bracketed(rest)?,
        None => {
            let rest = path.strip_prefix(namespace)?.strip_prefix("::")?;
            // `<impl Type>::method` and `<impl Trait for Type>::method`, for a type of another module.
            let Some(rest) = rest.strip_prefix('<') else { return named(component(rest)) };
            bracketed(rest)?
        }
    };
    let inner = block.strip_prefix("impl ").unwrap_or(block);
    if let Some((_, of)) = outside_brackets(inner, " for ") {
        return named(of);
    }
    match outside_brackets(inner, " as ") {
        // A type parameter is not a name: `<F as Handler>`.
        Some((of, implemented)) if !of.contains("::") => {
            Some(format!("<{} as {}>", named(of)?, named(implemented)?))
        }
        Some((of, _)) => named(of),
        None => named(inner),
    }
}

/// The last component of a path, without its parameters.
fn named(path: &str) -> Option<String> {
    let path = path.trim_start_matches(['&', '*']).trim_start_matches("mut ").trim_start_matches("const ");
    let path = component_end(path).map_or(path, |end| &path[..end]);
    let name = path.rsplit("::").next().unwrap_or(path);
    let is_name = |character: char| character.is_alphanumeric() || character == '_';
    (!name.is_empty() && name.chars().all(is_name)).then(|| text::cut(name, LONGEST_PATH).into_owned())
}

/// Start of a path's parameters, or end of the path.
fn component_end(path: &str) -> Option<usize> {
    path.find(|character: char| !(character.is_alphanumeric() || character == '_' || character == ':'))
}

/// `Mutex<T>` for `Mutex<T>::lock`.
fn component(path: &str) -> &str {
    outside_brackets(path, "::").map_or(path, |(first, _)| first)
}

/// The text up to the bracket that closes an opened one.
fn bracketed(text: &str) -> Option<&str> {
    at_depth(text, |rest, depth| depth == 0 && rest.starts_with('>')).map(|at| &text[..at])
}

fn outside_brackets<'a>(text: &'a str, separator: &str) -> Option<(&'a str, &'a str)> {
    let at = at_depth(text, |rest, depth| depth == 0 && rest.starts_with(separator))?;
    Some((&text[..at], &text[at + separator.len()..]))
}

/// The first position where `is_it` holds, given the text from there on and the number of open brackets.
fn at_depth(text: &str, is_it: impl Fn(&str, usize) -> bool) -> Option<usize> {
    let mut depth = 0usize;
    let mut before = '\0';
    for (at, character) in text.char_indices() {
        // The `>` of the arrow in `fn() -> u8` does not close a bracket.
        let is_arrow = character == '>' && before == '-';
        if !is_arrow && is_it(&text[at..], depth) {
            return Some(at);
        }
        match character {
            '<' | '(' | '[' => depth += 1,
            '>' if is_arrow => {}
            '>' | ')' | ']' => depth = depth.checked_sub(1)?,
            _ => {}
        }
        before = character;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_type_of_an_impl_block() {
        let of = |path, namespace| of_path(path, namespace).unwrap_or_default();
        assert_eq!(of("tokio::sync::mutex::Mutex<T>::lock::{{closure}}", "tokio::sync::mutex"), "Mutex");
        assert_eq!(of("<demo::app::A as demo::app::Svc>::call::{{closure}}", "demo::app"), "A");
        assert_eq!(of("<F as axum::handler::Handler<(M,T1),S>>::call", "axum::handler"), "<F as Handler>");
        assert_eq!(of("shop::extra::<impl shop::base::Stock<fn() -> u8>>::get", "shop::extra"), "Stock");
        assert_eq!(of("shop::<impl shop::Svc for shop::base::Stock<T>>::get", "shop"), "Stock");
        assert_eq!(of("<shop::base::Stock<u8>>::reserve::{closure#0}", "shop::base"), "Stock");
        assert_eq!(of("<&mut shop::base::Stock as shop::Svc>::call", "shop"), "Stock");
        for nothing in ["", "<", "<>", "<a", "shop", "shop::", "shop::<>", "<[u8] as shop::Svc>::call"] {
            assert_eq!(of(nothing, "shop"), "", "{nothing}");
        }
    }

    #[test]
    fn a_mangled_name() {
        let lock =
            "_ZN5tokio4sync5mutex14Mutex$LT$T$GT$4lock28_$u7b$$u7b$closure$u7d$$u7d$17h0123456789abcdefE";
        assert_eq!(of_function(lock, "tokio::sync::mutex").as_deref(), Some("Mutex"));
        assert_eq!(of_function("main", ""), None);
    }

    #[test]
    fn long_names_are_cut() {
        let long = format!("_RNvNtC1a{}{}1f", 50_000, "x".repeat(50_000));
        let named = of_function(&long, "a").unwrap_or_default();
        assert!(named.len() <= LONGEST_PATH && named.ends_with('…'), "{}", named.len());
        let named = of_path(&format!("<a::{0} as b::{0}>::call", "x".repeat(50_000)), "").unwrap_or_default();
        assert!(named.len() <= LONGEST_PATH && named.ends_with('…'), "{}", named.len());
        let named = of_path(&format!("<{0} as b::{0}>::call", "x".repeat(50_000)), "").unwrap_or_default();
        assert!(named.len() <= 2 * LONGEST_PATH + 6, "{}", named.len());
    }
}

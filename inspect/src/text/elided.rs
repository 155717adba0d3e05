//! Long names of functions on the screen: generic arguments that are nested deeper than fits become `…`, so that the
//! path and the last part stay. JSON and files have the whole name.

use std::borrow::Cow;

use super::printable::escape;

/// Characters of a name that are shown whole. Longer names are of iterators and futures inside each other.
const WHOLE: usize = 240;

/// Deepest nesting of generic arguments that is tried first.
const DEEPEST: usize = 5;

/// A name from a program as it is shown: safe on a terminal, and elided if it is long.
pub fn shown_name(name: &str) -> String {
    // Escaped first, which makes it longer.
    elided_to(&escape(name), WHOLE).into_owned()
}

/// A name of at most this many characters: with as many levels of generic arguments as fit, or without its middle.
pub fn elided_to(name: &str, most: usize) -> Cow<'_, str> {
    // The number of bytes is never smaller than that of characters.
    if name.len() <= most || name.chars().count() <= most {
        return Cow::Borrowed(name);
    }
    let levels = (0..=DEEPEST).rev().filter_map(|depth| to_depth(name, depth));
    let shortest = levels.map(|shown| (shown.chars().count(), shown)).find(|(length, _)| *length <= most);
    Cow::Owned(shortest.map_or_else(
        || without_middle(&to_depth(name, 0).unwrap_or_else(|| name.to_owned()), most),
        |(_, shown)| shown,
    ))
}

/// The name with `<…>` for all generic arguments: one text for a function and all types that it is made for.
pub(crate) fn without_arguments(name: &str) -> Cow<'_, str> {
    match name.contains('<') {
        true => to_depth(name, 0).map_or(Cow::Borrowed(name), Cow::Owned),
        false => Cow::Borrowed(name),
    }
}

/// The name with `<…>` for generic arguments inside more than `depth` others; `None` if its brackets do not match.
fn to_depth(name: &str, depth: usize) -> Option<String> {
    let mut shown = String::new();
    // Open brackets, and whether each begins generic arguments: `<A as B>` at the start of a path does not.
    let mut open: Vec<bool> = Vec::new();
    let (mut generics, mut left_out) = (0, None);
    let mut before = ' ';
    for character in name.chars() {
        match character {
            '<' => {
                let is_generic = before.is_alphanumeric() || matches!(before, '_' | ':' | '}' | '>');
                open.push(is_generic);
                generics += usize::from(is_generic);
                let is_deep = generics > depth || open.len() - generics > depth + 1;
                if left_out.is_none() && is_deep {
                    left_out = Some(open.len());
                    shown.push_str("<…>");
                }
            }
            '>' if before != '-' => {
                let was_left_out = left_out == Some(open.len());
                generics -= usize::from(open.pop()?);
                if was_left_out {
                    left_out = None;
                } else if left_out.is_none() {
                    shown.push('>');
                }
                before = character;
                continue;
            }
            _ => {}
        }
        if left_out.is_none() {
            shown.push(character);
        }
        before = character;
    }
    open.is_empty().then_some(shown)
}

/// The start and the end, which has the last part of the path.
fn without_middle(name: &str, most: usize) -> String {
    let length = name.chars().count();
    if length <= most {
        return name.to_owned();
    }
    let tail = most / 3;
    let head: String = name.chars().take(most - tail - 1).collect();
    let tail: String = name.chars().skip(length - tail).collect();
    format!("{head}…{tail}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn elided(name: &str) -> Cow<'_, str> {
        elided_to(name, WHOLE)
    }

    #[test]
    fn a_name_of_control_characters_is_not_longer_when_it_is_safe() {
        let name = shown_name(&"\u{202e}\u{1b}".repeat(1000));
        assert!(name.chars().count() <= WHOLE && !name.contains(['\u{202e}', '\u{1b}']), "{name}");
        assert_eq!(shown_name("shop::reserve"), "shop::reserve");
    }

    #[test]
    fn names_that_fit_are_whole() {
        let name =
            "<alloc::vec::Vec<T> as core::iter::traits::collect::Extend<T>>::extend::<core::iter::Map<I, F>>";
        assert!(matches!(elided(name), Cow::Borrowed(whole) if whole == name));
    }

    #[test]
    fn the_path_and_the_last_part_stay() {
        let mut inner = "u8".to_owned();
        for _ in 0..40 {
            inner = format!("core::iter::adapters::map::Map<{inner}, fn(u8) -> u8>");
        }
        let name = format!(
            "<{inner} as core::iter::Iterator>::try_fold::<u64, {inner}, {{closure#0}}>::{{closure#1}}"
        );
        let shown = elided(&name);
        assert!(shown.chars().count() <= WHOLE, "{shown}");
        assert_eq!(
            shown,
            "<core::iter::adapters::map::Map<core::iter::adapters::map::Map<…>, fn(u8) -> u8> as core::iter::Iterator>\
             ::try_fold::<u64, core::iter::adapters::map::Map<…>, {closure#0}>::{closure#1}"
        );
    }

    #[test]
    fn names_of_any_shape_fit() {
        let tuple = format!("a::b<({})>::last", "core::option::Option<u8>, ".repeat(1000));
        let deep = format!("{}x{}::end", "<".repeat(9000), ">".repeat(9000));
        let broken = format!("a::{}::end", "b<".repeat(2000));
        let crab = format!("{}::end", "🦀".repeat(3000));
        let closed = format!("a{}::end", ">".repeat(3000));
        for name in [&tuple, &deep, &broken, &crab, &closed] {
            let shown = elided(name);
            assert!(
                shown.chars().count() <= WHOLE && (shown.ends_with("::end") || shown == "a::b<…>::last"),
                "{shown}"
            );
        }
    }
}

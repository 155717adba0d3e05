//! Long names of functions on the screen: generic arguments that are nested deeper than fits become `…`, so that the
//! path and the last part stay. JSON and files have the whole name.

use std::borrow::Cow;

/// Characters of a name that are shown whole. Longer names are of iterators and futures inside each other.
const WHOLE: usize = 240;

/// Deepest nesting of generic arguments that is tried first.
const DEEPEST: usize = 5;

/// A name that fits on a screen: with as many levels of generic arguments as fit, or without its middle.
pub fn elided(name: &str) -> Cow<'_, str> {
    // The number of bytes is never smaller than that of characters.
    if name.len() <= WHOLE || name.chars().count() <= WHOLE {
        return Cow::Borrowed(name);
    }
    let levels = (0..=DEEPEST).rev().filter_map(|depth| to_depth(name, depth));
    let shortest = levels.map(|shown| (shown.chars().count(), shown)).find(|(length, _)| *length <= WHOLE);
    Cow::Owned(shortest.map_or_else(
        || without_middle(&to_depth(name, 0).unwrap_or_else(|| name.to_owned())),
        |(_, shown)| shown,
    ))
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
fn without_middle(name: &str) -> String {
    let length = name.chars().count();
    if length <= WHOLE {
        return name.to_owned();
    }
    let tail = WHOLE / 3;
    let head: String = name.chars().take(WHOLE - tail - 1).collect();
    let tail: String = name.chars().skip(length - tail).collect();
    format!("{head}…{tail}")
}

#[cfg(test)]
mod tests {
    use super::*;

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

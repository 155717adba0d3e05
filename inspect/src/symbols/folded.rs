//! Functions with the same code, of which the compiler or the linker keeps one: which of them was called.
//!
//! Nothing in the program tells. But `UnixDatagram::recv` and `TcpStream::read` have different types: if the caller's
//! name has the type, or the crate, of one of them only, it is that one. The debug information of the code is that of
//! the function that was kept.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::frame::{Frame, Origin};

/// Chooses the name of a function by its caller.
pub(super) fn choose(called: &mut Frame, caller: &Frame) {
    let (Some(kept), Some(caller)) = (&called.function, &caller.function) else { return };
    if called.aliases.is_empty() {
        return;
    }
    let names: Vec<&Arc<str>> = std::iter::once(kept).chain(called.aliases.iter()).collect();
    let Some(at) = named_by(&names, caller) else { return };
    called.is_told_by_caller = true;
    if at == 0 {
        return;
    }
    let (chosen, others) = (names[at].clone(), names.iter().enumerate().filter(|(other, _)| *other != at));
    called.aliases = others.map(|(_, name)| (*name).clone()).collect();
    called.function = Some(chosen);
    // These are of the other function.
    (called.mangled, called.file, called.line, called.column) = (None, None, None, None);
    called.origin = Some(Origin::decide(called));
}

/// The only name with most of the types and crates in the caller's name that tell the names apart.
fn named_by(names: &[&Arc<str>], caller: &str) -> Option<usize> {
    let caller = words(caller);
    let words: Vec<BTreeSet<&str>> = names.iter().map(|name| words(name)).collect();
    let is_common = |word: &&str| words.iter().all(|words| words.contains(word));
    let shared = |words: &BTreeSet<&str>| {
        words.iter().filter(|word| caller.contains(**word) && !is_common(word)).count()
    };
    let counts: Vec<usize> = words.iter().map(shared).collect();
    let most = *counts.iter().max()?;
    let mut best = counts.iter().enumerate().filter(|(_, count)| **count == most && most > 0);
    let (at, _) = best.next()?;
    best.next().is_none().then_some(at)
}

/// The types and the crates in a name: words that begin with a capital letter, and first parts of paths. Neither
/// std's crates nor the parameters of generic types, which many names have.
fn words(name: &str) -> BTreeSet<&str> {
    let mut words = BTreeSet::new();
    let mut begin = 0;
    while let Some(found) = name[begin..].find(is_of_word) {
        let start = begin + found;
        let rest = &name[start..];
        let end = rest.find(|character| !is_of_word(character)).unwrap_or(rest.len());
        let word = &rest[..end];
        let is_type = word.starts_with(char::is_uppercase) && word.chars().count() > 1;
        let is_crate = rest[end..].starts_with("::") && !name[..start].ends_with("::");
        if is_type || (is_crate && !["std", "core", "alloc"].contains(&word)) {
            words.insert(word);
        }
        begin = start + end;
    }
    words
}

fn is_of_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(names: &[&str], caller: &str) -> Frame {
        let mut called = Frame::named(names[0]);
        called.aliases = names[1..].iter().map(|name| Arc::from(*name)).collect();
        (called.file, called.line) = (Some("kept.rs".into()), Some(7));
        choose(&mut called, &Frame::named(caller));
        called
    }

    const READS: [&str; 3] = [
        "std::os::unix::net::datagram::UnixDatagram::recv",
        "std::net::tcp::TcpStream::read",
        "<std::fs::File as std::io::Read>::read",
    ];

    #[test]
    fn the_function_with_the_type_that_the_caller_names_was_called() {
        let read = chosen(&READS, "<&mio::net::tcp::stream::TcpStream as std::io::Read>::read");
        // The trait is also that of File, and the type tells more only together: nobody knows.
        assert!(!read.is_told_by_caller, "{read:?}");
        let read = chosen(&READS, "<mio::net::tcp::stream::TcpStream>::try_io::<std::io::Bytes>");
        assert_eq!((&*read.name(), read.is_told_by_caller), (READS[1], true));
        assert_eq!(read.aliases.iter().map(|name| &**name).collect::<Vec<_>>(), [READS[0], READS[2]]);
        assert_eq!((read.file, read.line), (None, None), "they are of UnixDatagram::recv");
        let kept = chosen(&READS, "app::UnixDatagram::next");
        assert_eq!((&*kept.name(), kept.is_told_by_caller, kept.line), (READS[0], true, Some(7)));
    }

    #[test]
    fn the_crate_of_the_caller_tells_too() {
        let names = ["one::Reader::next", "other::Reader::next"];
        assert_eq!(chosen(&names, "other::serve").name(), "other::Reader::next");
        assert!(!chosen(&names, "third::Reader::serve").is_told_by_caller);
        assert!(!chosen(&names, "core::ops::function::FnOnce::call_once").is_told_by_caller);
    }
}

//! Names of real programs, and profiles before and after.

use super::*;
use crate::profile::{Function, FunctionId, Line, Location, LocationId, Profile, ValueType};
use crate::settings::Settings;
use crate::stop::Stop;

#[test]
fn names_have_the_form_of_source_code() {
    for (name, folded, full) in [
        ("shop::load::start::h0123456789abcdef", "shop::load::start", "shop::load::start"),
        ("shop[8ee3c0b7c0ea2cd1]::load::start", "shop::load::start", "shop::load::start"),
        ("shop::load::start::{{closure}}", "shop::load::start::{closure}", "shop::load::start::{closure}"),
        ("shop::start::{closure#1}::{closure#0}", "shop::start::{closure#1}::{closure}", ""),
        (
            "shop::load::answer::{async_fn_env#0}<u64>",
            "shop::load::answer::{async fn}",
            "shop::load::answer::{async fn}<u64>",
        ),
        ("shop::main::{async_block_env#2}", "shop::main::{async block#2}", ""),
        ("shop::cart::{impl#3}::add<u8>", "shop::cart::add<_>", "shop::cart::add<u8>"),
        ("{impl#3}::add", "add", "add"),
        ("<shop::Cart as core::fmt::Display>::fmt", "shop::Cart::fmt", "shop::Cart::fmt"),
        (
            "<alloc::vec::Vec<T,A> as core::ops::index::Index<I>>::index",
            "alloc::vec::Vec<_>::index",
            "alloc::vec::Vec<T,A>::index",
        ),
        ("<alloc::vec::Vec<u8>>::push", "alloc::vec::Vec<_>::push", "alloc::vec::Vec<u8>::push"),
        (
            "<T as core::convert::Into<U>>::into",
            "core::convert::Into<_>::into",
            "core::convert::Into<U>::into",
        ),
        ("<&T as core::fmt::Debug>::fmt", "<&T as Debug>::fmt", "<&T as Debug>::fmt"),
        (
            "<&mut shop::A<u8> as core::fmt::Debug>::fmt",
            "<&mut shop::A<_> as Debug>::fmt",
            "<&mut shop::A<u8> as Debug>::fmt",
        ),
        ("<<shop::A<u8> as b::B>::C as d::D>::f", "shop::A<_>::C::f", "shop::A<u8>::C::f"),
        ("core::str::<impl str>::len", "str::len", "str::len"),
        ("alloc::slice::<impl [T]>::to_vec", "<[_]>::to_vec", "<[T]>::to_vec"),
        ("<[u8; 4]>::map::<u8, shop::f>", "<[_; _]>::map<_>", "<[u8; 4]>::map<u8, shop::f>"),
        (
            "core::iter::traits::<impl core::iter::Iterator for shop::A>::next",
            "shop::A::next",
            "shop::A::next",
        ),
        (
            "core::ptr::drop_in_place::<shop::Cart>",
            "core::ptr::drop_in_place<_>",
            "core::ptr::drop_in_place<shop::Cart>",
        ),
        ("f::<fn(a::B) -> c::D>::g", "f<_>::g", "f<fn(a::B) -> c::D>::g"),
        (
            "core::ops::function::FnOnce::call_once{{vtable.shim}}",
            "core::ops::function::FnOnce::call_once",
            "",
        ),
        ("<shop::A as b::B>::f::{shim:vtable#0}", "shop::A::f", ""),
        (
            "<dyn shop::Price as shop::Total<u8>>::total",
            "<dyn shop::Price as Total<_>>::total",
            "<dyn shop::Price as Total<u8>>::total",
        ),
        (
            "_$LT$alloc..vec..Vec$LT$T$GT$$u20$as$u20$core..ops..drop..Drop$GT$::drop",
            "alloc::vec::Vec<_>::drop",
            "alloc::vec::Vec<T>::drop",
        ),
        ("_ZN4shop4load5start17h0123456789abcdefE", "shop::load::start", "shop::load::start"),
        ("_RNvCs1234_7mycrate3foo", "mycrate::foo", "mycrate::foo"),
        ("shop::load.llvm.1234567", "shop::load", "shop::load"),
        // Not Rust's.
        (
            "std::vector<int, std::allocator<int> >::push_back(int&&)",
            "std::vector<int, std::allocator<int> >::push_back(int&&)",
            "",
        ),
        ("main.(*Server).Serve", "main.(*Server).Serve", ""),
        ("runtime.mallocgc", "runtime.mallocgc", ""),
        ("operator<<", "operator<<", ""),
        ("a<b", "a<b", "a<b"),
        ("a>b", "a>b", "a>b"),
        ("{", "{", "{"),
        ("", "", ""),
    ] {
        assert_eq!(short(name, false), folded, "{name}");
        if !full.is_empty() {
            assert_eq!(short(name, true), full, "{name}");
        }
        assert_eq!(short(folded, false), folded, "twice: {name}");
    }
}

/// A sequence of numbers that look random.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) as usize % end
    }
}

#[test]
fn any_text_is_a_name() {
    const PIECES: [&str; 28] = [
        "<",
        ">",
        "::",
        "{",
        "}",
        "[",
        "]",
        "(",
        ")",
        " as ",
        " for ",
        "impl ",
        "a",
        "T",
        "&",
        "->",
        "{{",
        "}}",
        "#0",
        "closure",
        "$LT$",
        "$u20$",
        "..",
        "h0123456789abcdef",
        "é",
        "_ZN",
        ";",
        "[0f]",
    ];
    let mut numbers = Numbers(7);
    for _ in 0..50_000 {
        let length = numbers.below(14);
        let name: String = (0..length).map(|_| PIECES[numbers.below(PIECES.len())]).collect();
        for generics in [false, true] {
            let _ = short(&name, generics);
        }
    }
    for deep in ["<", "{", "a<", "<a as ", "::<impl ", "[", "{{"] {
        let _ = short(&deep.repeat(8000), false);
    }
    let nested = format!("{}T{}::f", "<".repeat(16000), " as B>".repeat(8000));
    assert!(short(&nested, false).len() <= nested.len());
}

/// Locations of frames (name, file), and a value.
type Sample<'a> = (&'a [&'a [(&'a str, &'a str)]], i64);

/// A profile of stacks of (name, file) frames, leaf first; frames in one inner list are inlined into its last.
fn profile(stacks: &[Sample<'_>]) -> Profile {
    let mut profile = Profile::default();
    profile.sample_types.push(ValueType::default());
    for (frames, value) in stacks {
        let mut stack = Vec::new();
        for lines in *frames {
            let lines = lines.iter().map(|(name, file)| {
                let (name, file) = (profile.texts.intern(name), profile.texts.intern(file));
                let function = Function { name, file, ..Function::default() };
                let at = profile.functions.iter().position(|known| *known == function).unwrap_or_else(|| {
                    profile.functions.push(function);
                    profile.functions.len() - 1
                });
                Line { function: FunctionId(at as u32), line: 1, column: 0 }
            });
            let location = Location { lines: lines.collect(), ..Location::default() };
            let at = profile.locations.iter().position(|known| *known == location).unwrap_or_else(|| {
                profile.locations.push(location);
                profile.locations.len() - 1
            });
            stack.push(LocationId(at as u32));
        }
        let stack = profile.stacks.intern(&stack);
        let labels = profile.label_sets.intern(&[]);
        profile.samples.push(stack, labels, &[*value]);
    }
    profile
}

/// Stacks as text, leaf first: inlined frames with `|`, locations with `;`.
fn texts(profile: &Profile) -> Vec<String> {
    let location = |id: &LocationId| {
        let names = profile.location(*id).lines.iter();
        names.map(|line| profile.text(profile.function(line.function).name)).collect::<Vec<_>>().join("|")
    };
    (0..profile.samples.len())
        .map(|at| {
            let stack: Vec<String> = profile.stack(at).iter().map(location).collect();
            format!("{} {:?}", stack.join(";"), profile.values(at))
        })
        .collect()
}

fn with(settings: &[&str]) -> Settings {
    let mut of = Settings::default();
    for name in settings {
        assert_eq!(of.set(name, "true"), Ok(()));
    }
    of
}

const OWN: &str = "/home/me/shop/src/main.rs";
const CORE: &str = "/rustc/0123456789abcdef0123456789abcdef01234567/library/core/src/iter.rs";
const TOKIO: &str = "/r/.cargo/registry/src/index.crates.io-1/tokio-1.54.1/src/runtime/task/core.rs";

#[test]
fn frames_of_std_and_runtimes_are_folded_into_their_callers() {
    let before = profile(&[
        (
            &[
                &[("alloc::vec::Vec<T>::push", CORE), ("shop::add::{{closure}}", OWN)],
                &[("core::iter::Iterator::for_each", CORE)],
                &[("shop::add", OWN)],
                &[("core::ops::FnOnce::call_once", CORE), ("tokio::runtime::task::poll", TOKIO)],
                &[("start_thread", "")],
            ],
            5,
        ),
        (&[&[("epoll_wait", ""), ("mio::poll", "")], &[("tokio::runtime::park", TOKIO)]], 7),
        (&[&[("core::fmt::write", CORE), ("core::fmt::format", CORE)], &[("std::rt::lang_start", CORE)]], 11),
        (&[], 13),
    ]);
    let after = apply(&before, &with(&["rust"]), Stop::never()).expect("nothing stops it");
    let expected = ["shop::add::{closure};shop::add [5]", "epoll_wait;", "core::fmt::write [11]", " [13]"];
    let found = texts(&after);
    assert_eq!((&*found[0], &*found[2], &*found[3]), (expected[0], expected[2], expected[3]));
    assert_eq!(found[1], "epoll_wait [7]");
    assert_eq!(
        texts(&apply(&before, &Settings::default(), Stop::never()).expect("as above")),
        texts(&before)
    );
    assert!(apply(&before, &with(&["rust"]), Stop::when(&|| true)).is_err());
}

#[test]
fn monomorphizations_are_joined_or_apart() {
    let before = profile(&[
        (&[&[("shop::parse::<u8>", OWN)]], 1),
        (&[&[("shop::parse::<u16>", OWN)]], 2),
        (&[&[("shop::sum::h0123456789abcdef", OWN)]], 3),
        (&[&[("shop::sum::hfedcba9876543210", OWN)]], 4),
        (&[&[("shop::alone::<u8>::h0123456789abcdef", OWN)]], 5),
    ]);
    let names =
        |settings: &[&str]| texts(&apply(&before, &with(settings), Stop::never()).expect("nothing stops it"));
    assert_eq!(
        names(&["rust"]),
        ["shop::parse<_> [1]", "shop::parse<_> [2]", "shop::sum [3]", "shop::sum [4]", "shop::alone<_> [5]"]
    );
    assert_eq!(
        names(&["rust", "monomorphs"]),
        [
            "shop::parse<u8> [1]",
            "shop::parse<u16> [2]",
            "shop::sum [01234567] [3]",
            "shop::sum [fedcba98] [4]",
            "shop::alone<_> [5]"
        ]
    );
    assert_eq!(names(&["rust", "generics"])[4], "shop::alone<u8> [5]");
}

#[test]
fn a_profile_without_rust_is_the_same() {
    let before =
        profile(&[(&[&[("malloc", "")], &[("std::vector::push_back", "a.cc")], &[("start_thread", "")]], 1)]);
    assert_eq!(
        texts(&apply(&before, &with(&["rust"]), Stop::never()).expect("nothing stops it")),
        texts(&before)
    );
}

#[test]
fn totals_are_the_same_for_any_stacks() {
    const FRAMES: [(&str, &str); 8] = [
        ("shop::a", OWN),
        ("shop::b::{{closure}}", OWN),
        ("core::iter::Map<I,F>::next", CORE),
        ("tokio::park", TOKIO),
        ("start_thread", ""),
        ("regex::exec", ""),
        ("", ""),
        ("std::rt::lang_start", ""),
    ];
    let mut numbers = Numbers(1);
    for _ in 0..200 {
        let mut stacks = Vec::new();
        for _ in 0..numbers.below(12) {
            let locations: Vec<Vec<(&str, &str)>> = (0..numbers.below(6))
                .map(|_| (0..numbers.below(4)).map(|_| FRAMES[numbers.below(FRAMES.len())]).collect())
                .collect();
            stacks.push((locations, numbers.below(1000) as i64 - 300));
        }
        let lists: Vec<Vec<&[(&str, &str)]>> =
            stacks.iter().map(|(locations, _)| locations.iter().map(Vec::as_slice).collect()).collect();
        let stacks: Vec<Sample<'_>> =
            lists.iter().zip(&stacks).map(|(list, (_, value))| (list.as_slice(), *value)).collect();
        let before = profile(&stacks);
        let after = apply(&before, &with(&["rust"]), Stop::never()).expect("nothing stops it");
        assert_eq!(after.samples.values, before.samples.values);
        for at in 0..before.samples.len() {
            assert_eq!(after.stack(at).is_empty(), before.stack(at).is_empty());
            assert!(after.stack(at).len() <= before.stack(at).len());
        }
    }
}

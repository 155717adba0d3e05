//! The crate that the name of a Rust function names.

/// Crates of the standard library, and those that only it links under these names.
const STD: &[&str] = &[
    "std",
    "core",
    "alloc",
    "proc_macro",
    "test",
    "std_detect",
    "panic_unwind",
    "panic_abort",
    "compiler_builtins",
    "rustc_std_workspace_core",
    "rustc_std_workspace_alloc",
    "__rustc",
];

/// Crates that run other code: their frames are around a program's own.
const RUNTIME: &[&str] = &[
    "tokio",
    "mio",
    "async_std",
    "async_executor",
    "async_io",
    "async_task",
    "blocking",
    "smol",
    "polling",
    "futures_executor",
    "rayon_core",
    "crossbeam_deque",
    "glommio",
    "monoio",
    "embassy_executor",
    "jemalloc_sys",
    "tikv_jemalloc_sys",
    "tikv_jemallocator",
    "jemallocator",
    "mimalloc",
    "libmimalloc_sys",
    "snmalloc_rs",
];

/// Whether the crate belongs to the standard library.
pub(super) fn is_std(krate: &str) -> bool {
    STD.contains(&krate)
}

/// Whether the crate runs other code. `-` and `_` are one.
pub(super) fn is_runtime(krate: &str) -> bool {
    RUNTIME.iter().any(|runtime| {
        runtime.len() == krate.len()
            && runtime.bytes().zip(krate.bytes()).all(|(a, b)| a == b || (a == b'_' && b == b'-'))
    })
}

/// The crate of a function by its name: of `<A as B>::f` that of `A`, or of `B` if `A` has none. Empty if there is
/// none: a C function, a Go function.
pub(super) fn of_name(name: &str) -> &str {
    let mut rest = name;
    // `<<A as B>::C as D>::f`: what is inside first. Each turn makes `rest` shorter.
    while let Some(inner) = rest.strip_prefix('<') {
        rest = inner;
    }
    rest = of_type(rest);
    match first_of_path(rest) {
        "" => name.split_once(" as ").map_or("", |(_, of_trait)| first_of_path(of_type(of_trait))),
        krate => krate,
    }
}

/// Without what stands before the path of a type: `&mut `, `*const `, `[`, `(`, `dyn `, `impl `.
fn of_type(of: &str) -> &str {
    let mut rest = of;
    loop {
        let before = rest.len();
        rest = rest.trim_start_matches(['&', '[', '(', ' ']);
        for word in ["mut ", "*const ", "*mut ", "dyn ", "impl ", "for "] {
            rest = rest.strip_prefix(word).unwrap_or(rest);
        }
        if rest.len() == before {
            return rest;
        }
    }
}

/// `shop` of `shop::load`; empty if it is not a path of several parts.
fn first_of_path(path: &str) -> &str {
    let end = path.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(path.len());
    let (first, rest) = path.split_at(end);
    // `shop[8ee3c0b7c0ea2cd1]::load`: the disambiguator of a crate.
    let rest = match rest.strip_prefix('[') {
        Some(rest) => {
            rest.trim_start_matches(|c: char| c.is_ascii_hexdigit()).strip_prefix(']').unwrap_or("")
        }
        None => rest,
    };
    if rest.starts_with("::") { first } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_crate_of_a_name() {
        for (name, krate) in [
            ("shop::load::start", "shop"),
            ("shop[8ee3c0b7c0ea2cd1]::load", "shop"),
            ("<shop::Cart as core::fmt::Display>::fmt", "shop"),
            ("<&mut shop::Cart as core::fmt::Display>::fmt", "shop"),
            ("<&T as core::fmt::Display>::fmt", "core"),
            ("<F as tower::Service<R>>::call", "tower"),
            ("<<shop::A as b::B>::C as d::D>::f", "shop"),
            ("<alloc::vec::Vec<T>>::push", "alloc"),
            ("malloc", ""),
            ("main.(*Server).Serve", ""),
            ("", ""),
        ] {
            assert_eq!(of_name(name), krate, "{name}");
        }
        assert!(is_runtime("tikv-jemalloc-sys") && is_runtime("tokio") && !is_runtime("tokio-util"));
    }
}

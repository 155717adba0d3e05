//! Whose code a frame is: the program's own, a dependency's, the standard library's, … It decides the colour.

pub use crate::names::Class;

/// Whose code a function is, of which `class` is what its [`Origin`](crate::names::Origin) says. Named code that nothing
/// tells apart is the program's own.
pub(super) fn shown(class: Class, name: &str) -> Class {
    if class == Class::Unknown && !(name.is_empty() || name.starts_with("0x") || name.starts_with('[')) {
        return Class::Own;
    }
    class
}

/// The crate of a Rust path, the import path of a Go function, or the namespace of a C++ function; empty if there is
/// none. Of `<T as a::B>::f`, where `T` has no path, it is that of the trait.
pub fn package(name: &str) -> &str {
    if !name.contains("::") {
        let folder = name.rfind('/').map_or(0, |at| at + 1);
        let dot = name[folder..].find('.');
        return dot.map_or("", |dot| &name[..folder + dot]);
    }
    let first = first_crate(name);
    if !first.is_empty() {
        return first;
    }
    name.find(" as ").map_or("", |at| first_crate(&name[at + 4..]))
}

/// The first identifier, if `::` follows it.
fn first_crate(path: &str) -> &str {
    let mut rest = path;
    loop {
        let shorter = rest.trim_start_matches(['<', '&', '*', '(', '[', ' ', '{']);
        let shorter = ["mut ", "const ", "dyn ", "impl ", "fn("]
            .iter()
            .find_map(|word| shorter.strip_prefix(word))
            .unwrap_or(shorter);
        if shorter.len() == rest.len() {
            break;
        }
        rest = shorter;
    }
    let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
    if rest[end..].starts_with("::") { &rest[..end] } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::Origin;

    #[test]
    fn a_package_is_the_crate_of_a_rust_path_or_the_import_path_of_go() {
        for (name, expected) in [
            ("shop::checkout", "shop"),
            ("<alloc::vec::Vec<T> as core::iter::Iterator>::next", "alloc"),
            ("<&mut shop::Cart as core::fmt::Debug>::fmt", "shop"),
            ("<F as core::future::Future>::poll", "core"),
            ("<[u8; 4] as shop::Sum>::sum", "shop"),
            ("<dyn shop::Sum>::sum", "shop"),
            ("github.com/a/b.(*T).Run", "github.com/a/b"),
            ("main.main", "main"),
            ("memcpy", ""),
            ("", ""),
            ("::", ""),
            ("<<<", ""),
        ] {
            assert_eq!(package(name), expected, "{name}");
        }
    }

    #[test]
    fn a_frame_has_the_class_that_columns_of_functions_have() {
        let mut profile = crate::profile::sketch::sketch(&["regex::compile;regex::exec 1,1"]);
        let file = "/r/.cargo/registry/src/index.crates.io-1/regex-1.2.3/src/lib.rs";
        let file = profile.texts.intern(file);
        for function in &mut profile.functions {
            let is_exec = profile.texts.get(function.name) == "regex::exec";
            function.file = if is_exec { file } else { crate::profile::TextId::EMPTY };
        }
        let stacks =
            crate::flame::Stacks::new(&profile, |_| 1, crate::Stop::never()).expect("nothing stops it");
        let classes: Vec<Class> = stacks.frames().iter().map(|frame| frame.class).collect();
        assert_eq!(classes, [Class::Dependency; 2]);
    }

    #[test]
    fn the_class_is_by_name_file_and_object() {
        for (name, file, object, expected) in [
            ("shop::checkout", "/home/me/shop/src/lib.rs", "/bin/shop", Class::Own),
            ("serde::de::x", "/home/me/.cargo/registry/src/i/serde-1.0.1/src/de.rs", "", Class::Dependency),
            ("tokio::park", "/home/me/.cargo/registry/src/i/tokio-1.0.1/src/park.rs", "", Class::Runtime),
            ("core::hash::Hash", "/rustc/abc/library/core/src/hash.rs", "", Class::Std),
            ("__memcpy_avx", "", "/usr/lib/libc.so.6", Class::Std),
            ("deflate", "", "/usr/lib/libz.so.1", Class::Dependency),
            ("do_syscall_64", "", "[kernel.kallsyms]", Class::Kernel),
            ("main.work", "/src/main.go", "", Class::Own),
            ("runtime.mallocgc", "/go/src/runtime/malloc.go", "", Class::Runtime),
            ("net/http.Serve", "", "", Class::Std),
            ("github.com/a/b.C", "", "", Class::Dependency),
            ("", "", "/bin/shop", Class::Unknown),
        ] {
            assert_eq!(shown(Origin::of(name, file, object).class, name), expected, "{name}");
        }
    }
}

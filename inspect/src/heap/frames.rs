//! Which frames of an allocating stack are shown, and which of its lines is the program's own.
//!
//! Go's heap profile starts at the caller of the allocator: leading frames of `runtime`, such as `makeslice` and
//! `newobject`, are omitted (runtime/pprof, writeHeapProto), so that flat values belong to functions of the program.
//! Here, leading frames are omitted if they are functions of the allocator, private to std (`RawVec`), or only
//! create a new value (`vec![…]`, `Vec::with_capacity`, `Box::new`, `Arc::new`, `to_vec`). Functions that grow a
//! value are kept, because they are informative: `Vec::push`, `String::push_str`, `extend`, `collect`.

use crate::symbols::Frame;

/// Functions through which Rust calls the allocator, by their common path prefix.
const ALLOCATOR_PATHS: [&str; 7] = [
    "alloc::alloc::",
    "alloc::raw_vec::",
    "core::alloc::global::",
    // The location of the wrapper before rgops-capture.
    "rgops_agent::alloc::",
    "rgops_agent::engine::",
    "rgops_capture::",
    "__rustc::",
];

/// Symbols that rustc creates for the allocator, and those of jemalloc and the C library.
const ALLOCATOR_SYMBOLS: [&str; 20] = [
    "__rust_alloc",
    "__rust_alloc_zeroed",
    "__rust_realloc",
    "__rg_alloc",
    "__rg_alloc_zeroed",
    "__rg_realloc",
    "__rdl_alloc",
    "__rdl_alloc_zeroed",
    "__rdl_realloc",
    "malloc",
    "calloc",
    "realloc",
    "aligned_alloc",
    "posix_memalign",
    "mallocx",
    "rallocx",
    "exchange_malloc",
    "box_new",
    "imalloc",
    "prof_backtrace",
];

/// Prefixes of jemalloc's functions, which are on the stacks of its own profiler.
const JEMALLOC_PREFIXES: [&str; 6] = ["_rjem_", "je_", "prof_", "_rjem_je_", "do_rallocx", "imalloc_"];

/// Functions of std that only create a new value, by the last part of their name.
const CONSTRUCTORS: [&str; 20] = [
    "from_elem",
    "with_capacity",
    "with_capacity_in",
    "try_with_capacity_in",
    "with_capacity_zeroed_in",
    "new",
    "new_in",
    "new_uninit",
    "new_uninit_in",
    "try_new_uninit_in",
    "new_uninit_slice",
    "pin",
    "to_vec",
    "to_vec_in",
    "box_new",
    "box_new_uninit",
    "allocate_for_layout",
    "try_allocate_for_layout",
    "allocate_for_slice",
    "allocate_for_ptr",
];

/// Files of the allocator: inlined functions from them are omitted if their name has no path.
const ALLOCATOR_FILES: [&str; 6] = [
    "library/alloc/src/alloc.rs",
    "library/alloc/src/raw_vec.rs",
    "library/alloc/src/raw_vec/mod.rs",
    "library/core/src/alloc/global.rs",
    "agent/src/alloc.rs",
    "capture/src/alloc.rs",
];

/// Crates of allocators, by their folder names below that of the registry.
const ALLOCATOR_CRATES: [&str; 4] = ["/rgops-agent-", "/rgops-capture-", "/tikv-jemallocator-", "/mimalloc-"];

/// Whether a function belongs to the allocator, or to the functions of std that are omitted with it.
pub(crate) fn is_left_out(frame: &Frame) -> bool {
    let Some(name) = frame.function.as_deref() else { return false };
    is_allocator(name)
        || is_constructor(name)
        || short(name).is_some_and(|name| is_left_out_by_file(name, frame))
}

/// The name without its generic arguments, if it has no path: with `debug = "line-tables-only"`, inlined functions
/// only have such a name (`with_capacity_in<u8, alloc::alloc::Global>`).
fn short(name: &str) -> Option<&str> {
    let base = name.split('<').next().unwrap_or(name);
    (!base.is_empty() && !base.contains("::")).then_some(base)
}

fn is_left_out_by_file(short_name: &str, frame: &Frame) -> bool {
    let Some(file) = frame.file.as_deref() else { return false };
    ALLOCATOR_FILES.iter().any(|end| file.ends_with(end))
        || (file.contains("/registry/src/") && ALLOCATOR_CRATES.iter().any(|folder| file.contains(folder)))
        || (file.contains("library/alloc/src/") && CONSTRUCTORS.contains(&short_name))
}

fn is_constructor(name: &str) -> bool {
    let (implementer, method) = name.rsplit_once("::").unwrap_or(("", name));
    // `<alloc::vec::Vec<u8>>::with_capacity`, `<u8 as alloc::vec::spec_from_elem::SpecFromElem>::from_elem`.
    let path = implementer.trim_start_matches('<');
    let is_stds = path.starts_with("alloc::") || path.contains(" as alloc::");
    is_stds && CONSTRUCTORS.contains(&method)
}

fn is_allocator(name: &str) -> bool {
    if ALLOCATOR_SYMBOLS.contains(&name) || JEMALLOC_PREFIXES.iter().any(|prefix| name.starts_with(prefix)) {
        return true;
    }
    // `<alloc::alloc::Global as core::alloc::Allocator>::allocate`, `<T as GlobalAlloc>::alloc`.
    if let Some((implementer, method)) = name.strip_prefix('<').and_then(|name| name.rsplit_once(">::")) {
        let of_trait = implementer.rsplit_once(" as ").map_or("", |(_, of_trait)| of_trait);
        return of_trait.ends_with("alloc::Allocator")
            || of_trait.ends_with("GlobalAlloc")
            || (of_trait.is_empty() && is_allocator_path(implementer) && !method.is_empty());
    }
    is_allocator_path(name)
}

fn is_allocator_path(name: &str) -> bool {
    ALLOCATOR_PATHS.iter().any(|path| name.starts_with(path)) || name.starts_with("tikv_jemallocator::")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::symbols::own_frame;
    use std::sync::Arc;

    fn frame(function: &str, file: Option<&str>) -> Frame {
        Frame {
            function: Some(Arc::from(function)),
            file: file.map(Arc::from),
            line: file.map(|_| 7),
            ..Frame::unknown(0)
        }
    }

    #[test]
    fn frames_of_the_allocator_are_omitted_and_other_frames_stay() {
        for hidden in [
            "__rustc::__rust_alloc",
            "__rust_realloc",
            "alloc::alloc::alloc",
            "alloc::alloc::Global::alloc_impl",
            "<alloc::alloc::Global as core::alloc::Allocator>::allocate",
            "<rgops_agent::alloc::Sampling<std::alloc::System> as core::alloc::global::GlobalAlloc>::alloc",
            "<rgops_capture::alloc::Sampling<std::alloc::System> as core::alloc::global::GlobalAlloc>::alloc",
            "alloc::raw_vec::RawVecInner<alloc::alloc::Global>::finish_grow",
            "alloc::raw_vec::RawVec<T,A>::grow_one",
            "<alloc::raw_vec::RawVec<u8>>::grow_one",
            "alloc::alloc::exchange_malloc",
            "_rjem_malloc",
            "alloc::vec::Vec<T,A>::with_capacity_in",
            "<alloc::vec::Vec<u8>>::with_capacity",
            "alloc::vec::from_elem",
            "<u8 as alloc::vec::spec_from_elem::SpecFromElem>::from_elem",
            "alloc::boxed::Box<T>::new",
            "alloc::boxed::box_new_uninit",
            "alloc::slice::<impl [T]>::to_vec",
        ] {
            assert!(is_left_out(&frame(hidden, None)), "{hidden}");
        }
        for shown in [
            "alloc::vec::Vec<T,A>::push",
            "<alloc::vec::Vec<u8> as core::clone::Clone>::clone",
            "<alloc::vec::Vec<T> as core::iter::traits::collect::Extend<T>>::extend",
            "hashbrown::raw::RawTable<T,A>::new",
            "leaky::cache::Cache::insert",
            "my_alloc::alloc::arena",
        ] {
            assert!(!is_left_out(&frame(shown, None)), "{shown}");
        }
    }

    #[test]
    fn short_names_are_recognized_by_their_files() {
        let std = |file: &str| format!("/rustc/59807616/library/{file}");
        let registry = |file: &str| format!("/root/.cargo/registry/src/index.crates.io-1949/{file}");
        for (hidden, file) in [
            ("alloc<tikv_jemallocator::Jemalloc>", registry("rgops-agent-0.1.0/src/alloc.rs")),
            ("alloc<std::alloc::System>", "/work/rgops/agent/src/alloc.rs".to_owned()),
            ("alloc<tikv_jemallocator::Jemalloc>", registry("rgops-capture-0.1.0/src/alloc.rs")),
            ("alloc<std::alloc::System>", "/work/rgops/capture/src/alloc.rs".to_owned()),
            ("alloc", registry("tikv-jemallocator-0.7.0/src/lib.rs")),
            ("alloc_impl", std("alloc/src/alloc.rs")),
            ("try_allocate_in<alloc::alloc::Global>", std("alloc/src/raw_vec/mod.rs")),
            ("with_capacity_in<u8, alloc::alloc::Global>", std("alloc/src/vec/mod.rs")),
            ("from_elem<u8>", std("alloc/src/vec/mod.rs")),
        ] {
            assert!(is_left_out(&frame(hidden, Some(&file))), "{hidden} of {file}");
        }
        for (shown, file) in [
            ("alloc", "/work/shop/src/arena.rs".to_owned()),
            ("new", "/work/shop/src/cart.rs".to_owned()),
            ("push<u8, alloc::alloc::Global>", std("alloc/src/vec/mod.rs")),
            ("new", registry("hashbrown-0.16.0/src/raw.rs")),
        ] {
            assert!(!is_left_out(&frame(shown, Some(&file))), "{shown} of {file}");
        }
        assert!(!is_left_out(&frame("alloc_impl", None)));
    }

    #[test]
    fn the_programs_own_line_is_not_in_std_or_a_dependency() {
        let stack = [
            frame("alloc::vec::Vec<T,A>::push", Some("/rustc/0123/library/alloc/src/vec/mod.rs")),
            frame(
                "bytes::BytesMut::reserve",
                Some("/root/.cargo/registry/src/index/bytes-1.0/src/bytes_mut.rs"),
            ),
            frame("leaky::leak::remember", Some("examples/src/bin/leaky/leak.rs")),
            frame("leaky::main", Some("examples/src/bin/leaky/main.rs")),
        ];
        let own = own_frame(&stack).and_then(|frame| frame.function.as_deref());
        assert_eq!(own, Some("leaky::leak::remember"));
        let stripped =
            [frame("malloc", None), frame("<alloc::vec::Vec<T>>::push", None), frame("a::b", None)];
        assert_eq!(own_frame(&stripped).and_then(|frame| frame.function.as_deref()), Some("a::b"));
        assert!(own_frame(&stripped[..2]).is_none());
    }
}

//! The origin of a frame, from its source file, the crate in its name, and its module, in this order.

use super::crate_name::crate_of;
use super::crates::{is_dependency, is_runtime, is_std, runtime};
use super::source_path::SourcePath;
use crate::symbols::frame::{Frame, Origin, file_name};

impl Origin {
    /// The origin of a frame.
    pub fn of(frame: &Frame) -> Origin {
        frame.origin.unwrap_or_else(|| Origin::decide(frame))
    }

    pub(in crate::symbols) fn decide(frame: &Frame) -> Origin {
        // C++ has paths like those of Rust.
        if frame.is_named_cpp() {
            return Origin::Native;
        }
        let function = frame.function.as_deref();
        let by_name = function.and_then(|function| crate_of(function, frame.mangled.as_deref()));
        let by_file = frame.file.as_deref().map(SourcePath::of);
        match (by_file, by_name) {
            (Some(SourcePath::Native), _) => Origin::Native,
            // A macro of std or of a dependency in a function of another crate: the function decides.
            (Some(SourcePath::Std(rest) | SourcePath::Fetched { rest, .. }), Some(name))
                if is_of_macro(rest) && !is_std(name) =>
            {
                of_crate(name)
            }
            (Some(SourcePath::Std(_)), _) => Origin::Std,
            (Some(SourcePath::Fetched { package, .. }), _) => match is_runtime(&package.replace('-', "_")) {
                true => Origin::Runtime,
                false => Origin::Dependency,
            },
            // The source of a runtime may be a part of the workspace.
            (Some(SourcePath::Local), Some(name)) if is_std(name) || is_runtime(name) => of_crate(name),
            (Some(SourcePath::Local), _) => Origin::Own,
            (Some(SourcePath::Generated) | None, Some(name)) => of_crate(name),
            (Some(SourcePath::Generated), None) => Origin::Own,
            (None, None) => without_path(frame),
        }
    }

    /// The runtime that a frame belongs to, by its crate; `None` if it is not a runtime's.
    pub(crate) fn runtime_of(frame: &Frame) -> Option<&'static str> {
        let package = frame.file.as_deref().map(SourcePath::of).and_then(|path| match path {
            SourcePath::Fetched { package, .. } => runtime(&package.replace('-', "_")),
            _ => None,
        });
        let by_name = || runtime(crate_of(frame.function.as_deref()?, frame.mangled.as_deref())?);
        package.or_else(by_name)
    }

    /// Whether it is code of the program or of a crate it depends on, which does what the program wants: not the
    /// machinery that runs it.
    pub fn is_of_program(self) -> bool {
        matches!(self, Origin::Own | Origin::Dependency)
    }
}

/// The innermost frame of the program's own code, from the leaf.
pub fn own_frame<'f>(frames: impl IntoIterator<Item = &'f Frame>) -> Option<&'f Frame> {
    frames.into_iter().find(|frame| Origin::of(frame) == Origin::Own)
}

fn of_crate(name: &str) -> Origin {
    if is_std(name) {
        Origin::Std
    } else if is_runtime(name) {
        Origin::Runtime
    } else if is_dependency(name) {
        Origin::Dependency
    } else {
        Origin::Own
    }
}

/// `std/src/macros.rs`, `core/src/macros/mod.rs`, `tokio-1.54.1/src/macros/select.rs`.
fn is_of_macro(path: &str) -> bool {
    path.ends_with("/macros.rs") || path.contains("/macros/")
}

/// A C function, a shim of rustc, or an address.
fn without_path(frame: &Frame) -> Origin {
    match (&frame.function, &frame.module) {
        (Some(function), _) if function.starts_with("__rust_") || function.starts_with("__rdl_") => {
            Origin::Std
        }
        // Of no file: the program made it at run time. Profiles state no offset.
        (Some(function), None) if frame.function_offset.is_some() || function.starts_with("[jit 0x") => {
            Origin::Own
        }
        (Some(_), _) => Origin::Native,
        (None, Some(module)) if is_library(module) => Origin::Native,
        (None, _) => Origin::Unknown,
    }
}

/// `/usr/lib/libc.so.6`, `[vdso]`.
fn is_library(module: &str) -> bool {
    let name = file_name(module);
    name.ends_with(".so") || name.contains(".so.") || module.starts_with('[')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(function: &str, file: &str, module: &str) -> Origin {
        let some = |text: &str| (!text.is_empty()).then(|| text.into());
        Origin::of(&Frame {
            function: some(function),
            file: some(file),
            module: some(module),
            ..Frame::unknown(0)
        })
    }

    const REGISTRY: &str = "/root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f";

    #[test]
    fn the_source_file_decides() {
        let registry = |file: &str| format!("{REGISTRY}/{file}");
        let std = "/rustc/0123/library/std/src/sys/sync/mutex/futex.rs";
        assert_eq!(origin("lock", std, ""), Origin::Std);
        assert_eq!(origin("std::io::x", "/home/u/shop/src/main.rs", ""), Origin::Std);
        assert_eq!(origin("shop::main", "/home/u/shop/src/main.rs", ""), Origin::Own);
        assert_eq!(origin("{{closure}}", "crates/core/src/lib.rs", ""), Origin::Own);
        assert_eq!(origin("park", &registry("tokio-1.54.1/src/runtime/park.rs"), ""), Origin::Runtime);
        assert_eq!(origin("x", &registry("rayon-core-1.12.1/src/registry.rs"), ""), Origin::Runtime);
        assert_eq!(origin("x", &registry("hyper-1.2.3/src/lib.rs"), ""), Origin::Dependency);
        assert_eq!(origin("tokio::runtime::x", "/w/tokio/tokio/src/runtime/x.rs", ""), Origin::Runtime);
        assert_eq!(origin("start_thread", "./nptl/pthread_create.c", ""), Origin::Native);
        // A macro in a function of the program.
        let select = registry("tokio-1.54.1/src/macros/select.rs");
        assert_eq!(origin("shop::serve::{{closure}}", &select, ""), Origin::Own);
        assert_eq!(origin("tokio::runtime::x", &select, ""), Origin::Runtime);
    }

    #[test]
    fn cpp_is_native_although_its_names_have_paths() {
        let frame = |mangled: &str| Frame {
            function: Some("engine::Index::search".into()),
            mangled: Some(mangled.into()),
            ..Frame::unknown(0)
        };
        assert_eq!(Origin::of(&frame("_ZNK6engine5Index6searchEN4rust3StrE")), Origin::Native);
        assert_eq!(Origin::of(&frame("_ZN6engine5Index6search17hf70ae09c743e3a94E")), Origin::Own);
    }

    #[test]
    fn without_a_source_file_the_crate_decides_and_then_the_module() {
        for (function, expected) in [
            ("shop::main", Origin::Own),
            ("<shop::Cart as core::future::Future>::poll", Origin::Own),
            ("hyper::proto::h1::dispatch", Origin::Dependency),
            ("tracing_core::callsite::x", Origin::Dependency),
            ("rgops_agent::server::x", Origin::Dependency),
            ("tokio::runtime::park::Inner::park", Origin::Runtime),
            ("async_io::driver::block_on", Origin::Runtime),
            ("core::ops::function::FnOnce::call_once{{vtable.shim}}", Origin::Std),
            ("__rust_alloc", Origin::Std),
            ("__rustc::rust_begin_unwind", Origin::Std),
            ("pthread_mutex_lock", Origin::Native),
            ("main", Origin::Native),
            ("_ZNSt6vectorIiSaIiEE9push_backEOi", Origin::Native),
        ] {
            assert_eq!(origin(function, "", "/srv/shop"), expected, "{function}");
        }
        assert_eq!(origin("", "", "/usr/lib/libc.so.6"), Origin::Native);
        assert_eq!(origin("", "", "[vdso]"), Origin::Native);
        assert_eq!(origin("", "", "/srv/shop"), Origin::Unknown);
        assert_eq!(origin("", "", ""), Origin::Unknown);
    }
}

//! Code that is not Rust's: the kernel, the C library, allocators, shared libraries.

use super::class::Class;

/// Whether it is a function of the kernel: by the object file, or by the mark that perf's stacks have.
pub(super) fn is_kernel(name: &str, object: &str) -> bool {
    let file = file_name(object);
    file.starts_with("[kernel")
        || file.starts_with("[guest.kernel")
        || file.starts_with("vmlinux")
        || file.ends_with(".ko")
        || name.ends_with("_[k]")
}

/// The last part of a path.
pub(super) fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

/// The library of a function that no crate has, and its class.
pub(super) fn library<'a>(name: &str, object: &'a str) -> Option<(&'a str, Class)> {
    if ["_rjem_", "je_", "_rjem_je_"].iter().any(|prefix| name.starts_with(prefix)) {
        return Some(("jemalloc", Class::Runtime));
    }
    if ["mi_malloc", "mi_free", "_mi_"].iter().any(|prefix| name.starts_with(prefix)) {
        return Some(("mimalloc", Class::Runtime));
    }
    if ENTRIES.contains(&name) {
        return Some(("libc", Class::Std));
    }
    let file = file_name(object);
    if matches!(file, "[vdso]" | "[vsyscall]") {
        return Some((file, Class::Std));
    }
    let at = file.find(".so")?;
    let (stem, rest) = file.split_at(at);
    if !(rest == ".so" || rest.starts_with(".so.")) {
        return None;
    }
    // `libc-2.31`: the version is in the name of older ones.
    let library = stem.split_once("-2.").map_or(stem, |(library, _)| library);
    let is_c = ["libc", "libpthread", "libm", "libdl", "librt", "libgcc_s", "libstdc++"].contains(&library)
        || library.starts_with("ld-");
    Some((library, if is_c { Class::Std } else { Class::Dependency }))
}

/// Functions that begin a program or a thread, whatever they are linked into.
const ENTRIES: &[&str] = &[
    "_start",
    "__libc_start_main",
    "__libc_start_main_impl",
    "__libc_start_call_main",
    "start_thread",
    "clone",
    "clone3",
    "__clone",
    "__clone3",
    "__GI___clone",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_and_the_kernel() {
        assert_eq!(library("read", "/lib/x86_64-linux-gnu/libc.so.6"), Some(("libc", Class::Std)));
        assert_eq!(library("read", "/lib/libc-2.31.so"), Some(("libc", Class::Std)));
        assert_eq!(library("dlopen", "/lib64/ld-linux-x86-64.so.2"), Some(("ld-linux-x86-64", Class::Std)));
        assert_eq!(library("SSL_read", "/usr/lib/libssl.so.3"), Some(("libssl", Class::Dependency)));
        assert_eq!(library("f", "/usr/bin/shop"), None);
        assert_eq!(library("clone3", "/usr/bin/shop"), Some(("libc", Class::Std)));
        assert!(is_kernel("do_syscall_64", "[kernel.kallsyms]") && is_kernel("schedule_[k]", ""));
        assert!(!is_kernel("kernel", "/usr/bin/kernel"));
    }
}

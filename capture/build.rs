//! Sets the cfgs of the engines that this target supports.

use std::env;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    set_cfgs();
}

/// Sets `native_engine` and `pprof_engine` if they can be compiled, so that the conditions are
/// written once.
fn set_cfgs() {
    let target = |name: &str| env::var(format!("CARGO_CFG_TARGET_{name}")).unwrap_or_default();
    let (system, processor) = (target("OS"), target("ARCH"));
    let (system, processor) = (system.as_str(), processor.as_str());
    println!("cargo:rustc-check-cfg=cfg(native_engine, pprof_engine, rgops_loom)");
    if system == "linux" && ["x86_64", "aarch64"].contains(&processor) {
        println!("cargo:rustc-cfg=native_engine");
    }
    // Version 0.15 of the crate does not compile on FreeBSD, and has its list of code that is never unwound
    // only on these processors.
    let has_list = ["x86_64", "aarch64", "riscv64", "loongarch64"].contains(&processor);
    if env::var_os("CARGO_FEATURE_ENGINE_PPROF").is_some() && ["linux", "macos"].contains(&system) && has_list
    {
        println!("cargo:rustc-cfg=pprof_engine");
    }
}

//! Says which engines there can be.

use std::env;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    say_engines();
}

/// Sets `native_engine` and `pprof_engine` where these can be compiled, so that the condition is
/// written once.
fn say_engines() {
    let target = |name: &str| env::var(format!("CARGO_CFG_TARGET_{name}")).unwrap_or_default();
    let (system, processor) = (target("OS"), target("ARCH"));
    let (system, processor) = (system.as_str(), processor.as_str());
    println!("cargo:rustc-check-cfg=cfg(native_engine, pprof_engine, rgops_loom)");
    if system == "linux" && ["x86_64", "aarch64"].contains(&processor) {
        println!("cargo:rustc-cfg=native_engine");
    }
    // The crate's version 0.15 does not compile on FreeBSD, and has its list of code never to unwind
    // from on these processors only.
    let has_list = ["x86_64", "aarch64", "riscv64", "loongarch64"].contains(&processor);
    if env::var_os("CARGO_FEATURE_ENGINE_PPROF").is_some() && ["linux", "macos"].contains(&system) && has_list
    {
        println!("cargo:rustc-cfg=pprof_engine");
    }
}

//! Passes facts about the build to the agent: the compiler, the settings that cargo passes to build
//! scripts, and the engines this target supports.

use std::env;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(rustc).arg("-V").output().ok().filter(|output| output.status.success());
    let version = version.and_then(|output| String::from_utf8(output.stdout).ok()).unwrap_or_default();
    // Cargo runs this again when the compiler changes: its version is part of the fingerprint.
    println!("cargo:rustc-env=RGOPS_BUILD_RUSTC={}", version.lines().next().unwrap_or_default());
    for name in ["TARGET", "PROFILE", "OPT_LEVEL"] {
        println!("cargo:rustc-env=RGOPS_BUILD_{name}={}", env::var(name).unwrap_or_default());
    }
    set_engine_cfgs();
}

/// Sets `native_engine` and `pprof_engine`. The build script of `rgops-capture` does the same; `lib.rs` asserts that
/// they agree.
fn set_engine_cfgs() {
    let target = |name: &str| env::var(format!("CARGO_CFG_TARGET_{name}")).unwrap_or_default();
    let (system, processor) = (target("OS"), target("ARCH"));
    let (system, processor) = (system.as_str(), processor.as_str());
    println!("cargo:rustc-check-cfg=cfg(native_engine, pprof_engine)");
    if system == "linux" && ["x86_64", "aarch64"].contains(&processor) {
        println!("cargo:rustc-cfg=native_engine");
    }
    // Version 0.15 of the crate does not compile on FreeBSD. Its list of code that must never be unwound
    // from exists only on these processors.
    let has_list = ["x86_64", "aarch64", "riscv64", "loongarch64"].contains(&processor);
    if env::var_os("CARGO_FEATURE_ENGINE_PPROF").is_some() && ["linux", "macos"].contains(&system) && has_list
    {
        println!("cargo:rustc-cfg=pprof_engine");
    }
}

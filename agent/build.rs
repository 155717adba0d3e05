//! Hands facts of the build to the agent: the compiler and the settings cargo tells build scripts.

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
}

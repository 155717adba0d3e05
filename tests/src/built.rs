//! Executables for the tests, built by the cargo that runs them: rgops and the examples in release,
//! as users run them, and the programs under `tests/targets`.

use std::collections::BTreeSet;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use crate::program;

/// `rgops` or an example, built in release.
///
/// # Panics
/// When cargo cannot build it: shows cargo's own words.
pub fn release(name: &str) -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let arguments = ["--release", "-p", "rgops", "-p", "rgops-examples", "--bins"];
        build(&workspace().join("Cargo.toml"), &target_folder(), &arguments);
        target_folder().join("release")
    });
    folder.join(name)
}

/// A way to build the program `odd`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Odd {
    /// Without symbols and line tables, and `panic = "abort"`.
    Stripped,
    /// `panic = "abort"`.
    PanicAbort,
    /// Statically linked against musl, and `panic = "abort"`.
    Musl,
}

/// The program `sampled_target`, with `panic = "abort"`.
///
/// # Panics
/// When cargo cannot build it.
pub fn daemon() -> PathBuf {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    let program = PROGRAM.get_or_init(|| {
        let folder = target_folder().join("odd");
        let manifest = workspace().join("tests/targets/odd/Cargo.toml");
        let mut command = cargo("build", &manifest, &folder);
        run(command.args(["--profile", "panic-abort", "--bin", "daemon"]));
        folder.join("panic-abort/daemon")
    });
    program.clone()
}

/// Rust's name of the musl target of this machine.
const MUSL: &str =
    if cfg!(target_arch = "aarch64") { "aarch64-unknown-linux-musl" } else { "x86_64-unknown-linux-musl" };

/// The program `odd`; `None`, with a notice, when this machine cannot build it so.
///
/// # Panics
/// When cargo cannot build it, or the machine must be able to (`RGOPS_NO_SKIP=1`).
pub fn odd(how: Odd) -> Option<PathBuf> {
    if how == Odd::Musl && !musl_is_installed() {
        return None;
    }
    let folder = target_folder().join("odd");
    let manifest = workspace().join("tests/targets/odd/Cargo.toml");
    Some(once_each(&folder.join(format!("{how:?}/odd")), || {
        let mut command = cargo("rustc", &manifest, &folder);
        command.args(["--profile", "panic-abort", "--bin", "odd"]);
        if env::var_os("RGOPS_LONG").is_some() {
            command.args(["--config", "profile.panic-abort.package.\"*\".opt-level=3"]);
        }
        match how {
            Odd::PanicAbort => {}
            // What `strip = true` is in a profile, for the last step alone: what it is made of is built once.
            Odd::Stripped => _ = command.args(["--", "-C", "strip=symbols"]),
            Odd::Musl => _ = command.args(["--target", MUSL]),
        }
        run(&mut command);
        let folder = if how == Odd::Musl { folder.join(MUSL) } else { folder.clone() };
        folder.join("panic-abort/odd")
    }))
}

/// A program of `tests/targets/tasks`, in release.
///
/// # Panics
/// When cargo cannot build it.
pub fn tasks(name: &str) -> PathBuf {
    release_targets().join(name)
}

/// Where the release builds of `tests/targets/{kinds,tasks}` are: beside those of rgops and the examples, with which
/// they share Tokio and the agent.
fn release_targets() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        // With the packages of `release` their dependencies have the same features, and are built once for all.
        let packages = ["-p", "rgops", "-p", "rgops-examples", "-p", "kinds", "-p", "rgops-tests-tasks"];
        let bins = ["--bin", "kinds", "--bin", "churning", "--bin", "crowded"];
        let arguments = [&["--release", "--locked"], &packages[..], &bins[..]].concat();
        build(&workspace().join("Cargo.toml"), &target_folder(), &arguments);
        target_folder().join("release")
    })
}

/// A way to build the program `kinds`, of `tests/targets/kinds`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kinds {
    /// `cargo build --release`.
    Release,
    /// The same, its debug information taken out into a file beside it that a debug link names.
    DebugLink,
    /// `lto = "thin"`.
    Thin,
    /// `lto = "fat"`, `codegen-units = 1`.
    Fat,
    /// `split-debuginfo = "packed"`: a `.dwp` beside it.
    Packed,
    /// `split-debuginfo = "unpacked"`: `.dwo` files where it was built.
    Unpacked,
}

/// The program `kinds`.
///
/// # Panics
/// When cargo cannot build it, or objcopy(1) is missing.
pub fn kinds(how: Kinds) -> PathBuf {
    // One profile, changed by the environment: then cargo builds procedural macros once.
    let variables: &[(&str, &str)] = match how {
        Kinds::Release | Kinds::DebugLink => &[],
        Kinds::Thin => &[("LTO", "thin")],
        Kinds::Fat => &[("LTO", "fat"), ("CODEGEN_UNITS", "1")],
        Kinds::Packed => &[("SPLIT_DEBUGINFO", "packed")],
        Kinds::Unpacked => &[("SPLIT_DEBUGINFO", "unpacked")],
    };
    let built = match variables {
        [] => release_targets().to_owned(),
        _ => {
            let built = target_folder().join("odd");
            let mut command = cargo_build(&workspace().join("Cargo.toml"), &built);
            command.args(["--release", "--locked", "-p", "kinds"]);
            for (name, value) in variables {
                command.env(format!("CARGO_PROFILE_RELEASE_{name}"), value);
            }
            run(&mut command);
            built.join("release")
        }
    };
    // Each in a folder of its own, since cargo puts them all into one place.
    let folder = target_folder().join("odd/kinds").join(format!("{how:?}"));
    fs::create_dir_all(&folder).expect("a folder of ours");
    let program = folder.join("kinds");
    copy(&built.join("kinds"), &program);
    match how {
        Kinds::Packed => copy(&built.join("kinds.dwp"), &folder.join("kinds.dwp")),
        Kinds::DebugLink => {
            let objcopy =
                |arguments: &[&str]| run(Command::new("objcopy").args(arguments).current_dir(&folder));
            objcopy(&["--only-keep-debug", "kinds", "kinds.debug"]);
            objcopy(&["--strip-debug", "--add-gnu-debuglink=kinds.debug", "kinds"]);
        }
        _ => {}
    }
    program
}

/// The program `schedules`, built with `--cfg tokio_unstable`.
///
/// # Panics
/// When cargo cannot build it.
pub fn unstable() -> PathBuf {
    let target_folder = target_folder().join("unstable");
    let mut command = cargo_build(&workspace().join("tests/targets/unstable/Cargo.toml"), &target_folder);
    command.env("RUSTFLAGS", "--cfg tokio_unstable").env_remove("CARGO_ENCODED_RUSTFLAGS");
    run(&mut command);
    target_folder.join("debug/unstable")
}

/// The program of `tests/targets/allocators` with these cargo features, in release.
///
/// # Panics
/// When cargo cannot build it.
pub fn allocators(features: &str) -> PathBuf {
    let folder = target_folder().join("allocators");
    let manifest = workspace().join("tests/targets/allocators/Cargo.toml");
    once_each(&folder.join(features.replace(',', "-")).join("allocators"), || {
        build(&manifest, &folder, &["--release", "--features", features]);
        folder.join("release/allocators")
    })
}

/// Copies what `build` built to `program`, which is returned; the second time nothing is done. One builds at a
/// time: cargo puts all ways to build a program into one place, and what runs cannot be written to.
fn once_each(program: &Path, build: impl FnOnce() -> PathBuf) -> PathBuf {
    static BUILT: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    if !built.contains(program) {
        let found = build();
        fs::create_dir_all(program.parent().expect("it is in a folder")).expect("a folder of ours");
        copy(&found, program);
        built.insert(program.to_owned());
    }
    program.to_owned()
}

fn musl_is_installed() -> bool {
    let mut rustc = Command::new("rustc");
    let output = rustc.args(["--print", "target-libdir", "--target", MUSL]).output();
    let folder = output.ok().and_then(|output| String::from_utf8(output.stdout).ok());
    if folder.is_some_and(|folder| Path::new(folder.trim()).is_dir()) {
        return true;
    }
    assert!(env::var_os("RGOPS_NO_SKIP").is_none(), "the target {MUSL} is missing");
    println!("SKIPPED: rustc has no {MUSL}; install it with `rustup target add {MUSL}`");
    false
}

fn build(manifest: &Path, target_folder: &Path, arguments: &[&str]) {
    run(cargo_build(manifest, target_folder).args(arguments));
}

fn cargo_build(manifest: &Path, target_folder: &Path) -> Command {
    cargo("build", manifest, target_folder)
}

fn cargo(subcommand: &str, manifest: &Path, target_folder: &Path) -> Command {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(cargo);
    // Whoever measures tests may have it; build scripts would see it and build all anew.
    command.env_remove("RUSTC_BOOTSTRAP");
    command.args([subcommand, "--quiet", "--manifest-path"]).arg(manifest);
    command.arg("--target-dir").arg(target_folder);
    command
}

fn run(command: &mut Command) {
    // The largest takes minutes on a machine that does nothing else.
    let output = program::output(command, Duration::from_secs(3600));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

pub(crate) fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests is a folder of the workspace")
}

/// Where this test was built: `TARGET/debug/deps/test`.
pub(crate) fn target_folder() -> PathBuf {
    let own = env::current_exe().expect("a test has an executable");
    let deps = own.ancestors().position(|folder| folder.ends_with("deps")).expect("cargo's layout");
    own.ancestors().nth(deps + 2).expect("cargo's layout").to_owned()
}

/// Copies a program to run it from another place. By cp(1): a descriptor of ours that is open for
/// writing would be inherited by whatever another test starts meanwhile, and the copy could not be
/// executed as long (ETXTBSY of execve(2)).
///
/// # Panics
/// When it cannot be copied.
pub fn copy(from: &std::path::Path, to: &std::path::Path) {
    let copied = std::process::Command::new("cp").arg(from).arg(to).status().expect("cp can be started");
    assert!(copied.success(), "cp {} {}: {copied}", from.display(), to.display());
}

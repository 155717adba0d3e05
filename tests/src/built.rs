//! Executables for the tests, built by the cargo that runs them: rgops and the examples in release, as users run
//! them, and the programs in `tests/targets`.

use std::collections::BTreeSet;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use crate::program;

/// `rgops`, an example, or a program in `tests/targets` without special build options, built in release.
///
/// # Panics
/// When cargo cannot build it. Shows cargo's output.
pub fn release(name: &str) -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        // Built together, so that their dependencies have the same features and are built once.
        let packages = ["rgops", "rgops-examples", "cases", "kinds", "odd", "rgops-tests-tasks"]
            .map(|name| ["-p", name]);
        let names = [
            "rgops",
            "crowd",
            "leaky",
            "shop",
            "split",
            "stuck",
            "tour",
            "cases",
            "diagnosed",
            "kinds",
            "odd",
            "churning",
            "crowded",
        ];
        let names = names.map(|name| ["--bin", name]);
        // With the library in the package of the cases.
        let arguments =
            [&["--release", "--locked", "--lib"], packages.as_flattened(), names.as_flattened()].concat();
        build(&workspace().join("Cargo.toml"), &target_folder(), &arguments);
        target_folder().join("release")
    });
    folder.join(name)
}

/// Copies a program to where it is run from, by a process of its own: a child of another test thread could inherit this
/// process's open copy, and a file that is open for writing cannot be run (`ETXTBSY`).
///
/// # Panics
/// When cp(1) fails.
pub fn copy_program(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("--").args([from, to]).status();
    assert!(copied.expect("cp runs").success(), "cannot copy {} to {}", from.display(), to.display());
}

/// An example, not optimised: with all that describes its tasks, and built in a minute.
pub fn debug_example(name: &str) -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let arguments = ["--locked", "-p", "rgops-examples", "--bin", "shop", "--bin", "stuck"];
        build(&workspace().join("Cargo.toml"), &target_folder(), &arguments);
        target_folder().join("debug")
    });
    folder.join(name)
}

/// The program `cases`, built for debugging: not optimised.
///
/// # Panics
/// When cargo cannot build it.
pub fn debug_cases() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let built = BUILT.get_or_init(|| {
        let arguments = ["--locked", "-p", "cases", "--bin", "cases"];
        build(&workspace().join("Cargo.toml"), &target_folder(), &arguments);
        target_folder().join("debug/cases")
    });
    built.clone()
}

/// The ways to build the program `odd`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Odd {
    /// `strip = true`: without symbols and line tables.
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
    panic_abort(None).join("daemon")
}

/// Rust's name of the musl target of this machine.
const MUSL: &str =
    if cfg!(target_arch = "aarch64") { "aarch64-unknown-linux-musl" } else { "x86_64-unknown-linux-musl" };

/// The program `odd`; `None`, with a notice, if this machine cannot build it this way.
///
/// # Panics
/// When cargo cannot build it, or `RGOPS_NO_SKIP=1` is set and the machine cannot.
pub fn odd(how: Odd) -> Option<PathBuf> {
    match how {
        Odd::PanicAbort => Some(panic_abort(None).join("odd")),
        Odd::Musl => musl_is_installed().then(|| panic_abort(Some(MUSL)).join("odd")),
        Odd::Stripped => {
            let program = target_folder().join("odd/stripped/odd");
            static STRIPPED: OnceLock<()> = OnceLock::new();
            // The linker does this for `strip = true`.
            STRIPPED.get_or_init(|| {
                fs::create_dir_all(target_folder().join("odd/stripped")).expect("a folder of ours");
                run(Command::new("objcopy").arg("--strip-all").args([&release("odd"), &program]));
            });
            Some(program)
        }
    }
}

/// The path of the program in `tests/targets/odd`, built with `panic = "abort"` for this machine's target or another
/// one.
fn panic_abort(target: Option<&str>) -> &'static Path {
    static FOLDERS: [OnceLock<PathBuf>; 2] = [OnceLock::new(), OnceLock::new()];
    FOLDERS[usize::from(target.is_some())].get_or_init(|| {
        let mut command = cargo("build", &workspace().join("Cargo.toml"), &target_folder());
        command.args(["--profile", "panic-abort", "--locked", "-p", "odd", "--bin", "odd"]);
        match target {
            Some(target) => command.args(["--target", target]),
            None => command.args(["--bin", "daemon", "--features", "daemon"]),
        };
        if env::var_os("RGOPS_LONG").is_some() {
            command.args(["--config", "profile.panic-abort.opt-level=3"]);
        }
        run(&mut command);
        target_folder().join(target.unwrap_or_default()).join("panic-abort")
    })
}

/// The ways to build the program `kinds` in `tests/targets/kinds`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kinds {
    /// `cargo build --release`.
    Release,
    /// The same, with the debug information in a separate file that a debug link names.
    DebugLink,
    /// `lto = "thin"`.
    Thin,
    /// `lto = "fat"`, `codegen-units = 1`.
    Fat,
    /// `split-debuginfo = "packed"`: with a `.dwp` file.
    Packed,
    /// `split-debuginfo = "unpacked"`: with `.dwo` files in the build folder.
    Unpacked,
}

/// The program `kinds`.
///
/// # Panics
/// When cargo cannot build it, or objcopy(1) is missing.
pub fn kinds(how: Kinds) -> PathBuf {
    // One profile, changed by the environment: so cargo builds procedural macros once.
    let variables: &[(&str, &str)] = match how {
        Kinds::Release | Kinds::DebugLink => &[],
        Kinds::Thin => &[("LTO", "thin")],
        Kinds::Fat => &[("LTO", "fat"), ("CODEGEN_UNITS", "1")],
        Kinds::Packed => &[("SPLIT_DEBUGINFO", "packed")],
        Kinds::Unpacked => &[("SPLIT_DEBUGINFO", "unpacked")],
    };
    let built = match variables {
        [] => release("kinds").parent().expect("it is in a folder").to_owned(),
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
    // Each in its own folder, because cargo puts them all into one.
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

/// The program `cases`, built as small as possible: `opt-level = "z"`, `lto = "fat"`, `panic = "abort"`; the names of its
/// own functions are in Rust's v0 mangling.
///
/// # Panics
/// When cargo cannot build it.
pub fn smallest_cases() -> PathBuf {
    let folder = target_folder().join("odd");
    once_each(&folder.join("smallest/cases"), || {
        let mut command = cargo("rustc", &workspace().join("Cargo.toml"), &folder);
        command.args(["--profile", "panic-abort", "--locked", "-p", "cases", "--bin", "cases"]);
        for (name, value) in [("OPT_LEVEL", "z"), ("LTO", "fat"), ("CODEGEN_UNITS", "1")] {
            command.env(format!("CARGO_PROFILE_PANIC_ABORT_{name}"), value);
        }
        run(command.args(["--", "-C", "symbol-mangling-version=v0"]));
        folder.join("panic-abort/cases")
    })
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

/// The program in `tests/targets/allocators` with these cargo features, in release.
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

/// Copies what `build` built to `program` and returns that path; does nothing if the copy exists. One thread builds
/// at a time: cargo puts all variants of a program into one place, and a running executable cannot be overwritten.
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
    // It may be set by developers who measure tests. Build scripts would see it and rebuild everything.
    command.env_remove("RUSTC_BOOTSTRAP");
    command.args([subcommand, "--quiet", "--manifest-path"]).arg(manifest);
    command.arg("--target-dir").arg(target_folder);
    command
}

fn run(command: &mut Command) {
    // The largest build takes minutes on an idle machine.
    let output = program::output(command, Duration::from_secs(3600));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

pub(crate) fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests is a folder of the workspace")
}

/// The target folder of this test: TARGET in `TARGET/debug/deps/test`.
pub(crate) fn target_folder() -> PathBuf {
    let own = env::current_exe().expect("a test has an executable");
    let deps = own.ancestors().position(|folder| folder.ends_with("deps")).expect("cargo's layout");
    own.ancestors().nth(deps + 2).expect("cargo's layout").to_owned()
}

/// Copies a program, so it can run from another place. It uses cp(1): a descriptor of this process that is open for
/// writing would be inherited by a process that another test starts, and until it is closed the copy could not be
/// executed (ETXTBSY of execve(2)).
///
/// # Panics
/// When it cannot be copied.
pub fn copy(from: &std::path::Path, to: &std::path::Path) {
    let copied = std::process::Command::new("cp").arg(from).arg(to).status().expect("cp can be started");
    assert!(copied.success(), "cp {} {}: {copied}", from.display(), to.display());
}

//! Builds `tests/targets/tasks` with other versions of Tokio, compilers and profiles, and checks what rgops reads
//! from each build.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rgops_inspect::tasks::model::{AsyncStack, Location, Node, ResourceKind, Tasks};
use rgops_protocol::reply::Known;

use crate::built;
use crate::directory::Directory;
use crate::running::{Running, rgops};
use crate::tasks;

/// How to build it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Build {
    /// Tokio's version.
    pub tokio: &'static str,
    /// The profile setting `lto`; for `"fat"` also `codegen-units = 1`.
    pub lto: &'static str,
    /// The profile setting `debug`.
    pub debug: &'static str,
    /// Whether v0 symbol mangling is requested; it is the default of rustc 1.97.
    pub is_v0: bool,
    /// A folder with another `rustc`; `None` for the stable compiler that runs the tests.
    pub rustc: Option<&'static str>,
    /// A change to Tokio's source, like one in a future version.
    pub patch: Option<Patch>,
}

/// A change to Tokio's source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patch {
    /// A description of the change.
    pub what: &'static str,
    /// The changed file.
    pub file: &'static str,
    /// Texts in the file, and their replacements.
    pub changes: &'static [(&'static str, &'static str)],
}

/// The build that the others are variants of.
pub const BASE: Build =
    Build { tokio: "1.54.1", lto: "off", debug: "2", is_v0: false, rustc: None, patch: None };

/// What rgops reads from a build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Findings {
    /// All tasks are listed.
    pub list: bool,
    /// Every task's future is named.
    pub names: bool,
    /// Every task's `await` has its file and line.
    pub awaits: bool,
    /// The resource that each task waits for is known: the lock, the message, the task, the timer.
    pub waits: bool,
    /// `rgops schedtrace` reads what stable Tokio does not expose.
    pub schedtrace: bool,
    /// What the screen reports as unavailable, and why.
    pub messages: Vec<String>,
}

impl Build {
    /// Builds the program `suspended`.
    ///
    /// # Errors
    /// The output of cargo.
    pub fn program(&self) -> Result<PathBuf, String> {
        let folder = built::target_folder().join("support");
        let package = self.package(&folder)?;
        let mut command = Command::new("cargo");
        command.args(["build", "--quiet", "--release", "--bin", "suspended", "--target-dir"]);
        command.arg(folder.join("build")).current_dir(&package);
        command.env_remove("CARGO_ENCODED_RUSTFLAGS").env_remove("RUSTUP_TOOLCHAIN");
        command.env("RUSTFLAGS", if self.is_v0 { "-Csymbol-mangling-version=v0" } else { "" });
        let units = if self.lto == "fat" { "1" } else { "16" };
        command.env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", units);
        command.env("CARGO_PROFILE_RELEASE_LTO", self.lto).env("CARGO_PROFILE_RELEASE_DEBUG", self.debug);
        if let Some(rustc) = self.rustc {
            command.env("RUSTC", rustc);
        }
        output_of(&mut command)?;
        let program = package.join("suspended");
        built::copy(&folder.join("build/release/suspended"), &program);
        Ok(program)
    }

    /// A copy of the package with this version of Tokio; created once.
    fn package(&self, folder: &Path) -> Result<PathBuf, String> {
        let patched = self.patch.map_or(String::new(), |patch| format!("-{}", letters(patch.what)));
        let package = folder.join(format!("tokio-{}{patched}", self.tokio));
        if package.join("complete").exists() {
            return Ok(package);
        }
        let _ = fs::remove_dir_all(&package);
        let original = built::workspace().join("tests/targets/tasks");
        let agent = built::workspace().join("agent");
        fs::create_dir_all(package.join("src/bin")).map_err(|error| error.to_string())?;
        let manifest = fs::read_to_string(original.join("Cargo.toml")).map_err(|error| error.to_string())?;
        // The copy contains only `suspended`.
        let (package_and_bins, dependencies) =
            manifest.split_once("\n[dependencies]").ok_or("dependencies")?;
        let (head, _) = package_and_bins.split_once("\n[[bin]]").ok_or("programs")?;
        let manifest = format!("{head}\n[workspace]\n\n[dependencies]{dependencies}");
        let mut manifest = manifest.replace("../../../agent", &agent.to_string_lossy());
        built::copy(&built::workspace().join("Cargo.lock"), &package.join("Cargo.lock"));
        built::copy(&original.join("src/bin/suspended.rs"), &package.join("src/bin/suspended.rs"));
        fs::write(package.join("Cargo.toml"), &manifest).map_err(|error| error.to_string())?;
        let update = |name: &str, version: &str| {
            let mut command = Command::new("cargo");
            command.args(["update", "--quiet", "--package", name, "--precise", version]);
            output_of(command.current_dir(&package))
        };
        update("tokio", self.tokio)?;
        if let Some(patch) = self.patch {
            let source = package.join("tokio");
            let mut command = Command::new("cp");
            output_of(command.arg("-r").arg(source_of(&package)?).arg(&source))?;
            let file = source.join(patch.file);
            let mut text = fs::read_to_string(&file).map_err(|error| error.to_string())?;
            for (from, instead) in patch.changes {
                if !text.contains(from) {
                    return Err(format!("tokio {} has no {from:?} in {}", self.tokio, patch.file));
                }
                text = text.replace(from, instead);
            }
            fs::write(file, text).map_err(|error| error.to_string())?;
            manifest.push_str("\n[patch.crates-io]\ntokio = { path = \"tokio\" }\n");
            fs::write(package.join("Cargo.toml"), manifest).map_err(|error| error.to_string())?;
        }
        fs::write(package.join("complete"), "").map_err(|error| error.to_string())?;
        Ok(package)
    }

    /// Builds and runs the program, and runs rgops on it.
    ///
    /// # Errors
    /// When it cannot be built.
    ///
    /// # Panics
    /// When the program does not run, or its agent does not answer.
    pub fn findings(&self) -> Result<Findings, String> {
        let program = self.program()?;
        let directory = Directory::new();
        let mut command = Command::new(&program);
        command.env("RGOPS_DIR", directory.sockets()).env_remove("RGOPS");
        let mut running = Running::run_unread(&mut command);
        let address = running.line();
        assert_eq!(running.line(), "ready");
        let found = tasks::fetch(&address, running.pid());
        let screen = rgops(&["tasks", &address]);
        let lines = screen.output.lines().map(str::trim);
        let lines = lines.filter(|line| line.contains(": list unavailable"));
        let missing = screen.output.lines().filter(|line| line.contains("(future not described)"));
        let traced = rgops(&["schedtrace", &address, "--json", "--interval", "20ms", "--count", "1"]);
        Ok(Findings {
            list: found.runtimes.iter().all(|runtime| matches!(runtime.list, Known::Value(_)))
                && found.tasks.len() == TASKS.len(),
            names: TASKS.iter().all(|(name, ..)| named(&found, name).count() == 1),
            awaits: TASKS.iter().all(|(name, ..)| named(&found, name).any(|root| root.is_some_and(has_line))),
            waits: TASKS.iter().all(|(name, kind)| {
                named(&found, name).any(|root| root.is_some_and(|root| waits_on(root, *kind)))
            }),
            schedtrace: traced.output.contains("\"source\":\"memory\""),
            // Without the measured times.
            messages: lines
                .chain(missing.filter_map(|line| line.trim().split(" · listed").next()))
                .map(str::to_owned)
                .collect(),
        })
    }
}

/// The program's tasks, and the resource that each waits for (`tests/targets/tasks/src/bin/suspended.rs`).
const TASKS: [(&str, ResourceKind); 6] = [
    ("nested", ResourceKind::Mutex),
    ("boxed", ResourceKind::Timer),
    ("selects", ResourceKind::Notify),
    ("joins", ResourceKind::Task),
    ("limited", ResourceKind::Timer),
    ("receives", ResourceKind::Channel),
];

/// Tasks whose future has this name, and their trees.
fn named<'t>(tasks: &'t Tasks, name: &str) -> impl Iterator<Item = Option<&'t Node>> {
    // With v0 mangling, an async fn is a closure of the function.
    let wanted = [format!("suspended::{name}"), format!("suspended::{name}::{{closure}}")];
    tasks.tasks.iter().filter_map(move |task| {
        let future = task.future.as_ref()?;
        wanted.iter().any(|wanted| *future.short == **wanted).then_some(match &task.stack {
            AsyncStack::Decoded(node) => Some(&**node),
            _ => None,
        })
    })
}

fn has_line(node: &Node) -> bool {
    matches!(&node.location, Some(Location::Await { file, line: 1.. }) if file.ends_with("suspended.rs"))
}

fn waits_on(node: &Node, kind: ResourceKind) -> bool {
    node.waits_on.as_ref().is_some_and(|resource| resource.kind == kind)
        || node.children.iter().any(|child| waits_on(child, kind))
}

/// The folder where cargo keeps Tokio's source.
fn source_of(package: &Path) -> Result<String, String> {
    let mut command = Command::new("cargo");
    let metadata = output_of(command.args(["metadata", "--format-version", "1"]).current_dir(package))?;
    let metadata: serde_json::Value = serde_json::from_str(&metadata).map_err(|error| error.to_string())?;
    let packages = metadata["packages"].as_array().ok_or("no packages")?;
    let tokio = packages.iter().find(|package| package["name"] == "tokio").ok_or("no tokio")?;
    let manifest = tokio["manifest_path"].as_str().ok_or("no path")?;
    Ok(manifest.trim_end_matches("/Cargo.toml").to_owned())
}

fn letters(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).take(40).collect()
}

fn output_of(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|error| error.to_string())?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

//! The packages of the workspace, as cargo reads them: a rule about all of them holds for one that is added, too.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) folder: PathBuf,
    /// The first files of its library and its programs.
    pub(crate) roots: Vec<PathBuf>,
    /// All that cargo compiles of it: also tests, examples and the build script.
    pub(crate) sources: Vec<PathBuf>,
}

pub(crate) fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate is in the workspace")
}

/// The packages that are published.
pub(crate) fn published() -> Vec<Package> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1", "--manifest-path"])
        .arg(repository().join("Cargo.toml"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let packages = metadata["packages"].as_array().expect("a list of packages");
    // `publish` is the list of registries: null is every one, an empty list none.
    packages.iter().filter(|package| package["publish"] != Value::Array(Vec::new())).map(package).collect()
}

fn package(package: &Value) -> Package {
    let manifest = Path::new(text(&package["manifest_path"]));
    let folder = manifest.parent().expect("a manifest is in a folder").to_path_buf();
    let (mut roots, mut sources) = (Vec::new(), Vec::new());
    for target in package["targets"].as_array().expect("a list of targets") {
        let root = PathBuf::from(text(&target["src_path"]));
        let around = root.parent().expect("a source is in a folder");
        // A build script lies beside the folders of the sources.
        if around == folder {
            sources.push(root.clone());
        } else {
            rust_files(around, &mut sources);
        }
        let kinds = target["kind"].as_array().expect("a list of kinds");
        if !kinds.iter().any(|kind| ["test", "bench", "example", "custom-build"].contains(&text(kind))) {
            roots.push(root);
        }
    }
    sources.sort();
    sources.dedup();
    Package { name: text(&package["name"]).to_owned(), folder, roots, sources }
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

/// The Rust files in a folder and below.
pub(crate) fn rust_files(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            rust_files(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

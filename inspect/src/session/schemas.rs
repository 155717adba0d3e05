//! Checks that the committed schemas of the JSON documents, `inspect/schemas/COMMAND.json`, match the types: the
//! file of a command names its type `Json`.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use schemars::{JsonSchema, generate::SchemaSettings};

use crate::report::info::InfoJson;
use crate::report::list::{Element, ListJson};
use crate::report::symbolize::JsonSymbolize;
use crate::report::tree::BranchJson;

/// Set this to rewrite the schemas: `RGOPS_BLESS=1 cargo test -p rgops-inspect --lib schemas`.
const BLESS: &str = "RGOPS_BLESS";

fn schema<T: JsonSchema>() -> String {
    let generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let schema = generator.into_root_schema_for::<T>();
    serde_json::to_string_pretty(&schema).unwrap() + "\n"
}

macro_rules! of_agents {
    ($($number:literal $variant:ident $module:ident $name:literal $oldest:literal..=$newest:literal
        $load:ident $changes:tt $memory:ident $request:ident $part:ident;)*) => {
        [$(($name, schema::<super::$module::Json>())),*]
    };
}

/// The file names of the schemas, and the schemas: of a document, of an array (`list`, `tree`), or of each line
/// (`schedtrace`, `top`).
fn schemas() -> BTreeMap<String, String> {
    // Those that rgops answers without a request of the same name.
    let others = [
        ("diagnose", schema::<super::diagnose::Json>()),
        ("info", schema::<InfoJson>()),
        ("leaks", schema::<super::leaks::Json>()),
        ("symbolize", schema::<JsonSymbolize<'static>>()),
        ("list", schema::<Vec<Element<ListJson>>>()),
        ("top", schema::<super::top::Json>()),
        ("tree", schema::<Vec<Element<BranchJson>>>()),
    ];
    let all = rgops_protocol::commands!(of_agents, people).into_iter().chain(others);
    all.map(|(command, schema)| (format!("{command}.json"), schema)).collect()
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas")
}

fn committed() -> BTreeMap<String, String> {
    let files = fs::read_dir(directory()).unwrap().map(|file| file.unwrap().path());
    files.map(|file| (name(&file), fs::read_to_string(&file).unwrap())).collect()
}

fn name(file: &Path) -> String {
    file.file_name().unwrap().to_string_lossy().into_owned()
}

#[test]
fn the_committed_schemas_are_those_of_the_types() {
    let schemas = schemas();
    if std::env::var_os(BLESS).is_some() {
        for (file, schema) in &schemas {
            fs::write(directory().join(file), schema).unwrap();
        }
    }
    let committed = committed();
    let files = schemas.keys().chain(committed.keys());
    let differ: BTreeSet<&String> = files.filter(|file| schemas.get(*file) != committed.get(*file)).collect();
    assert!(
        differ.is_empty(),
        "inspect/schemas: {differ:?} differ, are missing, or belong to no command; remove what has no command, \
         rewrite the others and read the difference: {BLESS}=1 cargo test -p rgops-inspect --lib schemas"
    );
}

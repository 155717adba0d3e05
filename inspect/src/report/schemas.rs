//! Checks that the committed schemas of the JSON documents, `inspect/schemas/COMMAND.json`, match the types.

use std::fs;
use std::path::Path;

use schemars::{JsonSchema, generate::SchemaSettings};

use super::Document;

/// Set this to rewrite the schemas: `RGOPS_BLESS=1 cargo test -p rgops-inspect --lib schemas`.
const BLESS: &str = "RGOPS_BLESS";

fn schema<T: JsonSchema>() -> String {
    let generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let schema = generator.into_root_schema_for::<T>();
    serde_json::to_string_pretty(&schema).unwrap_or_default() + "\n"
}

/// Each command with `--json`, and the schema of its output: a document, the elements of an array (`list`, `tree`),
/// or each line (`schedtrace`).
fn schemas() -> Vec<(&'static str, String)> {
    vec![
        ("gc", schema::<Document<super::gc::JsonGc>>()),
        ("heap-rate", schema::<Document<super::heap_rate::JsonHeapRate>>()),
        ("info", schema::<super::info::InfoJson>()),
        ("leaks", schema::<Document<super::leaks::JsonLeaks<'_>>>()),
        ("list", schema::<Vec<super::list::Element<super::list::ListJson>>>()),
        ("memstats", schema::<Document<super::memstats::JsonMemstats>>()),
        ("pprof-cpu", schema::<Document<super::pprof_cpu::JsonPprofCpu<'_>>>()),
        ("pprof-heap", schema::<Document<super::pprof_heap::JsonPprofHeap<'_>>>()),
        ("schedtrace", schema::<Document<super::schedtrace::JsonSchedtrace>>()),
        ("stack", schema::<Document<super::stack::JsonStack<'_>>>()),
        ("stats", schema::<Document<super::stats::JsonStats>>()),
        ("tasks", schema::<Document<super::tasks::JsonTasks<'_>>>()),
        ("trace", schema::<Document<super::trace::JsonTrace<'_>>>()),
        ("tree", schema::<Vec<super::list::Element<super::tree::BranchJson>>>()),
        ("version", schema::<Document<super::version::JsonVersion>>()),
    ]
}

#[test]
fn the_committed_schemas_are_those_of_the_types() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas");
    let mut differ = Vec::new();
    for (command, schema) in schemas() {
        let file = directory.join(command).with_extension("json");
        if std::env::var_os(BLESS).is_some() {
            let _ = fs::create_dir_all(&directory).and_then(|()| fs::write(&file, &schema));
        }
        if fs::read_to_string(&file).ok().as_ref() != Some(&schema) {
            differ.push(command);
        }
    }
    assert!(
        differ.is_empty(),
        "differ: {differ:?}; rewrite them and read the difference: \
         {BLESS}=1 cargo test -p rgops-inspect --lib schemas"
    );
}

//! Checks that the committed schemas of the JSON reports are those of the types, and that a report has what they ask
//! for.

use std::fs;
use std::path::Path;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::json::{JsonTop, JsonTree};
use super::tests::text;
use crate::format::Format;

/// Set this to rewrite the schemas: `RGOPS_BLESS=1 cargo test -p rgops-pprof --lib schema`.
const BLESS: &str = "RGOPS_BLESS";

#[test]
fn json_reports_are_those_of_the_committed_schemas() {
    check::<JsonTop<'_>>("top");
    check::<JsonTree<'_>>("tree");
}

fn check<T: JsonSchema>(name: &str) {
    let generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let schema = generator.into_root_schema_for::<T>();
    let text_of_schema = serde_json::to_string_pretty(&schema).expect("a schema is JSON") + "\n";
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("schemas/pprof-{name}.json"));
    if std::env::var_os(BLESS).is_some() {
        fs::write(&file, &text_of_schema).expect("the schema can be written");
    }
    let committed = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        committed == text_of_schema,
        "{} differs; rewrite it and read the difference: {BLESS}=1 cargo test -p rgops-pprof --lib schema",
        file.display()
    );
    let report = text(Format::Json, &[], name).expect("it is a report");
    let report: Value = serde_json::from_str(&report).expect("it is JSON");
    assert_eq!(report["schema"], format!("rgops.pprof-{name}/1"));
    let required = schema.get("required").and_then(Value::as_array).expect("a list");
    let missing: Vec<&Value> =
        required.iter().filter(|key| report.get(key.as_str().expect("a text")).is_none()).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn json_has_values_in_the_unit_of_the_file() {
    let report: Value = serde_json::from_str(&text(Format::Json, &[], "").expect("a report")).expect("JSON");
    let row = &report["rows"][1];
    assert_eq!(
        (&report["unit"], &row["name"], &row["inlined"]),
        (&"nanoseconds".into(), &"compare".into(), &"always".into())
    );
    assert_eq!((&row["flat"], &row["flat_percent"]), (&300_000_000.into(), &30.0.into()));
    assert!(text(Format::Json, &[], "raw").is_err());
}

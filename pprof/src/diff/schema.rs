//! Checks that the committed schema, `pprof/schemas/pprof-diff.json`, is that of [`Diff`].

use std::fs;
use std::path::Path;

use schemars::generate::SchemaSettings;

use super::change::Diff;

/// Set this to rewrite the schema: `RGOPS_BLESS=1 cargo test -p rgops-pprof --lib schema`.
const BLESS: &str = "RGOPS_BLESS";

#[test]
fn the_committed_schema_is_that_of_the_type() {
    let generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let schema = generator.into_root_schema_for::<Diff>();
    let schema = serde_json::to_string_pretty(&schema).expect("a schema is JSON") + "\n";
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas/pprof-diff.json");
    if std::env::var_os(BLESS).is_some() {
        fs::create_dir_all(file.parent().expect("a folder")).expect("the folder of schemas");
        fs::write(&file, &schema).expect("the schema can be written");
    }
    let committed = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        committed == schema,
        "pprof/schemas/pprof-diff.json differs; set {BLESS} to rewrite it, and read the difference"
    );
}

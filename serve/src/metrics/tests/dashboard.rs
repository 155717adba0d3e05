//! The dashboard asks for metrics that exist, in valid PromQL.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::Value;

use super::super::table::Metric;
use super::promtool;

#[test]
fn the_dashboard_asks_for_metrics_that_exist() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../examples/deploy/grafana-dashboard.json");
    let dashboard: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let mut queries = Vec::new();
    collect(&dashboard, &mut queries);
    assert!(queries.len() > 30, "{queries:?}");

    let known: BTreeSet<String> = Metric::ALL.iter().map(|metric| metric.sample_name()).collect();
    let mut used = BTreeSet::new();
    for query in &queries {
        let is_name = |character: char| character.is_ascii_alphanumeric() || character == '_';
        for word in query.split(|character: char| !is_name(character)) {
            if ["process_", "tokio_", "rgops_"].iter().any(|prefix| word.starts_with(prefix)) {
                assert!(known.contains(word), "{word} does not exist: {query}");
                used.insert(word);
            }
        }
    }
    assert!(used.len() > 30, "{used:?}");

    let mut rules = "groups:\n- name: dashboard\n  rules:\n".to_owned();
    for (number, query) in queries.iter().filter(|query| !query.starts_with("label_values(")).enumerate() {
        let query = query.replace("$__rate_interval", "1m").replace("$program", ".*").replace("$pid", ".*");
        let query = serde_json::to_string(&query).unwrap();
        rules.push_str(&format!("  - record: query:{number}\n    expr: {query}\n"));
    }
    let directory = rgops_tests::directory::Directory::new();
    let file = directory.unused("rules.yml");
    std::fs::write(&file, rules).unwrap();
    promtool::accepts(&["check", "rules", file.to_str().unwrap()], "");
}

/// All values of `expr`, and queries of variables.
fn collect(value: &Value, queries: &mut Vec<String>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| collect(value, queries)),
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(text) if name == "expr" || name == "query" && text.contains('(') => {
                        queries.push(text.clone());
                    }
                    value => collect(value, queries),
                }
            }
        }
        _ => {}
    }
}

//! The table follows the rules of the formats, and `docs/METRICS.md` is made of it.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::path::PathBuf;

use super::super::table::{Definition, Kind, Metric};

const BEGIN: &str = "<!-- This table is made from serve/src/metrics/table.rs: RGOPS_BLESS=1 cargo test -p rgops-serve --lib page -->\n";
const END: &str = "<!-- End of the table -->\n";

#[test]
fn names_types_and_units_follow_the_rules_of_both_formats() {
    let mut names = HashSet::new();
    for metric in Metric::ALL {
        let Definition { name, kind, unit, labels, help, source } = *metric.definition();
        assert!(names.insert(name), "{name} is there twice");
        let is_word = |text: &str| text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        assert!(is_word(name) && labels.iter().all(|label| is_word(label)), "{name}");
        assert!(unit.is_empty() || name.ends_with(&format!("_{unit}")), "{name} does not end with {unit}");
        for suffix in ["_total", "_info", "_bucket", "_sum", "_created"] {
            assert!(!name.ends_with(suffix), "{name}");
        }
        assert!(!name.ends_with("_count") || matches!(kind, Kind::Counter | Kind::Unknown), "{name}");
        assert!(help.ends_with('.') && !help.contains(['\\', '"', '\n', '|']), "{name}: {help}");
        assert!(!source.is_empty() && !source.contains('|'), "{name}");
    }
}

#[test]
fn the_page_is_the_table() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/METRICS.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGIN).unwrap();
    let (table_on_page, after) = rest.split_once(END).unwrap();
    let table = table();
    if std::env::var_os("RGOPS_BLESS").is_some() {
        std::fs::write(path, format!("{before}{BEGIN}{table}{END}{after}")).unwrap();
        return;
    }
    assert_eq!(table_on_page, table, "write the page with RGOPS_BLESS=1");
}

fn table() -> String {
    let mut text =
        "\n| metric | type | unit | labels | what | source |\n| --- | --- | --- | --- | --- | --- |\n"
            .to_owned();
    for metric in Metric::ALL {
        let Definition { kind, unit, labels, help, source, .. } = *metric.definition();
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Info => "info",
            Kind::Unknown => "gauge (no type)",
        };
        let unit = if unit.is_empty() { "1" } else { unit };
        let labels: Vec<String> = labels.iter().map(|label| format!("`{label}`")).collect();
        let (name, labels) = (metric.sample_name(), labels.join(", "));
        writeln!(text, "| `{name}` | {kind} | {unit} | {labels} | {help} | {source} |").unwrap();
    }
    text + "\n"
}

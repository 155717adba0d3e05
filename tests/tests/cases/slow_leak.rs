//! A heap that grows 5 MB a minute in small pieces: the growth is exact from the first line on, though few of the pieces
//! were sampled.

use rgops_tests::built;
use rgops_tests::running::Running;

#[test]
fn has_its_exact_growth_in_the_first_line() {
    let target = Running::start_and_wait(&built::release("diagnosed"), &["slow-leak"]);
    let text = crate::ask(&target, "leaks", &["--duration", "3s"]).output;
    let first = text.lines().next().unwrap_or_default();
    assert!(first.starts_with("In ") && first.contains(" the heap grew by "), "{text}");
    assert!(first.ends_with(" a minute), exact."), "{text}");
    // Whatever is certain of the lines, what makes it certain is said.
    assert!(text.contains("remember_slowly") || text.contains("to be sure, watch longer"), "{text}");
    let live = || {
        let json = crate::ask(&target, "memstats", &["--json"]).json();
        let sections = json["sections"].as_array().unwrap().clone();
        let heap = sections.into_iter().find(|section| section["name"] == "heap").unwrap();
        let fields = heap["fields"].as_array().unwrap().clone();
        let live = fields.into_iter().find(|field| field["name"] == "alloc").unwrap();
        live["value"].as_u64().unwrap()
    };
    let before = live();
    let json = crate::ask(&target, "leaks", &["--duration", "3s", "--json"]).json();
    let after = live();
    let grew = json["exact_growth_bytes"].as_i64().unwrap_or_else(|| panic!("{json}"));
    assert!(grew > 0 && before < after, "{grew}, {before} then {after}");
}

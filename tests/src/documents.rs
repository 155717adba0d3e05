//! What the documents say of the tests is true: the files they name are there.

use std::fs;
use std::path::Path;

/// Words in backquotes that name a file of Rust.
fn named(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2).filter(|word| word.ends_with(".rs") && !word.contains(' '))
}

#[test]
fn every_test_that_a_document_names_is_there() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("it is in the workspace");
    let mut count = 0;
    for document in ["SECURITY.md", "SUPPORT.md", "ENGINES.md", "OVERHEAD.md", "TESTING.md"] {
        let text = fs::read_to_string(workspace.join("docs").join(document)).expect("a document");
        for name in named(&text) {
            // A name alone is that of a promise, `p13_socket_life.rs`, or of a module of the agent.
            let is_promise =
                name.starts_with('p') && name[1..].starts_with(|next: char| next.is_ascii_digit());
            if !is_promise && !name.contains('/') {
                continue;
            }
            let promise = workspace.join("tests/tests/promises").join(name);
            assert!(
                workspace.join(name).exists() || promise.exists(),
                "{document} names {name}, which is not there"
            );
            count += 1;
        }
    }
    assert!(count > 20, "only {count} files are named");
}

//! The `--json` output of each command matches its committed schema, `inspect/schemas/COMMAND.json`.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use rgops_tests::built;
use rgops_tests::running::{Running, rgops};
use rgops_tests::schema;
use serde_json::Value;

/// The command lines, with an output file for commands that write one.
const ASKED: [&[&str]; 17] = [
    &["info", "PID", "100ms"],
    &["list"],
    &["tree"],
    &["version", "PID"],
    &["stats", "PID"],
    &["memstats", "PID"],
    &["gc", "PID"],
    &["heap-rate", "PID"],
    &["heap-rate", "PID", "64KiB"],
    &["stack", "PID"],
    &["tasks", "PID"],
    &["pprof-cpu", "PID", "--duration", "500ms", "--output", "FILE"],
    &["pprof-heap", "PID", "--output", "FILE"],
    &["pprof-heap", "PID", "-d", "1s", "--output", "FILE"],
    &["leaks", "PID", "-d", "2s"],
    &["trace", "PID", "-d", "500ms", "--output", "FILE"],
    &["schedtrace", "PID", "--interval", "100ms", "--count", "2", "--detail"],
];

#[test]
fn json_matches_the_committed_schemas() {
    let _alone = crate::alone();
    let schemas = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("inspect/schemas");
    let directory = rgops_tests::directory::Directory::new();
    let programs = [
        Running::start(&built::release("leaky"), &[]),
        Running::start(&built::release("stuck"), &["--all-workers", "--workers", "2"]),
    ];
    let mut answered = BTreeSet::new();
    for program in &programs {
        let pid = program.pid().to_string();
        for (number, words) in ASKED.iter().enumerate() {
            let file = directory.path().join(format!("{pid}.{number}")).display().to_string();
            let word = |word: &&str| match *word {
                "PID" => pid.clone(),
                "FILE" => file.clone(),
                other => other.to_owned(),
            };
            let arguments: Vec<String> = words.iter().map(word).chain(["--json".to_owned()]).collect();
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            let answer = rgops(&arguments);
            if answer.output.is_empty() {
                // Only the other program allows this command, or has its data: a sampled heap, a watched runtime.
                let is_none = answer.code == 4 || answer.errors.contains("no Tokio runtime is watched");
                assert!(is_none, "{words:?}: {answer:?}");
                continue;
            }
            answered.insert(words[0]);
            let file = schemas.join(words[0]).with_extension("json");
            let schema: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
            let documents = serde_json::Deserializer::from_str(&answer.output).into_iter::<Value>();
            for document in documents {
                let document = document.unwrap();
                let wrong = schema::wrong(&schema, &document);
                assert!(wrong.is_empty(), "{words:?}: {}\n{document:#}", wrong.join("\n"));
            }
        }
    }
    for entry in fs::read_dir(&schemas).unwrap() {
        let command = entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned();
        assert!(answered.contains(command.as_str()), "{command} answered nothing");
    }
}

//! The `--json` output of each command matches its committed schema, `inspect/schemas/COMMAND.json`.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use rgops_tests::built;
use rgops_tests::running::{Running, rgops};
use rgops_tests::schema;
use serde_json::Value;

/// Commands with other arguments than `PID`, or with several command lines. `FILE` is an output file, `PROFILE` that of
/// the first command, and `FOLDER` has the programs.
const ASKED: [&[&str]; 13] = [
    &["pprof-cpu", "PID", "--duration", "500ms", "--output", "FILE"],
    &["info", "PID", "100ms"],
    &["list"],
    &["tree"],
    &["heap-rate", "PID"],
    &["heap-rate", "PID", "64KiB"],
    &["pprof-heap", "PID", "--output", "FILE"],
    &["pprof-heap", "PID", "-d", "1s", "--output", "FILE"],
    &["leaks", "PID", "-d", "2s"],
    &["trace", "PID", "-d", "500ms", "--output", "FILE"],
    &["schedtrace", "PID", "--interval", "100ms", "--count", "2", "--detail"],
    &["top", "PID", "--interval", "300ms", "--count", "2"],
    &["symbolize", "PROFILE", "--symbols", "FOLDER", "--output", "FILE"],
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
    let commands = fs::read_dir(&schemas).unwrap().map(|entry| entry.unwrap().path());
    let commands: BTreeSet<String> =
        commands.map(|file| file.file_stem().unwrap().to_string_lossy().into_owned()).collect();
    let is_plain = |command: &&String| !ASKED.iter().any(|words| words[0] == command.as_str());
    let plain = commands.iter().filter(is_plain).map(|command| vec![command.as_str(), "PID"]);
    let asked: Vec<Vec<&str>> = ASKED.iter().map(|words| words.to_vec()).chain(plain).collect();
    let mut answered = BTreeSet::new();
    for program in &programs {
        let pid = program.pid().to_string();
        for (number, words) in asked.iter().enumerate() {
            let file = directory.path().join(format!("{pid}.{number}")).display().to_string();
            let profile = directory.path().join(format!("{pid}.0")).display().to_string();
            let folder = built::release("leaky").parent().unwrap().display().to_string();
            let word = |word: &&str| match *word {
                "PROFILE" => profile.clone(),
                "FOLDER" => folder.clone(),
                "PID" => pid.clone(),
                "FILE" => file.clone(),
                other => other.to_owned(),
            };
            let arguments: Vec<String> = words.iter().map(word).chain(["--json".to_owned()]).collect();
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            let answer = rgops(&arguments);
            if answer.output.is_empty() {
                // Only the other program allows this command, or has its data: a sampled heap, a watched runtime.
                let is_none = answer.code == 4
                    || answer.errors.contains("no Tokio runtime is watched")
                    || answer.errors.contains("cannot find a Tokio runtime");
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
    for command in &commands {
        assert!(answered.contains(command.as_str()), "{command} answered nothing");
    }
}

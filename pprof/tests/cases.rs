//! Whole reports compared with those of google/pprof, line by line. The cases are not part of the repository: they are
//! read from `../shared/pprof-cases` beside it, or from the folder `RGOPS_PPROF_CASES`, and without that nothing is
//! compared.

#![expect(clippy::unwrap_used, reason = "a test that cannot read its cases has failed")]

#[allow(dead_code, reason = "its main is not called here")]
#[path = "../examples/report.rs"]
mod report;

use std::path::{Path, PathBuf};

#[test]
fn reports_are_those_of_pprof_line_by_line() {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/pprof-cases");
    let folder = std::env::var_os("RGOPS_PPROF_CASES").map_or(beside, PathBuf::from);
    let Ok(cases) = std::fs::read_to_string(folder.join("cases.tsv")) else {
        eprintln!("skipped: there is no {}", folder.display());
        return;
    };
    let profiles = folder.join("profiles");
    let mut wrong = Vec::new();
    for case in cases.lines().skip(1) {
        let [number, exit, options, files] = case.split('\t').collect::<Vec<_>>()[..] else {
            panic!("{case}")
        };
        let path = |file: &str| profiles.join(file).display().to_string();
        let option = |option: &str| match option.split_once('=') {
            Some((name @ ("-base" | "-diff_base"), file)) => format!("{name}={}", path(file)),
            _ => option.to_owned(),
        };
        let arguments = options.split(' ').map(option).chain(files.split(' ').map(path));
        let mut text = Vec::new();
        let made = report::run(arguments, &mut text);
        let is_equal = match (exit, made) {
            ("fails", made) => made.is_err(),
            (_, Err(_)) => false,
            (_, Ok(_)) => {
                let expected = std::fs::read(folder.join("expected").join(number)).unwrap();
                lines(&expected) == lines(&text)
            }
        };
        if !is_equal {
            wrong.push(format!("{number}: {options} {files}"));
        }
    }
    assert!(wrong.is_empty(), "{} reports differ:\n{}", wrong.len(), wrong.join("\n"));
}

/// The lines of a report without the blanks at their ends.
fn lines(text: &[u8]) -> Vec<String> {
    String::from_utf8_lossy(text).lines().map(|line| line.trim_end().to_owned()).collect()
}

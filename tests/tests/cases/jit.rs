//! Code made at run time has the name in the perf map, otherwise that of its mapping: on the screen, in JSON and in
//! profiles.
#![cfg(target_arch = "x86_64")]

use rgops_tests::profiled::Profiled;
use rgops_tests::running::Running;
use rgops_tests::waiting;
use serde_json::Value;

/// A program, and its perf map, which goes with it.
struct Compiled {
    program: Running,
}

impl Compiled {
    fn start(arguments: &[&str]) -> Compiled {
        Compiled { program: crate::start(&[&["jit"], arguments].concat()) }
    }

    /// The names of the main thread's functions, from the leaf, once the code made at run time has called back.
    fn calls(&self) -> Vec<String> {
        waiting::until("the code runs", || {
            let stack = crate::ask(&self.program, "stack", &["--json"]).json();
            let threads = stack["threads"].as_array().unwrap();
            let main = threads.iter().find(|thread| thread["role"] == "main")?;
            let name = |frame: &Value| frame["function"].as_str().unwrap_or_default().to_owned();
            let names: Vec<String> = main["frames"].as_array().unwrap().iter().map(name).collect();
            names.iter().any(|name| name == "cases::jit::callback").then_some(names)
        })
    }
}

impl Drop for Compiled {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(format!("/tmp/perf-{}.map", self.program.pid()));
    }
}

fn caller_of_callback(names: &[String]) -> (&str, &[String]) {
    let at = names.iter().position(|name| name == "cases::jit::callback").unwrap() + 1;
    (&names[at], &names[at + 1..])
}

#[test]
fn it_has_the_name_in_the_perf_map() {
    for how in ["fp", "nofp"] {
        let compiled = Compiled::start(&[how, "wasm::handler"]);
        assert_eq!(caller_of_callback(&compiled.calls()).0, "wasm::handler", "{how}");
        let profiled = Profiled::take(&compiled.program, 1, 199);
        assert!(profiled.functions.contains("wasm::handler"), "{how}: {:?}", profiled.functions);
        assert!(profiled.answer.output.contains("wasm::handler"), "{how}: {}", profiled.answer.output);
    }
}

#[test]
fn without_a_map_it_has_the_name_of_its_mapping() {
    for how in ["fp", "nofp"] {
        let compiled = Compiled::start(&[how]);
        let calls = compiled.calls();
        let name = caller_of_callback(&calls).0;
        assert!(name.starts_with("[jit 0x") && name.ends_with("000]"), "{how}: {name}");
        let profiled = Profiled::take(&compiled.program, 1, 199);
        assert!(profiled.functions.contains(name), "{how}: {:?}", profiled.functions);
        assert!(profiled.answer.output.contains(name), "{how}: {}", profiled.answer.output);
    }
}

#[test]
fn a_name_in_the_map_is_text_and_not_orders_for_the_terminal() {
    let compiled = Compiled::start(&["fp", &format!("a\u{1b}[31m{}", "b".repeat(10_000))]);
    compiled.calls();
    let profiled = Profiled::take(&compiled.program, 1, 199).answer.output;
    for screen in [profiled, crate::ask(&compiled.program, "stack", &["--verbose"]).output] {
        assert!(screen.contains("bbbb") && !screen.contains('\u{1b}'), "{screen}");
        assert!(screen.lines().all(|line| line.chars().count() <= 400), "{screen}");
    }
}

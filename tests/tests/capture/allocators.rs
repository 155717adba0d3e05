//! Heap profiles, memory numbers and `gc` with jemalloc and mimalloc: jemalloc's own profile, and the wrapper around
//! either. Only with `RGOPS_LONG=1`, because building jemalloc takes one or two minutes.

use std::path::PathBuf;
use std::process::Command;

use rgops_inspect::budget;
use rgops_inspect::profile::{self, proto::Profile, top};
use rgops_tests::built;
use rgops_tests::directory::Directory;
use rgops_tests::running::{Running, rgops};
use serde_json::Value;

/// Bytes that the program keeps.
const KEPT: f64 = 33_554_432.0;
/// One σ of the estimate, for blocks far smaller than the 512 KiB between two samples.
const SIGMA: f64 = 4.2e6;

#[test]
fn jemallocs_own_profile() {
    let Some(target) = start("jemalloc", Some("prof:true,prof_active:true,lg_prof_sample:19")) else {
        return;
    };
    let taken = Taken::of(&target, &[]);
    assert_eq!(taken.json["source"], "jemalloc", "{}", taken.json);
    taken.names_what_is_kept();
    // jemalloc counts freed memory only if `prof_accum` is set.
    let file = taken.directory.path().join("all.pb.gz").display().to_string();
    let answer = rgops(&["pprof-heap", &target.pid().to_string(), "-alloc_space", "--output", &file]);
    assert!(answer.code != 0 && answer.errors.contains("prof_accum:true"), "{answer:?}");
    drop(target);

    let accumulating = "prof:true,prof_active:true,prof_accum:true,lg_prof_sample:19";
    let target = start("jemalloc", Some(accumulating)).unwrap();
    let taken = Taken::of(&target, &["-alloc_space"]);
    taken.names_what_is_kept();
    let allocated = taken.value("burst", "alloc_space");
    assert!((allocated - 4.0 * KEPT).abs() < 3.0 * 2.0 * SIGMA, "{allocated} of {}", 4.0 * KEPT);
    assert_eq!(taken.value("burst", "inuse_space"), 0.0);
}

#[test]
fn jemalloc_without_its_profiler_reports_how_to_enable_it() {
    let Some(target) = start("jemalloc", None) else { return };
    let answer = rgops(&["pprof-heap", &target.pid().to_string()]);
    assert!(answer.code != 0 && answer.errors.contains("MALLOC_CONF=prof:true"), "{answer:?}");
    let memory = rgops(&["memstats", &target.pid().to_string()]).output;
    assert!(memory.contains("[jemalloc]"), "{memory}");
    releases_memory(&target, "[jemalloc] mallctl arena.4096.purge (all arenas) in ");
}

#[test]
fn the_wrapper_around_jemalloc() {
    // jemalloc's own profiler is also active; the wrapper's profile is shown.
    let Some(target) = start("jemalloc,wrapped", Some("prof:true,prof_active:true")) else { return };
    let taken = Taken::of(&target, &[]);
    assert_eq!(taken.json["source"], "wrapper", "{}", taken.json);
    taken.names_what_is_kept();
    assert_eq!(taken.value("burst", "inuse_space"), 0.0);
    releases_memory(&target, "[jemalloc] mallctl arena.4096.purge (all arenas) in ");
}

#[test]
fn the_wrapper_around_mimalloc() {
    let Some(target) = start("mimalloc,wrapped", None) else { return };
    let taken = Taken::of(&target, &[]);
    taken.names_what_is_kept();
    assert_eq!(taken.value("burst", "inuse_space"), 0.0);
    let memory = rgops(&["memstats", &target.pid().to_string()]).output;
    assert!(memory.contains("[mimalloc]"), "{memory}");
    releases_memory(&target, "[mimalloc] mi_collect(true)");
}

/// The program on an allocator; `None`, with a notice, without `RGOPS_LONG=1`.
fn start(features: &str, malloc_conf: Option<&str>) -> Option<Running> {
    if std::env::var_os("RGOPS_LONG").is_none() {
        println!("SKIPPED: builds jemalloc and mimalloc; run with RGOPS_LONG=1");
        return None;
    }
    let mut command = Command::new(built::allocators(features));
    if let Some(malloc_conf) = malloc_conf {
        command.env("_RJEM_MALLOC_CONF", malloc_conf);
    }
    let mut target = Running::run(&mut command);
    assert_eq!(target.line(), "ready");
    Some(target)
}

/// `gc` names the call, and less memory is resident than before.
fn releases_memory(target: &Running, called: &str) {
    let pid = target.pid().to_string();
    let explained = |name: &str| {
        let json = rgops(&["memstats", &pid, "--json"]).json();
        json["explained"][name].as_f64().unwrap_or_else(|| panic!("{json}"))
    };
    let resident = || explained("rss_bytes");
    let before = resident();
    let releasable = explained("releasable_bytes");
    assert!(releasable > 3.0 * KEPT, "memstats shows before that 128 MiB are reclaimable: {releasable}");
    let given = rgops(&["gc", &pid]);
    assert_eq!(given.code, 0, "{given:?}");
    assert!(given.output.starts_with(called), "{given:?}");
    let after = resident();
    println!("{}resident: {before} before, {after} after", given.output);
    // The kept memory, the agent's own, and the executable; without the 128 MiB that were freed.
    assert!(after < 2.0 * KEPT && after <= before, "{after}: {given:?}");
}

/// A profile, as JSON and as a file.
struct Taken {
    json: Value,
    profile: Profile,
    directory: Directory,
}

impl Taken {
    fn of(target: &Running, arguments: &[&str]) -> Taken {
        let directory = Directory::new();
        let file: PathBuf = directory.path().join("heap.pb.gz");
        let (pid, output) = (target.pid().to_string(), file.display().to_string());
        let own = ["pprof-heap", &pid, "--json", "--output", &output];
        let answer = rgops(&[&own[..], arguments].concat());
        assert_eq!(answer.code, 0, "{answer:?}");
        let profile = profile::read(&std::fs::read(file).unwrap()).unwrap();
        Taken { json: answer.json(), profile, directory }
    }

    /// The cumulative value of the program's function of this name; 0 if no sample contains it.
    fn value(&self, function: &str, kind: &str) -> f64 {
        let top = top::within(
            &budget::standard(),
            &self.profile,
            top::Options { sample_type: kind, rows: 0, by_cum: false },
        );
        let name = format!("allocators::{function}");
        top.table.rows.iter().find(|row| *row.name == *name).map_or(0.0, |row| row.cum as f64)
    }

    fn names_what_is_kept(&self) {
        // The innermost line is the program's own: frames of the allocator are removed, although with line tables
        // alone they have short names.
        let top = top::within(
            &budget::standard(),
            &self.profile,
            top::Options { sample_type: "inuse_space", rows: 1, by_cum: false },
        );
        assert_eq!(&*top.table.rows[0].name, "fill", "{}", self.json);
        let kept = self.value("keep", "inuse_space");
        println!("kept: {kept}, truth {KEPT}, {:+.2} sigma", (kept - KEPT) / SIGMA);
        assert!((kept - KEPT).abs() < 3.0 * SIGMA, "{kept} of {KEPT}: {}", self.json);
    }
}

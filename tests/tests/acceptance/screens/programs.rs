//! Programs in a fixed state, and the commands that run on each of them.

use serde_json::Value;

use super::masked::{
    details, growth, memory, own_frames, profile, released, row, schedulers, threads, threads_by_name,
    unmasked,
};
use super::screen::Screens;

#[test]
fn a_program_that_waits() {
    let _alone = crate::alone();
    let mut screens = Screens::of("deadlock", "stuck", &["--async-deadlock", "--workers", "1"]);
    let tasks: Value = serde_json::from_str(&screens.output("tasks PID --json")).unwrap();
    let found = |list: &str, is_it: fn(&Value) -> bool, field: &str| {
        tasks[list].as_array().unwrap().iter().find(|one| is_it(one)).unwrap()[field].as_u64().unwrap()
    };
    let seller = found("tasks", |task| task["future"] == "stuck::sell", "id");
    let counter = found("tasks", |task| task["future"] == "stuck::count_stock", "id");
    let lock = found("resources", |resource| resource["kind"] == "mutex", "address");
    screens.define("SELLER", seller.to_string());
    screens.define("COUNTER", counter.to_string());
    screens.define("LOCK", format!("{lock:#x}"));
    screens.show("tasks PID", unmasked);
    screens.show("tasks PID --all", unmasked);
    screens.show("tasks PID --state running", unmasked);
    screens.show("tasks PID --match sell", unmasked);
    screens.show("tasks PID --task SELLER", unmasked);
    screens.show("tasks PID --task 4294967296", unmasked);
    screens.show("tasks PID --waiting-on COUNTER", unmasked);
    screens.show("tasks PID --waiting-on LOCK", unmasked);
    screens.show("tasks PID --runtime main", unmasked);
    screens.show("tasks PID --runtime other", unmasked);
    screens.show("tasks PID --dot", unmasked);
    screens.show("tasks PID --verbose", own_frames);
    screens.show("stack PID", own_frames);
    screens.show("stack PID --all", own_frames);
    screens.show("stats PID", threads);
    screens.show("stats PID --all", threads);
    screens.show("version PID", unmasked);
    screens.show("version PID --deps", unmasked);
    screens.show("memstats PID", memory);
    screens.show("memstats PID --verbose", memory);
    screens.show("info PID", details);
    screens.show("PID 1s", details);
    screens.show("list", row);
    screens.show("tree", row);
    screens.show("schedtrace PID --count 1 --interval 50ms", schedulers);
    screens.show("schedtrace PID --count 1 --interval 50ms --detail", schedulers);
}

#[test]
fn a_program_whose_workers_are_blocked() {
    let _alone = crate::alone();
    let mut screens = Screens::of("blocked", "stuck", &["--all-workers", "--lock", "--workers", "1"]);
    screens.show("stack PID", own_frames);
    screens.show("tasks PID", own_frames);
    screens.show("stats PID", threads);
    screens.show("schedtrace PID --count 1 --interval 50ms", schedulers);
    screens.show("schedtrace PID --count 1 --interval 50ms --detail", schedulers);
}

#[test]
fn threads_at_the_same_place() {
    let _alone = crate::alone();
    let mut screens = Screens::of("mutex", "stuck", &["--mutex", "--workers", "1"]);
    screens.show("stack PID", own_frames);
    screens.show("stack PID --all", own_frames);
}

#[test]
fn a_program_that_uses_the_cpu() {
    let _alone = crate::alone();
    let mut screens = Screens::of("spinning", "stuck", &["--all-workers", "--workers", "2"]);
    screens.show("pprof-cpu PID --duration 1s --force --output FILE", profile);
    screens.show("trace PID --duration 1s --force --output FILE", threads_by_name);
}

#[test]
fn a_program_that_allocates() {
    let _alone = crate::alone();
    let mut screens = Screens::of("leaky", "leaky", &["--leak", "4MiB", "--fill", "0", "--churn", "0"]);
    screens.show("heap-rate PID", unmasked);
    screens.show("heap-rate PID off", unmasked);
    // More samples, so that the result depends less on chance.
    screens.show("heap-rate PID 64KiB", unmasked);
    screens.show("leaks PID --duration 3s", growth);
    screens.show("pprof-heap PID --duration 1s --force --output FILE", profile);
    screens.stop_allocating();
    screens.show("pprof-heap PID --force --output FILE", profile);
    screens.show("pprof-heap PID --inuse-objects --force --output FILE", profile);
    screens.show("pprof-heap PID --alloc-space --force --output FILE", profile);
    screens.show("memstats PID", memory);
    screens.show("gc PID", released);
}

//! Engine `pprof`, chosen by option: its profile has names, states which engine took it and what is unavailable.
//! Afterwards the program has its signal back. Needs the feature `engine-pprof`.

use std::collections::{BTreeMap, BTreeSet};
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rgops_agent::{CpuEngine, Options};
use rgops_inspect::client::{Client, ClientError, Endpoint, Event, Timeouts};
use rgops_inspect::profile;
use rgops_protocol::error::Code;
use rgops_protocol::reply::NoteKind;
use rgops_protocol::reply::pprof_cpu::{FIRST_NUMBERED_THREAD, PprofCpuPart};
use rgops_protocol::request::{PprofCpuRequest, Request};
use rgops_tests::itself::{self, Itself};
use rgops_tests::running::rgops;
use rgops_tests::waiting::until;

static STOP: AtomicBool = AtomicBool::new(false);

#[inline(never)]
fn outer_loop() {
    while !STOP.load(Ordering::Relaxed) {
        inner_loop();
        black_box(());
    }
}

#[inline(never)]
fn inner_loop() {
    let mut number = 1u64;
    for step in 0..100_000u64 {
        number = number.wrapping_mul(33).wrapping_add(black_box(step));
    }
    black_box(number);
}

/// The handler in the disposition of SIGPROF.
fn handler_of_sigprof() -> usize {
    // SAFETY: plain data, valid when zeroed; sigaction(2) only writes the old disposition, which is valid.
    unsafe {
        let mut current: libc::sigaction = std::mem::zeroed();
        assert_eq!(libc::sigaction(libc::SIGPROF, std::ptr::null(), &mut current), 0);
        current.sa_sigaction
    }
}

#[test]
#[ignore = "started by another test"]
fn spins() {
    if !itself::is_target() {
        return;
    }
    let spinning = std::thread::Builder::new().name("spinner".to_owned()).spawn(outer_loop).unwrap();
    itself::listen_with(Options::default().cpu_engine(CpuEngine::Pprof));
    STOP.store(true, Ordering::Relaxed);
    spinning.join().unwrap();
    println!("\nhandler {}", handler_of_sigprof());
}

#[test]
fn its_profile_has_names_and_states_its_engine() {
    let target = Itself::start("engine_pprof::spins");
    let file = std::env::temp_dir().join(format!("rgops-engine-pprof-{}.pb.gz", std::process::id()));
    let (pid, path) = (target.pid().to_string(), file.display().to_string());
    let answer = rgops(&["pprof-cpu", &pid, "--duration", "2", "--hz", "99", "--output", &path, "--json"]);
    let bytes = std::fs::read(&file).unwrap_or_else(|error| panic!("{error}: {answer:?}"));
    std::fs::remove_file(&file).unwrap();
    let profile = profile::read(&bytes).unwrap();
    println!("{}{}", answer.output, answer.errors);

    let comments: Vec<&str> = profile.comment.iter().map(|comment| profile.text(*comment)).collect();
    assert!(comments.contains(&"# engine: pprof at 99 Hz"), "{comments:?}");
    assert!(comments.contains(&"# a better engine was not used: the program chose this one"), "{comments:?}");
    let json = answer.json();
    assert_eq!(json["reconciliation"]["engine"], "pprof");
    let notes = json["notes"].as_array().unwrap();
    assert!(notes.iter().any(|note| note["kind"] == "approximate" && note["what"] == "samples"), "{notes:?}");

    // The innermost frames have names, none of them of the handler; weights are the samples times the period.
    let functions: BTreeMap<u64, &str> =
        profile.function.iter().map(|function| (function.id, profile.text(function.name))).collect();
    let names_of = |location: &u64| -> Vec<&str> {
        let location = profile.location.iter().find(|known| known.id == *location).unwrap();
        location.line.iter().map(|line| functions[&line.function_id]).collect()
    };
    let (mut spun, mut weight, mut seen) = (0, 0, BTreeSet::new());
    for sample in &profile.sample {
        let [count, cpu_ns] = sample.value[..] else { panic!("{sample:?}") };
        assert_eq!(cpu_ns, count * profile.period);
        weight += count;
        let names: Vec<&str> = sample.location_id.iter().flat_map(names_of).collect();
        let label = sample.label.iter().find(|label| profile.text(label.key) == "thread").unwrap();
        assert!(sample.label.iter().all(|label| profile.text(label.key) != "tid"), "{sample:?}");
        let inner = names.iter().position(|name| name.ends_with("inner_loop"));
        if let Some(inner) = inner.filter(|_| profile.text(label.str) == "spinner") {
            assert!(names[inner..].iter().any(|name| name.ends_with("outer_loop")), "{names:?}");
            spun += count;
        }
        seen.extend(names);
    }
    assert!(!seen.iter().any(|name| name.contains("perf_signal_handler")), "{seen:?}");
    assert!(spun > weight / 2 && spun > 20, "{spun} of {weight}: {seen:?}");
    let process_ns = json["reconciliation"]["process_cpu_ns"].as_i64().unwrap();
    assert!(weight * profile.period <= process_ns + 20 * profile.period, "{weight} weights, {process_ns} ns");
    let program = &profile.mapping[0];
    assert!(!profile.text(program.build_id).is_empty() && program.has_functions, "{program:?}");

    let text = target.end();
    assert!(text.contains(&format!("handler {}", libc::SIG_DFL)), "{text}");
}

#[test]
fn its_answer_accounts_for_the_clock_and_other_commands_use_the_native_engine() {
    let target = Itself::start("engine_pprof::spins");
    let profile = target.profile(1000);
    let totals = profile.totals();
    let weight: u64 = profile.samples.iter().map(|sample| u64::from(sample.weight)).sum();
    assert_eq!((weight, profile.samples.len() as u64), (totals.weight, totals.samples));
    assert!(weight > 0);
    // 999 Hz is rounded to whole microseconds for the crate's timer.
    let explained = totals.weight * 1_001_000 + totals.unsampled_cpu_ns;
    assert!(explained >= totals.process_cpu_ns - totals.agent_cpu_ns, "{totals:?}");
    let spinner = profile.thread("spinner");
    assert!(spinner.tid >= FIRST_NUMBERED_THREAD && spinner.weight > totals.weight / 2, "{totals:?}");
    assert!(profile.notes.iter().any(|note| note.kind == NoteKind::Approximate), "{:?}", profile.notes);
    // Afterwards dumps work as before, and so does another profile.
    assert!(target.dump().iter().any(|thread| thread.name == "spinner" && !thread.stack.frames.is_empty()));
    assert!(target.profile(200).totals().weight > 0);
    assert!(target.end().contains(&format!("handler {}", libc::SIG_DFL)));
}

extern "C" fn nothing(_: i32) {}

/// Installs [`nothing`] for SIGPROF.
fn install_nothing() {
    // SAFETY: the handler does nothing, so it is async-signal-safe.
    unsafe { libc::signal(libc::SIGPROF, nothing as *const () as usize) };
}

fn listen_and_print_whether_the_empty_handler_is_kept() {
    itself::listen_with(Options::default().cpu_engine(CpuEngine::Pprof));
    println!("\nkept {}", handler_of_sigprof() == nothing as *const () as usize);
}

#[test]
#[ignore = "started by another test"]
fn has_a_handler() {
    if itself::is_target() {
        install_nothing();
        listen_and_print_whether_the_empty_handler_is_kept();
    }
}

#[test]
#[ignore = "started by another test"]
fn has_a_timer() {
    if itself::is_target() {
        let time = libc::timeval { tv_sec: 1000, tv_usec: 0 };
        let mut timer = libc::itimerval { it_interval: time, it_value: time };
        // SAFETY: both pointers are valid. No signal arrives within 1000 s of CPU time.
        unsafe {
            assert_eq!(libc::setitimer(libc::ITIMER_PROF, &timer, std::ptr::null_mut()), 0);
            itself::listen_with(Options::default().cpu_engine(CpuEngine::Pprof));
            assert_eq!(libc::getitimer(libc::ITIMER_PROF, &mut timer), 0);
        }
        println!("\nkept {}", timer.it_value.tv_sec > 900);
    }
}

#[test]
fn a_program_that_uses_sigprof_itself_is_refused_and_keeps_it() {
    for (name, why) in
        [("engine_pprof::has_a_handler", "SIGPROF handler"), ("engine_pprof::has_a_timer", "ITIMER_PROF")]
    {
        let target = Itself::start(name);
        let request = Request::PprofCpu(PprofCpuRequest { duration_ms: 100, hz: 99 });
        let error = target.ask::<PprofCpuPart>(&request).unwrap().end.unwrap_err();
        let ClientError::Agent(error) = error else { panic!("{error}") };
        assert_eq!(error.code(), Code::Unsupported);
        assert!(error.why.contains(why), "{error:?}");
        assert!(target.end().contains("kept true"), "{name}");
    }
}

#[test]
#[ignore = "started by another test"]
fn takes_the_signal() {
    if itself::is_target() {
        let thread = std::thread::spawn(|| {
            while handler_of_sigprof() == libc::SIG_DFL && !STOP.load(Ordering::Relaxed) {
                inner_loop();
            }
            install_nothing();
        });
        listen_and_print_whether_the_empty_handler_is_kept();
        STOP.store(true, Ordering::Relaxed);
        thread.join().unwrap();
    }
}

#[test]
fn a_handler_installed_meanwhile_ends_the_profile_and_stays() {
    let target = Itself::start("engine_pprof::takes_the_signal");
    let profile = target.profile(60_000);
    let early = profile.notes.iter().find(|note| note.kind == NoteKind::EndedEarly).unwrap();
    assert!(early.why.starts_with("the program installed its own SIGPROF handler"), "{early:?}");
    assert!(target.end().contains("kept true"));
}

#[test]
fn an_abandoned_profile_restores_the_signal() {
    let target = Itself::start("engine_pprof::spins");
    let endpoint = Endpoint::Local { path: target.address().into(), expected: None };
    let timeouts = Timeouts { connect: Duration::from_secs(10), silence: Duration::from_secs(30) };
    let request = Request::PprofCpu(PprofCpuRequest { duration_ms: 60_000, hz: 99 });
    let mut answer = Client::connect(&endpoint, timeouts).unwrap().ask(&request).unwrap();
    // The first part is sent when the profile has begun.
    while !matches!(answer.next_event().unwrap(), Event::Data(_)) {}
    drop(answer);
    until("another profile can be taken", || target.try_profile(99, 100).ok());
    assert!(target.end().contains(&format!("handler {}", libc::SIG_DFL)));
}

#[test]
#[ignore = "started by another test"]
fn chooses_nothing() {
    if itself::is_target() {
        itself::listen_until_input();
    }
}

#[test]
fn compiled_in_it_is_not_the_default() {
    let target = Itself::start("engine_pprof::chooses_nothing");
    let request = Request::PprofCpu(PprofCpuRequest { duration_ms: 100, hz: 99 });
    let parts = target.ask::<PprofCpuPart>(&request).unwrap().parts;
    let Some(PprofCpuPart::Start(start)) = parts.first() else { panic!("{parts:?}") };
    assert_eq!((&*start.engine, &*start.fallback), ("native", ""));
    target.end();
}

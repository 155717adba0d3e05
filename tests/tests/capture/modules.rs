//! Code that is loaded and unloaded, and code without unwind data. Libraries that are loaded and unloaded during a
//! profile keep their own names. Stripped libraries and the vDSO are walked through. Code that is generated at run
//! time is walked by its frame pointers, and counted.

use std::ffi::CString;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rgops_inspect::profile::proto::Profile as Pprof;
use rgops_protocol::reply::pprof_cpu::CpuSample;
use rgops_protocol::reply::{Module, NoteKind, StackEnd};
use rgops_tests::itself::{self, Itself, Profile};
use rgops_tests::running::rgops;

const DIRECTORY: &str = "RGOPS_TEST_LIBRARIES";

/// Small libraries, compiled by the C compiler; removed when dropped.
struct Libraries(PathBuf);

impl Libraries {
    /// Compiles libraries in which `NAME_outer` calls `NAME_spin`, after this number of bytes of other code.
    fn make(libraries: &[(&str, usize, &[&str])]) -> Libraries {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("rgops-modules-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        for (name, bytes, flags) in libraries {
            let source = folder.join(format!("{name}.c"));
            let text = format!(
                "__asm__(\".text\\n.space {bytes}, 0x90\\n\");
                __attribute__((noinline)) unsigned long {name}_spin(unsigned long turns) {{
                    unsigned long sum = turns;
                    for (unsigned long turn = 0; turn < turns; turn++) {{
                        sum = sum * 33 + turn;
                        __asm__ volatile(\"\" : \"+r\"(sum));
                    }}
                    return sum;
                }}
                unsigned long {name}_outer(unsigned long turns) {{ return {name}_spin(turns) + 1; }}"
            );
            std::fs::write(&source, text).unwrap();
            let mut compiler = Command::new("cc");
            compiler.args(["-O1", "-fno-optimize-sibling-calls", "-shared", "-fPIC", "-o"]);
            compiler.arg(Libraries::path(&folder, name)).arg(&source).args(*flags);
            assert!(compiler.status().unwrap().success());
        }
        Libraries(folder)
    }

    fn path(folder: &Path, name: &str) -> PathBuf {
        folder.join(format!("lib{name}.so"))
    }

    fn start(&self, test: &str) -> Itself {
        Itself::start_with(test, &[(DIRECTORY, self.0.to_str().unwrap())])
    }
}

impl Drop for Libraries {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

type Outer = unsafe extern "C" fn(u64) -> u64;

/// A loaded library; unloaded when dropped.
struct Loaded(*mut libc::c_void, Outer);

impl Loaded {
    fn load(name: &str) -> Loaded {
        let folder = PathBuf::from(std::env::var_os(DIRECTORY).unwrap());
        let path = CString::new(Libraries::path(&folder, name).to_str().unwrap()).unwrap();
        let symbol = CString::new(format!("{name}_outer")).unwrap();
        // SAFETY: the library has no constructors, and its `NAME_outer` has this type.
        unsafe {
            let library = libc::dlopen(path.as_ptr(), libc::RTLD_NOW);
            assert!(!library.is_null());
            let outer = libc::dlsym(library, symbol.as_ptr());
            assert!(!outer.is_null());
            Loaded(library, std::mem::transmute::<*mut libc::c_void, Outer>(outer))
        }
    }

    fn call(&self, turns: u64) {
        // SAFETY: the function only computes, and its library is loaded while `self` lives.
        black_box(unsafe { self.1(turns) });
    }
}

impl Drop for Loaded {
    fn drop(&mut self) {
        // SAFETY: the handle is from `load`, and nothing of the library is used afterwards.
        unsafe { libc::dlclose(self.0) };
    }
}

fn run_until(end: Instant, mut work: impl FnMut()) {
    while Instant::now() < end {
        work();
    }
}

fn thread(name: &str, work: impl FnMut() + Send + 'static) {
    let mut work = work;
    let run = move || {
        loop {
            work();
        }
    };
    std::thread::Builder::new().name(name.into()).spawn(run).unwrap();
}

#[inline(never)]
fn calls_alpha(time: Duration) {
    let library = Loaded::load("alpha");
    run_until(Instant::now() + time, || library.call(100_000));
    black_box(&library);
}

#[inline(never)]
fn calls_beta(time: Duration) {
    let library = Loaded::load("beta");
    run_until(Instant::now() + time, || library.call(100_000));
    black_box(&library);
}

#[test]
#[ignore = "started by other tests"]
fn loads_and_unloads() {
    if !itself::is_target() {
        return;
    }
    thread("slow", || {
        // Longer than the agent may have to wait for a CPU on a loaded machine.
        calls_alpha(Duration::from_secs(1));
        calls_beta(Duration::from_secs(1));
    });
    itself::listen_until_input();
    // SAFETY: ends the process without waiting for its threads.
    unsafe { libc::_exit(0) };
}

/// The function names of each sample, leaf first, and its weight.
fn stacks(profile: &Pprof) -> Vec<(Vec<String>, u64)> {
    let name = |id: u64| {
        let location = profile.location.iter().find(|location| location.id == id).unwrap();
        let names = location.line.iter().map(|line| {
            let function = profile.function.iter().find(|function| function.id == line.function_id);
            profile.text(function.unwrap().name).to_owned()
        });
        names.collect::<Vec<_>>()
    };
    let stack = |sample: &rgops_inspect::profile::proto::Sample| {
        let names = sample.location_id.iter().flat_map(|id| name(*id)).collect();
        (names, sample.value[0].unsigned_abs())
    };
    profile.sample.iter().map(stack).collect()
}

#[test]
fn a_library_loaded_in_place_of_another_has_its_own_names() {
    let _alone = crate::alone();
    let libraries = Libraries::make(&[("alpha", 16, &[]), ("beta", 3000, &[])]);
    let target = libraries.start("modules::loads_and_unloads");
    let file = libraries.0.join("profile.pb.gz");
    let output = file.to_str().unwrap();
    let (seconds, pid) = (seconds().to_string(), target.pid().to_string());
    let answer =
        rgops(&["pprof-cpu", &pid, "--duration", &seconds, "--hz", "999", "--output", output, "--json"]);
    assert!([0, 6].contains(&answer.code), "{answer:?}");
    let profile = rgops_inspect::profile::read(&std::fs::read(&file).unwrap()).unwrap();
    let mut weights = [0; 2];
    let mut others = 0;
    for (names, weight) in stacks(&profile) {
        let has = |part: &str| names.iter().any(|name| name.contains(part));
        // The program's own functions, which are never unloaded, show which of the two it is.
        let of = [has("calls_alpha"), has("calls_beta")];
        assert!(!(of[0] && (has("beta_spin") || has("beta_outer"))), "{names:?}");
        assert!(!(of[1] && (has("alpha_spin") || has("alpha_outer"))), "{names:?}");
        if has("alpha_spin") && of[0] {
            weights[0] += weight;
        } else if has("beta_spin") && of[1] {
            weights[1] += weight;
        } else {
            others += weight;
        }
    }
    println!("alpha and beta {weights:?}, others {others}");
    // The other samples are uncertain: one library replaced the other at about that time.
    assert!(weights.iter().all(|weight| *weight > 0));
    target.end();
}

fn seconds() -> u64 {
    if std::env::var_os("RGOPS_LONG").is_some() { 30 } else { 4 }
}

#[test]
#[ignore = "started by other tests"]
fn loads_without_pause() {
    if !itself::is_target() {
        return;
    }
    static LOADS: AtomicU64 = AtomicU64::new(0);
    for name in ["alpha", "beta"] {
        thread("fast", move || {
            Loaded::load(name).call(50_000);
            LOADS.fetch_add(1, Ordering::Relaxed);
        });
    }
    itself::listen_until_input();
    println!("\nloads {}", LOADS.load(Ordering::Relaxed));
    // SAFETY: ends the process without waiting for its threads.
    unsafe { libc::_exit(0) };
}

#[test]
fn loading_and_unloading_without_pause_is_harmless() {
    let libraries = Libraries::make(&[("alpha", 16, &[]), ("beta", 3000, &[])]);
    let target = libraries.start("modules::loads_without_pause");
    let profile = target.profile(1000 * seconds());
    let lists = profile.modules.len();
    let totals = profile.totals();
    println!("{} samples, {lists} module lists, {} walks lost", totals.samples, totals.lost_walks);
    assert!(totals.weight > 0 && lists > 2);
    (0..5).for_each(|_| drop(target.dump()));
    let text = target.end();
    println!("{text}");
}

/// The samples of a thread, and whether nearly all of them reach the root.
fn samples<'p>(profile: &'p Profile, thread: &str) -> (Vec<&'p CpuSample>, bool) {
    let tid = profile.thread(thread).tid;
    let own: Vec<_> = profile.samples.iter().filter(|sample| sample.tid == tid).collect();
    let roots = own.iter().filter(|sample| sample.stack.end == StackEnd::Root).count();
    println!("{thread}: {} samples, {roots} whole", own.len());
    (own, roots > 0 && roots * 10 >= profile.samples.iter().filter(|sample| sample.tid == tid).count() * 9)
}

fn module<'p>(profile: &'p Profile, part: &str) -> &'p Module {
    let module = profile.modules.last().unwrap().iter().find(|module| module.path.contains(part));
    module.unwrap_or_else(|| panic!("no {part} in {:#?}", profile.modules))
}

fn leaves_in(samples: &[&CpuSample], module: &Module) -> usize {
    let code = module.start_avma..module.end_avma;
    samples.iter().filter(|sample| code.contains(&sample.stack.frames[0])).count()
}

#[test]
#[ignore = "started by other tests"]
fn runs_odd_code() {
    if !itself::is_target() {
        return;
    }
    let stripped = Loaded::load("stripped");
    let outer = stripped.1;
    std::mem::forget(stripped);
    // SAFETY: the library stays loaded, and its function has this type.
    thread("stripped", move || assert_ne!(unsafe { outer(black_box(1_000_000)) }, 0));
    thread("clock", || assert!(black_box(Instant::now()).elapsed() < Duration::MAX));
    #[cfg(target_arch = "x86_64")]
    {
        let made = made_at_run_time();
        thread("made", move || {
            // SAFETY: the code follows the C ABI and only computes.
            black_box(unsafe { made(black_box(1_000_000)) });
        });
    }
    itself::listen_until_input();
    // SAFETY: ends the process without waiting for its threads.
    unsafe { libc::_exit(0) };
}

/// A function in memory, as a JIT compiler generates it: with a frame pointer and without unwind data.
#[cfg(target_arch = "x86_64")]
fn made_at_run_time() -> Outer {
    // push rbp; mov rbp, rsp; again: dec rdi; jnz again; pop rbp; ret
    const CODE: [u8; 11] = [0x55, 0x48, 0x89, 0xe5, 0x48, 0xff, 0xcf, 0x75, 0xfb, 0x5d, 0xc3];
    // SAFETY: a new mapping of one page, which is written before it becomes executable. The code follows the C ABI.
    unsafe {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        let page = libc::mmap(std::ptr::null_mut(), 4096, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0);
        assert_ne!(page, libc::MAP_FAILED);
        page.cast::<[u8; 11]>().write(CODE);
        assert_eq!(libc::mprotect(page, 4096, libc::PROT_READ | libc::PROT_EXEC), 0);
        std::mem::transmute::<*mut libc::c_void, Outer>(page)
    }
}

#[test]
fn stripped_libraries_the_vdso_and_generated_code_are_walked_through() {
    let _alone = crate::alone();
    let libraries = Libraries::make(&[("stripped", 100, &["-s"])]);
    let target = libraries.start("modules::runs_odd_code");
    let profile = target.profile(2000);

    let (own, are_whole) = samples(&profile, "stripped");
    assert!(are_whole && leaves_in(&own, module(&profile, "libstripped")) * 10 > own.len() * 9);
    let (own, are_whole) = samples(&profile, "clock");
    let vdso = module(&profile, "[vdso]");
    println!("{} of them in the vDSO", leaves_in(&own, vdso));
    assert!(are_whole && vdso.has_unwind_data && leaves_in(&own, vdso) > 0);
    if cfg!(target_arch = "x86_64") {
        let (own, are_whole) = samples(&profile, "made");
        let is_known = |avma: u64| {
            let modules = profile.modules.last().unwrap().iter();
            modules.clone().any(|module| (module.start_avma..module.end_avma).contains(&avma))
        };
        let unknown = own.iter().filter(|sample| !is_known(sample.stack.frames[0])).count();
        assert!(are_whole && unknown * 10 > own.len() * 9);
        let note = profile.notes.iter().find(|note| note.why.contains("frame pointers")).unwrap();
        println!("{note:?}");
        assert_eq!((note.kind, &*note.what), (NoteKind::Approximate, "samples"));
        assert!(note.count as usize >= unknown && note.count < profile.totals().samples);
        let (_, notes) = target.dump_and_notes();
        assert!(notes.iter().any(|note| note.what == "stacks" && note.why.contains("frame pointers")));
    }
    target.end();
}

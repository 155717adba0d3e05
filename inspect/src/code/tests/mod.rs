//! Source lines, instructions and names of a small program whose function inlines code of three crates. Referees are
//! objdump(1) and addr2line(1).
#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use rgops_pprof::environment::{Environment as _, ObjectFile};
use rgops_pprof::profile::{Location, Mapping, MappingId, Profile, ValueType};
use rgops_pprof::{Format, Refined, Settings, Stop, source};

use super::{FileSettings, Files, Mode, symbolize};
use crate::budget;
use crate::text::hex;

mod disassembly;
mod lines;
mod names;

/// Where the program is mapped in the profiles.
const START: u64 = 0x5555_0000_0000;

/// The program, built once.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let folder = std::env::temp_dir().join(format!("rgops-code-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/code/tests/program");
        let crates = [("inner", "lib", ""), ("middle", "lib", "inner"), ("main", "bin", "middle")];
        for (name, kind, uses) in crates {
            let mut rustc = Command::new("rustc");
            rustc.args([
                "--edition=2024",
                "-Copt-level=3",
                "-Cdebuginfo=2",
                "-Clink-arg=-Wl,--build-id",
                "-L.",
            ]);
            rustc.args(["--crate-type", kind, "--crate-name", name]).arg(sources.join(format!("{name}.rs")));
            if !uses.is_empty() {
                rustc.args(["--extern", uses]);
            }
            let built = rustc.current_dir(&folder).output().unwrap();
            assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        }
        folder.join("main")
    })
}

fn build_id(program: &Path) -> String {
    use object::Object as _;
    let bytes = std::fs::read(program).unwrap();
    let file = object::File::parse(&*bytes).unwrap();
    hex(file.build_id().unwrap().unwrap())
}

/// A profile with one sample at each of these addresses of the program, without names.
fn profile(addresses: impl Iterator<Item = u64>, build_id: &str) -> Profile {
    let mut profile = Profile::default();
    let text = |profile: &mut Profile, text: &str| profile.texts.intern(text);
    let (kind, unit) = (text(&mut profile, "samples"), text(&mut profile, "count"));
    profile.sample_types = vec![ValueType { kind, unit }];
    let (file, build_id) = (text(&mut profile, &program().to_string_lossy()), text(&mut profile, build_id));
    // All of the file in one mapping, as some tools write it.
    profile.mappings =
        vec![Mapping { start: START, limit: START + 0x100_0000, file, build_id, ..Mapping::default() }];
    let labels = profile.label_sets.intern(&[]);
    for (at, address) in addresses.enumerate() {
        let address = START + address;
        profile.locations.push(Location { mapping: Some(MappingId(0)), address, ..Location::default() });
        let stack = profile.stacks.intern(&[rgops_pprof::profile::LocationId(at as u32)]);
        profile.samples.push(stack, labels, &[1]);
    }
    profile
}

fn files() -> Files {
    Files::new(FileSettings::from_environment(), &budget::standard())
}

fn named(profile: Profile) -> Profile {
    let settings = FileSettings::from_environment();
    let (named, report) = symbolize(profile, Mode::default(), &settings, &budget::standard(), Stop::never());
    assert_eq!(report.len(), 1);
    assert_eq!((report[0].named, &*report[0].symbols.reason), (report[0].addresses, ""), "{report:?}");
    named
}

/// The addresses of the instructions of a function of the program.
fn instructions_of(function: &str) -> Vec<u64> {
    let none = profile(std::iter::empty(), &build_id(program()));
    let mapping = none.mapping(MappingId(0));
    let path = program().to_string_lossy();
    let build_id = build_id(program());
    let file = ObjectFile { path: &path, build_id: &build_id, mapping };
    let files = files();
    let codes = files.code(&file, Some(&|name| name == function), None, Stop::never()).unwrap();
    let [code] = &codes[..] else { panic!("{function}: {codes:?}") };
    let instructions = files.instructions(&file, code.start, code.end, false, Stop::never()).unwrap();
    instructions.iter().map(|instruction| instruction.address).collect()
}

//! The cache of indexes: used, believed only when it is whole, and kept small.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use gimli::{Reader as _, SectionId};

use super::super::cache::{IndexCache, IndexKey};
use super::super::dwarf::{EntryId, ModuleDwarf};
use super::super::index::{Index, Scope};
use super::build::{Built, build};
use super::*;
use crate::budget::Budget;
use crate::dwarf::SplitFiles;
use crate::files::Work;
use crate::files::sections::Sections;

fn types(built: &Built, directory: &Path) -> ProgramTypes<'static> {
    let cache = IndexCache::new(directory.to_owned());
    ProgramTypes::with_cache(&[built.module()], TypeFiles::default(), Some(cache), |_| {})
}

fn files(directory: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect()
}

/// What the index is for, as text.
fn everything(built: &Built, directory: &Path) -> String {
    let types = types(built, directory);
    let found = built.polls().iter().map(|poll| types.task_types(*poll)).collect::<Vec<_>>();
    let futures = found.iter().flatten().map(|task| types.get(task.future).unwrap()).collect::<Vec<_>>();
    format!("{found:?} {futures:?} {:?}", types.named("tokio::scheduler::Handle"))
}

#[test]
fn an_index_is_remembered_privately_and_gives_the_same_types() {
    let built = build(&["-Cdebuginfo=2"]);
    let directory = built.directory.join("cache");
    let first = everything(&built, &directory);
    let [file] = &files(&directory)[..] else { panic!("{:?}", files(&directory)) };
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(file), mode(&directory)), (0o600, 0o700));
    let written = std::fs::read(file).unwrap();
    assert_eq!(everything(&built, &directory), first);
    assert_eq!(std::fs::read(file).unwrap(), written);
}

#[test]
fn an_index_is_used_if_it_is_the_builds_own() {
    let built = build(&["-Cdebuginfo=2"]);
    let directory = built.directory.join("cache");
    let right = everything(&built, &directory);
    let file = files(&directory).remove(0);

    // One that knows nothing: what is in the file is not looked for again.
    let (bytes, budget) = (std::fs::read(&built.path).unwrap(), Budget::default());
    let wanted = [SectionId::DebugInfo, SectionId::DebugAbbrev];
    let sections = Sections::read(&bytes[..], &wanted, &budget).unwrap();
    let dwarf = ModuleDwarf::new(&sections, SplitFiles::default(), &Work::new(&budget)).unwrap();
    let module = built.module();
    let key = IndexKey {
        build_id: &module.build_id,
        info_bytes: sections.get(SectionId::DebugInfo).len() as u64,
        units: dwarf.main().units.len() as u64,
    };
    IndexCache::new(directory.clone()).store(&key, &Index::default());
    assert_eq!(everything(&built, &directory), "[[], []] [] None");

    // Another build's, under this one's name.
    let build_id = [1; 20];
    IndexCache::new(directory.clone()).store(&IndexKey { build_id: &build_id, ..key }, &Index::default());
    let others = files(&directory).into_iter().find(|path| *path != file).unwrap();
    std::fs::rename(others, &file).unwrap();
    assert_eq!(everything(&built, &directory), right);
}

#[test]
fn a_damaged_index_is_ignored_and_written_anew() {
    let built = build(&["-Cdebuginfo=2"]);
    let directory = built.directory.join("cache");
    let right = everything(&built, &directory);
    let file = files(&directory).remove(0);
    let written = std::fs::read(&file).unwrap();
    let mut flipped = written.clone();
    flipped[written.len() / 2] ^= 1;
    let long = [&written[..], &[0]].concat();
    for damaged in [&[][..], b"rgopsTIx", &written[..written.len() - 1], &flipped, &long] {
        std::fs::write(&file, damaged).unwrap();
        assert_eq!(everything(&built, &directory), right);
        assert_eq!(std::fs::read(&file).unwrap(), written);
    }
    // Others may write to it.
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o666)).unwrap();
    assert_eq!(everything(&built, &directory), right);
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn an_index_is_charged_before_there_is_memory_for_it() {
    let directory = std::env::temp_dir().join(format!("rgops-types-charged-{}", std::process::id()));
    let cache = IndexCache::new(directory.clone());
    let key = IndexKey { build_id: &[7; 20], info_bytes: 1 << 30, units: 1 };
    // Two bytes each in the file, sixteen in memory.
    let polls = vec![(0, EntryId(0)); 500_000];
    cache.store(&key, &Index { polls, ..Index::default() });
    let budget = Budget::new(64 << 20);
    let (index, charge) = cache.load(&key, &budget).unwrap();
    assert_eq!((index.polls.len(), budget.charged()), (500_000, index.bytes()));
    drop(charge);
    let budget = Budget::new(8 << 20);
    assert!(cache.load(&key, &budget).is_none());
    assert_eq!(budget.charged(), 0);
    std::fs::remove_dir_all(&directory).unwrap();
}

#[test]
fn an_index_holds_what_a_scan_could_have_found() {
    let directory = std::env::temp_dir().join(format!("rgops-types-held-{}", std::process::id()));
    let cache = IndexCache::new(directory.clone());
    let key = IndexKey { build_id: &[7; 20], info_bytes: 1 << 30, units: 1 };
    let is_believed = |depth: u32| {
        let scope =
            |at: u32| Scope { start: EntryId(u64::from(at)), end: 1 << 20, parent: at.checked_sub(1) };
        cache.store(&key, &Index { scopes: (0..depth).map(scope).collect(), ..Index::default() });
        cache.load(&key, &Budget::default()).is_some()
    };
    assert!(is_believed(512));
    assert!(!is_believed(513), "a scan opens no more namespaces at once");
    // Lists are sorted, or nothing is found in them.
    let polls = vec![(2, EntryId(1)), (1, EntryId(1))];
    cache.store(&key, &Index { polls, ..Index::default() });
    assert!(cache.load(&key, &Budget::default()).is_none());
    std::fs::remove_dir_all(&directory).unwrap();
}

#[test]
fn a_directory_that_cannot_be_used_costs_nothing_but_time() {
    let built = build(&["-Cdebuginfo=2"]);
    let file = built.directory.join("a file");
    std::fs::write(&file, "").unwrap();
    let right = everything(&built, &built.directory.join("cache"));
    assert_eq!(everything(&built, &file), right);
    assert_eq!(everything(&built, Path::new("/proc/no/such/directory")), right);
    let shared = built.directory.join("shared");
    std::fs::create_dir(&shared).unwrap();
    std::fs::set_permissions(&shared, std::fs::Permissions::from_mode(0o777)).unwrap();
    assert_eq!(everything(&built, &shared), right);
    assert_eq!(files(&shared), Vec::<PathBuf>::new());
}

#[test]
fn the_oldest_go_first_and_only_our_own() {
    let built = build(&["-Cdebuginfo=2"]);
    let directory = built.directory.join("cache");
    everything(&built, &directory);
    let ours = files(&directory).remove(0);
    std::fs::remove_file(&ours).unwrap();
    let at = |seconds| std::time::SystemTime::now() - std::time::Duration::from_secs(seconds);
    let make = |name: &str, age| {
        let file = std::fs::File::create(directory.join(name)).unwrap();
        file.set_modified(at(age)).unwrap();
    };
    for number in 0..100 {
        make(&format!("{number}.types"), 1000 + number);
    }
    make("notes.txt", 1_000_000);
    make("killed.unfinished", 1_000_000);
    make("running.unfinished", 1);
    everything(&built, &directory);
    let kept = files(&directory);
    let is_kept = |name: &str| kept.contains(&directory.join(name));
    assert!(kept.contains(&ours) && is_kept("0.types") && is_kept("62.types") && !is_kept("63.types"));
    assert!(is_kept("notes.txt") && is_kept("running.unfinished") && !is_kept("killed.unfinished"));
}

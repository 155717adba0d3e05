//! The cache of indexes: used, trusted only when it is valid, and kept small.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use rgops_dwarf::Budget;
use rgops_tasks::types::{IndexKey, IndexStore as _};

use super::build::{Built, build};
use super::*;
use crate::tasks::index_cache::IndexCache;

fn types(built: &Built, directory: &Path) -> ProgramTypes<'static> {
    let cache = IndexCache::new(directory.to_owned());
    types_with_cache(&[built.module()], &TypeFiles::default(), Some(cache), |_| {})
}

fn files(directory: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect()
}

/// The content of the index as text.
fn everything(built: &Built, directory: &Path) -> String {
    let types = types(built, directory);
    let found = built.polls().iter().map(|poll| types.task_types(*poll)).collect::<Vec<_>>();
    let futures = found.iter().flatten().map(|task| types.get(task.future).unwrap()).collect::<Vec<_>>();
    format!("{found:?} {futures:?} {:?}", types.named("tokio::scheduler::Handle"))
}

#[test]
fn a_cached_index_is_private_and_gives_the_same_types() {
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
fn an_index_of_another_build_is_not_used() {
    let (built, other) = (build(&["-Cdebuginfo=2"]), build(&["-Cdebuginfo=2", "-Copt-level=1"]));
    let directory = built.directory.join("cache");
    let right = everything(&built, &directory);
    let file = files(&directory).remove(0);
    let written = std::fs::read(&file).unwrap();
    everything(&other, &directory);
    let others = files(&directory).into_iter().find(|path| *path != file).unwrap();
    // Under the name of the first one.
    std::fs::rename(others, &file).unwrap();
    assert_eq!(everything(&built, &directory), right);
    assert_eq!(std::fs::read(&file).unwrap(), written, "it was written again");
}

#[test]
fn a_damaged_index_is_ignored_and_written_again() {
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
    // Other users may write to it.
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o666)).unwrap();
    assert_eq!(everything(&built, &directory), right);
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_file_beyond_the_memory_limit_is_not_read() {
    let directory = std::env::temp_dir().join(format!("rgops-types-charged-{}", std::process::id()));
    let cache = IndexCache::new(directory.clone());
    let key = IndexKey { build_id: &[7; 20], info_bytes: 1 << 30, units: 1 };
    cache.store(&key, &[7; 100_000]);
    let read = |bytes: u64| {
        let budget = Budget::new(bytes);
        let mut read = None;
        cache.load(&key, &budget, &mut |bytes| {
            read = Some((bytes.len(), budget.charged()));
            false
        });
        assert_eq!(budget.charged(), 0, "all charges are released");
        read
    };
    assert_eq!(read(100_000), Some((100_000, 100_000)));
    assert_eq!(read(99_999), None);
    std::fs::remove_dir_all(&directory).unwrap();
}

#[test]
fn an_unusable_directory_only_costs_time() {
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
fn the_oldest_of_our_own_files_are_evicted_first() {
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

//! Names that earlier commands found: the same, for the same file only, and never trusted when damaged.

use super::*;
use crate::budget;
use crate::cache::Directory;
use crate::symbols::Frame;

fn look(program: &Program, cache: &Path, svmas: &[u64]) -> Vec<Vec<Frame>> {
    let cache = Some(Directory::new(cache.to_owned()));
    let modules = [program.module()];
    let mut symbolizer = Symbolizer::with_cache(&modules, None, &[], &budget::standard(), cache);
    svmas.iter().map(|svma| symbolizer.frames(0x10_0000 + svma, true)).collect()
}

fn files(cache: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(cache).into_iter().flatten();
    entries.map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn names_are_the_same_when_they_are_remembered() {
    let program = Program::build("remembered", &["-Cdebuginfo=1"]);
    let cache = program.directory.join("cache");
    let park = program.svma_of("4deep4park");
    let svmas = [park + 1, park + 9, 3, program.svma_of("marker") + 1];
    let read = look(&program, &cache, &svmas);
    let [file] = &files(&cache)[..] else { panic!("{:?}", files(&cache)) };
    let written = std::fs::read(file).unwrap();
    assert_eq!(look(&program, &cache, &svmas), read);
    assert_eq!(std::fs::read(file).unwrap(), written);
    // One more address is added to the others.
    let more = look(&program, &cache, &[park + 3]);
    assert!(std::fs::read(file).unwrap().len() > written.len());
    assert_eq!(look(&program, &cache, &[&svmas[..], &[park + 3]].concat()), [read, more].concat());
}

#[test]
fn a_damaged_or_forged_file_is_ignored_and_written_again() {
    let program = Program::build("forged", &["-Cdebuginfo=1"]);
    let cache = program.directory.join("cache");
    let svma = program.svma_of("4deep4park") + 1;
    let right = look(&program, &cache, &[svma]);
    let file = files(&cache).remove(0);
    let written = std::fs::read(&file).unwrap();
    let mut flipped = written.clone();
    flipped[written.len() / 2] ^= 1;
    let long = [&written[..], &[0; 4]].concat();
    for damaged in [&[][..], b"rgopsNam", &written[..written.len() - 1], &flipped, &long] {
        std::fs::write(&file, damaged).unwrap();
        assert_eq!(look(&program, &cache, &[svma]), right);
        assert_eq!(std::fs::read(&file).unwrap(), written);
    }
    // A link to a file that is ours is not followed, and replaced.
    let elsewhere = program.directory.join("elsewhere");
    std::fs::rename(&file, &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &file).unwrap();
    assert_eq!(look(&program, &cache, &[svma]), right);
    assert!(std::fs::symlink_metadata(&file).unwrap().is_file());
}

#[test]
fn another_file_with_the_same_build_id_has_its_own_names() {
    let program = Program::build("twice", &["-Cdebuginfo=1"]);
    let cache = program.directory.join("cache");
    let svma = program.svma_of("4deep4park") + 1;
    let right = look(&program, &cache, &[svma]);
    // The build-id is the same, the names are gone.
    assert!(Command::new("strip").arg(&program.path).status().unwrap().success());
    let bare = look(&program, &cache, &[svma]);
    assert_eq!(bare[0][0].function, None);
    assert_ne!(bare, right);
    assert_eq!(files(&cache).len(), 2);
}

#[test]
fn what_a_limit_made_worse_is_not_remembered() {
    let program = Program::build("limited", &["-Cdebuginfo=1"]);
    let (cache, other) = (program.directory.join("cache"), program.directory.join("other"));
    let park = program.svma_of("4deep4park");
    let (budget, modules) = (budget::standard(), [program.module()]);
    let directory = Some(Directory::new(cache.clone()));
    let mut symbolizer = Symbolizer::with_cache(&modules, None, &[], &budget, directory);
    // The file is open when the time ends.
    symbolizer.frames(0x10_0000 + 3, true);
    budget.end_by(std::time::Instant::now());
    for svma in [park + 1, park + 9] {
        symbolizer.frames(0x10_0000 + svma, true);
    }
    drop(symbolizer);
    let svmas = [park + 1, park + 9];
    assert_eq!(look(&program, &cache, &svmas), look(&program, &other, &svmas));
}

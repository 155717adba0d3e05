//! The files in a directory with symbols, by build-id: whatever they are called, a file of the right build is found.

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rgops_dwarf::elf::Elf;
use rgops_dwarf::{Budget, ReadAt as _};

use crate::files::{Checked, Place};
use crate::text::{counted, hex};

/// Folders inside each other. `target/release/deps` is three below a workspace.
const MAX_DEPTH: usize = 6;
/// Names looked at. A `target` folder of a large workspace has some ten thousand.
const MAX_ENTRIES: usize = 50_000;
/// Files of programs whose headers are read.
const MAX_FILES: usize = 4_096;
/// Bytes remembered for a file, and its path once more.
const FILE_BYTES: u64 = 256;

/// The programs, libraries and debug files in a directory.
#[derive(Debug, Default)]
pub(super) struct Searched {
    directory: PathBuf,
    by_build_id: BTreeMap<Vec<u8>, Vec<PathBuf>>,
    files: usize,
    without_build_id: usize,
    /// Why the search ended early, or that the directory cannot be read.
    ended: Option<String>,
}

impl Searched {
    /// Looks at every file, those of the outer folders first. Folders that are symbolic links are not entered, and
    /// only regular files are opened.
    pub(super) fn new(directory: &Path, budget: &Budget) -> Arc<Searched> {
        let mut searched = Searched { directory: directory.to_owned(), ..Searched::default() };
        let mut folders = VecDeque::from([(directory.to_owned(), 0)]);
        let mut entries = 0;
        'all: while let Some((folder, depth)) = folders.pop_front() {
            let listed = match std::fs::read_dir(&folder) {
                Ok(listed) => listed,
                Err(error) if depth == 0 => {
                    searched.ended = Some(format!("it cannot be read: {error}"));
                    break;
                }
                Err(_) => continue,
            };
            let mut files = Vec::new();
            for entry in listed.flatten() {
                entries += 1;
                if entries > MAX_ENTRIES || budget.check_time().is_err() {
                    searched.ended = Some(format!("the search ended after {} names", entries - 1));
                    break 'all;
                }
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() && depth < MAX_DEPTH => {
                        folders.push_back((entry.path(), depth + 1));
                    }
                    Ok(kind) if !kind.is_dir() && may_be_one(&entry.path()) => files.push(entry.path()),
                    _ => {}
                }
            }
            files.sort();
            for path in files {
                if searched.files == MAX_FILES || budget.charge(FILE_BYTES).is_err() {
                    searched.ended = Some(format!("the search ended after {MAX_FILES} files"));
                    break 'all;
                }
                searched.look(path, budget);
            }
        }
        Arc::new(searched)
    }

    fn look(&mut self, path: PathBuf, budget: &Budget) {
        let Ok(file) = Place::Trusted(path.clone()).open() else { return };
        if !is_linked(&file) {
            return;
        }
        let Ok(elf) = Elf::read(&file, budget) else { return };
        self.files += 1;
        match elf.build_id(&file, budget) {
            id if id.is_empty() => self.without_build_id += 1,
            id => self.by_build_id.entry(id).or_default().push(path),
        }
    }

    /// The files of a build.
    pub(super) fn of(&self, build_id: &[u8]) -> &[PathBuf] {
        self.by_build_id.get(build_id).map_or(&[], Vec::as_slice)
    }

    /// What was looked at, when the build was not found: `dir has 3 ELF files and none with its
    /// build-id ab12… (dir/app has cd34…)`.
    pub(super) fn none_of(&self, build_id: &[u8], name: Option<&str>) -> String {
        let shown = self.directory.display();
        let ended = self.ended.as_ref().map(|why| format!("; {why}")).unwrap_or_default();
        if build_id.is_empty() {
            return format!("it has no build-id, so it is unknown which file in {shown} is its own");
        }
        if self.files == 0 {
            return format!("{shown} has no ELF file of a program or library{ended}");
        }
        let looked_at = counted(self.files as u64, "ELF file");
        let mut text = format!("{shown} has {looked_at} and none with its build-id {}", short(build_id));
        let is_named = |path: &&PathBuf| path.file_name().is_some_and(|file| file.to_str() == name);
        let other = self.by_build_id.iter().find_map(|(id, paths)| Some((id, paths.iter().find(is_named)?)));
        if let Some((id, path)) = other {
            text.push_str(&format!(" ({} has {})", path.display(), short(id)));
        }
        match self.without_build_id {
            0 => {}
            count => text.push_str(&format!("; {count} of them have no build-id")),
        }
        text + &ended
    }
}

fn short(build_id: &[u8]) -> String {
    let whole = hex(build_id);
    match whole.get(..12) {
        Some(start) if whole.len() > 16 => format!("{start}…"),
        _ => whole,
    }
}

/// Whether a name is not that of an intermediate file of a build: those are many.
fn may_be_one(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str());
    !matches!(
        ending,
        Some("o" | "d" | "rlib" | "rmeta" | "rs" | "toml" | "json" | "lock" | "dwo" | "dwp" | "bin")
    )
}

/// Whether it is an ELF file of a program or a library (`ET_EXEC`, `ET_DYN`), by its first bytes.
fn is_linked(file: &Checked) -> bool {
    let mut start = [0; 18];
    file.read_exact_at(&mut start, 0).is_ok()
        && start.starts_with(b"\x7fELF")
        && matches!([start[16], start[17]], [2 | 3, 0] | [0, 2 | 3])
}

#[cfg(test)]
mod tests {
    #[test]
    #[cfg(target_os = "linux")]
    #[expect(clippy::unwrap_used, reason = "tests")]
    fn every_program_is_looked_at_and_nothing_else() {
        use super::Searched;
        use std::fs;
        use std::os::unix::fs::symlink;

        let folder = std::env::temp_dir().join(format!("rgops-searched-{}", std::process::id()));
        let deep = folder.join("a/b/c");
        fs::create_dir_all(&deep).unwrap();
        let own = std::env::current_exe().unwrap();
        fs::hard_link(&own, deep.join("renamed"))
            .or_else(|_| fs::copy(&own, deep.join("renamed")).map(drop))
            .unwrap();
        fs::write(folder.join("notes.txt"), "no program").unwrap();
        fs::write(folder.join("cut"), b"\x7fELF\x02\x01\x01").unwrap();
        // A ring, a pipe, and a link that leads nowhere.
        symlink(&folder, folder.join("ring")).unwrap();
        symlink("/nowhere", folder.join("broken")).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(folder.join("pipe")).status().unwrap().success());
        let budget = crate::budget::standard();
        let searched = Searched::new(&folder, &budget);
        assert_eq!(searched.files, 1);
        let [(id, paths)] = &searched.by_build_id.iter().collect::<Vec<_>>()[..] else { panic!() };
        assert_eq!((searched.of(id), paths.len()), (&[deep.join("renamed")][..], 1));
        let shown = folder.display();
        let none = searched.none_of(&[0xab; 20], Some("renamed"));
        assert!(
            none.starts_with(&format!("{shown} has 1 ELF file and none with its build-id abababababab…")),
            "{none}"
        );
        assert!(none.contains(&format!("({} has ", deep.join("renamed").display())), "{none}");
        fs::remove_dir_all(&folder).unwrap();
        let gone = Searched::new(&folder, &budget);
        assert!(gone.none_of(&[1], None).contains("it cannot be read: No such file"), "{gone:?}");
    }
}

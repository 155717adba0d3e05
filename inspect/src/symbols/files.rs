//! Which file has a module's names: candidates in order, each held against the build-id that runs.
//!
//! Names from another build would be wrong without looking wrong, so a file is used only when its
//! build-id is the module's. A module without one (some static musl builds) is taken only from
//! `/proc/PID/exe`, which the kernel itself ties to the running program, even when the file on disk
//! was replaced or deleted (proc(5)).

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use object::read::ReadCache;
use object::{Object, ObjectSection};
use rgops_protocol::reply::Module;

use super::source::{Detail, shown_name};
use crate::report::text::hex;

/// Where distributions put separate debug information.
pub(super) const SYSTEM_DEBUG_DIRECTORIES: [&str; 2] = ["/usr/lib/debug", "/lib/debug"];

/// What a file knows about code, least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Content {
    Nothing,
    DynamicSymbols,
    SymbolTable,
    DebugInformation,
}

/// An open file of the right build.
#[derive(Debug)]
pub(crate) struct SymbolFile {
    /// Where it was found.
    pub(crate) path: PathBuf,
    pub(crate) content: Content,
    /// The file its debug information was moved to, by name (`.gnu_debuglink`).
    debug_link: Option<String>,
    /// Held open: its descriptor still means this file when the process has ended.
    file: File,
}

/// A module's best file, and what was wrong with the others.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) file: Option<SymbolFile>,
    /// Not a file at all: `[vdso]`.
    is_kernels: bool,
    pub(crate) is_executable: bool,
    /// Files of another build, or that cannot be read.
    refused: Vec<String>,
}

/// Looks for files of modules of one process.
#[derive(Debug)]
pub(crate) struct Finder<'a> {
    local_pid: Option<u32>,
    symbol_directories: &'a [PathBuf],
    /// Where `/proc/PID/exe` points.
    executable: Option<String>,
    /// `/proc/PID/maps`.
    maps: String,
}

impl<'a> Finder<'a> {
    pub(crate) fn new(local_pid: Option<u32>, symbol_directories: &'a [PathBuf]) -> Finder<'a> {
        let executable = local_pid
            .and_then(|pid| std::fs::read_link(format!("/proc/{pid}/exe")).ok())
            .map(|path| path.to_string_lossy().into_owned());
        // The kernel refuses this for other users' processes: then there is one candidate less.
        let maps = local_pid
            .and_then(|pid| std::fs::read(format!("/proc/{pid}/maps")).ok())
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default();
        Finder { local_pid, symbol_directories, executable, maps }
    }

    /// The best file of the module: the first with debug information, else with a symbol table.
    pub(crate) fn find(&self, module: &Module) -> Found {
        // Of a process elsewhere the executable's name is not known: a program is what is no library.
        let looks_so = self.executable.is_none() && !module.path.contains(".so");
        let mut found = Found { is_executable: self.is_executable(module) || looks_so, ..Found::default() };
        // `[vdso]`, `[heap]`, anonymous memory: nothing to open. Relative paths mean nothing here.
        if !module.path.starts_with('/') {
            found.is_kernels = true;
            return found;
        }
        let mut candidates = VecDeque::from(self.candidates(module));
        let mut linked = Vec::new();
        while let Some(candidate) = candidates.pop_front() {
            match open(&candidate, module) {
                Ok(Some(file)) => {
                    if let Some(name) = file.debug_link.as_ref().filter(|name| !linked.contains(*name)) {
                        candidates.extend(self.linked_candidates(module, name));
                        linked.push(name.clone());
                    }
                    if found.file.as_ref().is_none_or(|best| best.content < file.content) {
                        found.file = Some(file);
                    }
                    if found.file.as_ref().is_some_and(|best| best.content == Content::DebugInformation) {
                        break;
                    }
                }
                Ok(None) => {}
                Err(reason) if found.refused.contains(&reason) => {}
                Err(reason) => found.refused.push(reason),
            }
        }
        found
    }

    fn is_executable(&self, module: &Module) -> bool {
        self.executable.as_deref().is_some_and(|executable| plain(executable) == plain(&module.path))
    }

    fn candidates(&self, module: &Module) -> Vec<Candidate> {
        let path = plain(&module.path);
        let mut candidates = Vec::new();
        if let Some(pid) = self.local_pid {
            if self.is_executable(module) {
                let path = PathBuf::from(format!("/proc/{pid}/exe"));
                candidates.push(Candidate { path, is_the_running_file: true });
            } else if let Some(range) = self.mapped_range(module) {
                let path = PathBuf::from(format!("/proc/{pid}/map_files/{range}"));
                candidates.push(Candidate { path, is_the_running_file: true });
            }
            candidates.push(Candidate::by_name(format!("/proc/{pid}/root{path}").into()));
        }
        candidates.push(Candidate::by_name(path.into()));
        let id = hex(&module.build_id);
        let name = shown_name(path);
        for directory in self.symbol_directories {
            candidates.push(Candidate::by_name(directory.join(path.trim_start_matches('/'))));
            candidates.push(Candidate::by_name(directory.join(name)));
            candidates.push(Candidate::by_name(directory.join(format!("{name}.debug"))));
        }
        if id.len() > 2 {
            let debug_file = format!(".build-id/{}/{}.debug", &id[..2], &id[2..]);
            let system = SYSTEM_DEBUG_DIRECTORIES.iter().map(Path::new);
            for directory in self.symbol_directories.iter().map(PathBuf::as_path).chain(system) {
                candidates.push(Candidate::by_name(directory.join(&debug_file)));
            }
        }
        candidates
    }

    /// Where a debug link's file may be: beside the program, in `.debug` there, or below the
    /// directories for debug information (GDB's manual, "Debugging Information in Separate Files").
    fn linked_candidates(&self, module: &Module, name: &str) -> Vec<Candidate> {
        let directory = Path::new(plain(&module.path)).parent().unwrap_or(Path::new("/"));
        let below = directory.strip_prefix("/").unwrap_or(directory);
        let root = self.local_pid.map(|pid| PathBuf::from(format!("/proc/{pid}/root")));
        let roots = root.into_iter().chain([PathBuf::from("/")]);
        let beside = roots.map(|root| root.join(below)).flat_map(|beside| [beside.join(".debug"), beside]);
        let system = SYSTEM_DEBUG_DIRECTORIES.iter().map(|system| Path::new(system).join(below));
        let directories = beside.chain(system).chain(self.symbol_directories.iter().cloned());
        directories.map(|directory| Candidate::by_name(directory.join(name))).collect()
    }

    /// The module's first range as `/proc/PID/map_files` names it. Opening it needs
    /// CAP_CHECKPOINT_RESTORE (proc(5)); where that is missing the next candidate is tried.
    fn mapped_range(&self, module: &Module) -> Option<String> {
        self.maps.lines().find_map(|line| {
            let range = line.split(' ').next()?;
            let (start, _) = range.split_once('-')?;
            (u64::from_str_radix(start, 16).ok()? == module.start_avma && line.ends_with(&module.path))
                .then(|| range.to_owned())
        })
    }
}

/// A path without the mark the kernel puts behind a file that is gone.
pub(crate) fn plain(path: &str) -> &str {
    path.strip_suffix(" (deleted)").unwrap_or(path)
}

#[derive(Debug)]
struct Candidate {
    path: PathBuf,
    /// The kernel vouches that this is the file the process runs.
    is_the_running_file: bool,
}

impl Candidate {
    fn by_name(path: PathBuf) -> Candidate {
        Candidate { path, is_the_running_file: false }
    }
}

/// Opens a candidate of the right build; `None` when there is no such file.
fn open(candidate: &Candidate, module: &Module) -> Result<Option<SymbolFile>, String> {
    let shown = candidate.path.display();
    let file = match open_regular(&candidate.path) {
        Ok(file) => file,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        // Only a capability opens these; the same file has other names.
        Err(_) if candidate.is_the_running_file => return Ok(None),
        Err(error) => return Err(format!("{shown} cannot be opened: {error}")),
    };
    let cache = ReadCache::new(io::BufReader::new(&file));
    let elf = object::File::parse(&cache).map_err(|error| format!("{shown} is no ELF file: {error}"))?;
    let build_id = elf.build_id().ok().flatten().unwrap_or_default();
    if build_id != module.build_id {
        return Err(format!("{shown} is another build (its build-id differs): the file was replaced"));
    }
    if build_id.is_empty() && !candidate.is_the_running_file {
        return Err(format!(
            "{shown} has no build-id, so it cannot be told whether it is the build that runs"
        ));
    }
    let content = content(&elf);
    let debug_link = elf.gnu_debuglink().ok().flatten().and_then(|(name, _)| {
        // A plain name: a path would lead anywhere.
        let name = std::str::from_utf8(name).ok()?;
        (!name.is_empty() && !name.contains('/')).then(|| name.to_owned())
    });
    Ok(Some(SymbolFile { path: candidate.path.clone(), content, debug_link, file }))
}

/// Opens a regular file only: the path comes from the inspected process and may name a pipe that
/// would block us, or a device.
pub(crate) fn open_regular(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(
        &mut options,
        rustix::fs::OFlags::NONBLOCK.bits() as i32 | rustix::fs::OFlags::NOCTTY.bits() as i32,
    );
    let file = options.open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    Ok(file)
}

fn content<'data>(elf: &impl Object<'data>) -> Content {
    let has = |name: &str| elf.section_by_name(name).is_some_and(|section| section.size() > 0);
    if has(".debug_info") || has(".zdebug_info") {
        Content::DebugInformation
    } else if has(".symtab") {
        Content::SymbolTable
    } else if has(".dynsym") {
        Content::DynamicSymbols
    } else {
        Content::Nothing
    }
}

impl SymbolFile {
    /// Reads from the file that was opened, whatever has become of its name.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// A path that still means this file when the process has ended. The ordinary path is preferred
    /// while it is the same file, because debug links and `.dwp` files are looked for beside it.
    pub(crate) fn stable_path(&self) -> PathBuf {
        #[cfg(target_os = "linux")]
        {
            use std::os::fd::AsRawFd as _;
            if self.path.starts_with("/proc") {
                return PathBuf::from(format!("/proc/self/fd/{}", self.file.as_raw_fd()));
            }
        }
        self.path.clone()
    }
}

impl Found {
    /// Why the names are not complete, and what would complete them.
    pub(super) fn explain(&self, detail: Detail) -> (String, String) {
        let profile = "in the program's Cargo.toml, under [profile.release]:";
        let refused = self.refused.join("; ");
        match detail {
            Detail::Lines => (String::new(), String::new()),
            Detail::Nothing if self.is_kernels => {
                ("it is mapped by the kernel and has no file".to_owned(), String::new())
            }
            Detail::Nothing if self.file.is_none() && !refused.is_empty() => {
                (refused, "pass --symbols DIR with the file of the build that runs".to_owned())
            }
            Detail::Nothing if self.file.is_none() => (
                "its file is not on this host".to_owned(),
                "pass --symbols DIR with the file of the build that runs".to_owned(),
            ),
            Detail::Nothing | Detail::ExportedFunctions if self.is_executable => (
                "no symbols: the binary is stripped".to_owned(),
                format!(
                    "{profile} strip = false and debug = 1; or pass --symbols DIR with the unstripped file"
                ),
            ),
            Detail::Nothing | Detail::ExportedFunctions => (
                "the library is stripped: only exported functions have names".to_owned(),
                "install its debug symbols, or pass --symbols DIR".to_owned(),
            ),
            Detail::Functions if self.is_executable => (
                "no debug information: inlined frames, files and lines are missing".to_owned(),
                format!("{profile} debug = 1"),
            ),
            Detail::Functions => (
                "no debug information: inlined frames, files and lines are missing".to_owned(),
                String::new(),
            ),
        }
    }
}

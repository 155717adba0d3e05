//! Where files are searched.

use std::path::{Path, PathBuf};

/// Directories of `PPROF_BINARY_PATH` that are looked at.
const MOST_DIRECTORIES: usize = 64;

/// Where source files and object files are searched, besides the places that the profile names.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct FileSettings {
    /// Directories with object files and debug files, whatever they are called.
    pub symbol_directories: Vec<PathBuf>,
    /// The program that the user named. It is trusted to be the one that was profiled, if the profile does not state
    /// another build-id.
    pub program: Option<PathBuf>,
    /// The program as it was typed, which the first mapping is called.
    pub(super) typed_program: Option<PathBuf>,
    /// The process on this host that was profiled.
    pub process: Option<u32>,
    /// Where relative source files are searched if `source_path` is empty.
    pub working_directory: PathBuf,
    /// Cargo's home, with the sources of dependencies.
    pub cargo_home: Option<PathBuf>,
    /// Rustup's home, with the sources of the standard library.
    pub rustup_home: Option<PathBuf>,
}

impl FileSettings {
    /// The settings of the environment: the working directory, `PPROF_BINARY_PATH` (`~/pprof/binaries` without it),
    /// `CARGO_HOME` and `RUSTUP_HOME`.
    pub fn from_environment() -> FileSettings {
        let variable = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let home = variable("HOME");
        let in_home = |name: &str| home.as_ref().map(|home| home.join(name));
        let binaries: Vec<PathBuf> = match std::env::var_os("PPROF_BINARY_PATH") {
            Some(paths) => std::env::split_paths(&paths).collect(),
            None => in_home("pprof/binaries").filter(|path| path.is_dir()).into_iter().collect(),
        };
        let binaries = binaries.into_iter().filter(|path| !path.as_os_str().is_empty());
        FileSettings {
            symbol_directories: binaries.take(MOST_DIRECTORIES).collect(),
            working_directory: std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/")),
            cargo_home: variable("CARGO_HOME").or_else(|| in_home(".cargo")),
            rustup_home: variable("RUSTUP_HOME").or_else(|| in_home(".rustup")),
            ..FileSettings::default()
        }
    }

    /// The same with these directories in front of the others.
    #[must_use]
    pub fn with_symbols(mut self, directories: &[PathBuf]) -> FileSettings {
        self.symbol_directories.splice(0..0, directories.iter().cloned());
        self
    }

    /// The same with the program that the user named.
    #[must_use]
    pub fn with_program(mut self, program: &Path) -> FileSettings {
        self.typed_program = Some(program.to_owned());
        self.program = Some(program.canonicalize().unwrap_or_else(|_| program.to_owned()));
        self
    }

    /// The same with the process that was profiled.
    #[must_use]
    pub fn with_process(mut self, pid: u32) -> FileSettings {
        self.process = Some(pid);
        self
    }

    /// Whether `path`, in a profile, is the program that the user named.
    pub(super) fn is_program(&self, path: &str) -> bool {
        self.program.as_ref().is_some_and(|program| {
            let named = Path::new(path);
            named == program
                || self.typed_program.as_deref() == Some(named)
                || named.is_absolute() && named.canonicalize().is_ok_and(|named| named == *program)
        })
    }
}

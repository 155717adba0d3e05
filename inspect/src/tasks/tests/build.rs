//! Builds the fixture, and finds addresses in it as in a process that runs it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use object::{Object as _, ObjectSymbol as _};
use rgops_protocol::reply::Module;
use rgops_tasks::types::ProgramTypes;

use crate::tasks::files::{TypeFiles, types_with_cache};

/// Load address of the built module.
pub(super) const BIAS: u64 = 0x7000_0000_0000;

/// A directory with the built fixture, removed at the end.
pub(super) struct Built {
    pub(super) directory: PathBuf,
    pub(super) path: PathBuf,
}

impl Drop for Built {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// Builds the fixture with additional options for rustc.
pub(super) fn build(options: &[&str]) -> Built {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let directory = std::env::temp_dir().join(format!("rgops-types-{}-{number}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let built = Built { path: directory.join("libfixture.so"), directory };
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tasks/fixtures/types.rs");
    run(Command::new(rustc)
        .args(["--edition=2024", "--crate-name=tokio", "--crate-type=cdylib", "-Cpanic=abort"])
        .args(["-Copt-level=3", "-Clink-arg=-nostdlib", "-Clink-arg=-Wl,--build-id"])
        .args(options)
        .arg("-o")
        .arg(&built.path)
        .arg(source)
        // Split debug files are searched here: their paths are relative to it.
        .current_dir(&built.directory));
    built
}

pub(super) fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}\n{}", String::from_utf8_lossy(&output.stderr));
}

impl Built {
    pub(super) fn module(&self) -> Module {
        let bytes = std::fs::read(&self.path).unwrap();
        let elf = object::File::parse(&*bytes).unwrap();
        Module {
            path: self.path.to_str().unwrap().to_owned(),
            build_id: elf.build_id().unwrap().unwrap_or_default().to_vec(),
            start_avma: BIAS,
            end_avma: BIAS + 0x10_0000,
            bias: BIAS,
            has_unwind_data: true,
        }
    }

    /// Addresses of the poll functions, from the symbol table.
    pub(super) fn polls(&self) -> Vec<u64> {
        let polls: Vec<_> = self.poll_symbols().into_iter().map(|(_, address)| BIAS + address).collect();
        assert_eq!(polls.len(), 2, "poll functions of two futures");
        polls
    }

    /// Mangled names of the poll functions.
    pub(super) fn symbols(&self) -> Vec<String> {
        self.poll_symbols().into_iter().map(|(name, _)| name).collect()
    }

    fn poll_symbols(&self) -> Vec<(String, u64)> {
        let bytes = std::fs::read(&self.path).unwrap();
        let elf = object::File::parse(&*bytes).unwrap();
        let symbols = elf.symbols().map(|symbol| (symbol.name().unwrap_or("").to_owned(), symbol.address()));
        symbols.filter(|(name, _)| name.contains("4task3raw4poll")).collect()
    }

    /// Its types, without the user's own cache.
    pub(super) fn types(&self) -> ProgramTypes<'static> {
        self.types_with(TypeFiles::default())
    }

    pub(super) fn types_with(&self, files: TypeFiles) -> ProgramTypes<'static> {
        types_with_cache(&[self.module()], &files, None, |_| {})
    }
}

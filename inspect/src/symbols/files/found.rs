//! What the search for a module's file found, and why names are missing.

use std::sync::Arc;

use super::symbol_file::SymbolFile;
use crate::files::Checked;
use crate::symbols::module_symbols::Detail;

/// A module's best file, and the reasons why others were refused.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) file: Option<SymbolFile>,
    /// The first file with its code: one with debug information only may be the best for names.
    pub(crate) code: Option<Arc<Checked>>,
    /// The kernel maps it, without a file: `[vdso]`.
    pub(crate) is_kernels: bool,
    pub(crate) is_executable: bool,
    /// The process does not map it.
    pub(super) is_not_mapped: bool,
    /// Files of another build, and files that cannot be read.
    pub(super) refused: Vec<String>,
    /// What was looked at in the directories of the operator, when the build was not there.
    pub(super) searched: Vec<String>,
}

/// Builds a program whose file keeps its names, whatever `strip` and `debug` say in its profile, and from it the
/// program to run: its build-id stays the same, so the kept file is found.
const KEEP: &str = "build it with CARGO_PROFILE_RELEASE_STRIP=none CARGO_PROFILE_RELEASE_DEBUG=1 cargo build \
     --release, keep that file, run the copy that strip -o makes of it, and pass --symbols with the directory of \
     the kept file";

impl Found {
    /// A file that was not searched for.
    pub(in crate::symbols) fn of(file: SymbolFile) -> Found {
        Found { file: Some(file), ..Found::default() }
    }

    /// Why names are incomplete, and how to complete them.
    pub(crate) fn explain(&self, detail: Detail) -> (String, String) {
        let profile = "in the program's Cargo.toml, under [profile.release]:";
        let has_searched = !self.searched.is_empty();
        // Of the files in a searched directory, that is said once.
        let refused: Vec<&str> = self.refused.iter().map(String::as_str).collect();
        let with_searched = |reason: &str| {
            let reasons = std::iter::once(reason).filter(|reason| !reason.is_empty());
            reasons.chain(self.searched.iter().map(String::as_str)).collect::<Vec<_>>().join("; ")
        };
        let pass = |what: &str| match has_searched {
            true => String::new(),
            false => format!("pass --symbols DIR with {what}"),
        };
        match detail {
            Detail::Lines => (String::new(), String::new()),
            Detail::Nothing if self.is_kernels => {
                ("it is mapped by the kernel and has no file".to_owned(), String::new())
            }
            Detail::Nothing if self.is_not_mapped => {
                ("it is not mapped by the process, so its file is not opened".to_owned(), String::new())
            }
            Detail::Nothing if self.file.is_none() && !refused.is_empty() => {
                (with_searched(&refused.join("; ")), pass("the file of the running build"))
            }
            Detail::Nothing if self.file.is_none() => {
                (with_searched("its file is not on this host"), pass("the file of the running build"))
            }
            Detail::Nothing | Detail::ExportedFunctions if self.is_executable => {
                (with_searched("no symbols: the binary is stripped"), KEEP.to_owned())
            }
            Detail::Nothing | Detail::ExportedFunctions => (
                with_searched("the library is stripped: only exported functions have names"),
                match has_searched {
                    true => "install its debug symbols".to_owned(),
                    false => "install its debug symbols, or pass --symbols DIR".to_owned(),
                },
            ),
            Detail::Functions if self.is_executable => (
                with_searched("no debug information: inlined frames, files and lines are missing"),
                format!("{profile} debug = 1"),
            ),
            Detail::Functions => (
                with_searched("no debug information: inlined frames, files and lines are missing"),
                String::new(),
            ),
        }
    }
}

//! What the search for a module's file found, and why names are missing.

use super::symbol_file::SymbolFile;
use crate::symbols::module_symbols::Detail;

/// A module's best file, and the reasons why others were refused.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) file: Option<SymbolFile>,
    /// The kernel maps it, without a file: `[vdso]`.
    pub(super) is_kernels: bool,
    pub(crate) is_executable: bool,
    /// The process does not map it.
    pub(super) is_not_mapped: bool,
    /// Files of another build, and files that cannot be read.
    pub(super) refused: Vec<String>,
}

impl Found {
    /// Why names are incomplete, and how to complete them.
    pub(in crate::symbols) fn explain(&self, detail: Detail) -> (String, String) {
        let profile = "in the program's Cargo.toml, under [profile.release]:";
        let refused = self.refused.join("; ");
        match detail {
            Detail::Lines => (String::new(), String::new()),
            Detail::Nothing if self.is_kernels => {
                ("it is mapped by the kernel and has no file".to_owned(), String::new())
            }
            Detail::Nothing if self.is_not_mapped => {
                ("it is not mapped by the process, so its file is not opened".to_owned(), String::new())
            }
            Detail::Nothing if self.file.is_none() && !refused.is_empty() => {
                (refused, "pass --symbols DIR with the file of the running build".to_owned())
            }
            Detail::Nothing if self.file.is_none() => (
                "its file is not on this host".to_owned(),
                "pass --symbols DIR with the file of the running build".to_owned(),
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

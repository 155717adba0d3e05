//! A function at an address.

use std::borrow::Cow;
use std::sync::Arc;

use serde::Serialize;

use super::names::{is_mangled_cpp, is_mangled_rust};

/// A function at an address: one call, or one of the calls inlined there.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Frame {
    /// Demangled name without its hash; `None` when there is no symbol.
    pub function: Option<Arc<str>>,
    /// The linker's name; `None` when unknown, or when it is not mangled.
    pub mangled: Option<Arc<str>>,
    /// Source file, with the path that the compiler used.
    pub file: Option<Arc<str>>,
    /// Line in `file`, from 1.
    pub line: Option<u32>,
    /// Column in `line`, from 1.
    pub column: Option<u16>,
    /// Whether the compiler copied this function into the next frame's.
    pub is_inlined: bool,
    /// Path of the module as the process sees it; `None` when no module has the address.
    pub module: Option<Arc<str>>,
    /// Address in the module's file (svma); the avma itself when no module contains it.
    pub module_offset: u64,
    /// Bytes from the start of the function that was called; the same for all frames inlined at the address.
    /// Without a symbol the start is known from unwind data; `None` if that is missing, too.
    pub function_offset: Option<u64>,
    /// Other functions with the same code, which the compiler or the linker folded into one: it may be any of them that
    /// was called, unless `function` was chosen by its caller.
    pub aliases: Arc<[Arc<str>]>,
    /// Whether the caller names what only `function` belongs to, and none of the aliases.
    pub is_told_by_caller: bool,
    /// [`Origin::of`] this frame, if it was decided: names are long, and each report asks for it.
    pub(crate) origin: Option<Origin>,
}

/// Who wrote the code of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Origin {
    /// A crate of the program: its source is not in a cache of cargo or a folder of vendored packages. Without source
    /// files, each crate that is not widely used by others. Also code that the program made at run time.
    Own,
    /// A crate that the program depends on.
    Dependency,
    /// `std`, `core`, `alloc` and what they are built of.
    Std,
    /// An async runtime, executor or thread pool: Tokio, mio, smol, async-std, monoio, glommio, rayon, actix-rt, …
    Runtime,
    /// The C library, another shared library, or other code that is not Rust.
    Native,
    /// Without a name, in the program itself or in no module.
    Unknown,
}

impl Frame {
    /// Whether it is of this crate, by its name or by the folder of its file.
    pub(crate) fn is_of(&self, name: &str) -> bool {
        let by_name = self.path().strip_prefix(name).is_some_and(|rest| rest.starts_with("::"));
        let is_folder = |folder: &str| {
            folder.strip_prefix(name).is_some_and(|rest| {
                rest.is_empty()
                    || rest
                        .strip_prefix('-')
                        .is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
            })
        };
        by_name || self.file.as_deref().is_some_and(|file| file.split('/').any(is_folder))
    }

    /// The name of the function without what precedes the path of its type.
    pub(crate) fn path(&self) -> &str {
        self.function.as_deref().unwrap_or_default().trim_start_matches(['<', '&'])
    }

    /// The function's name, otherwise `module+0xstart` with the function's first byte (the address itself if
    /// that is unknown), otherwise the bare address.
    pub fn name(&self) -> String {
        self.shared_name().into_owned()
    }

    /// Like [`Frame::name`], without a copy of the function's name.
    pub(crate) fn shared_name(&self) -> Cow<'_, str> {
        match (&self.function, &self.module) {
            (Some(function), _) => Cow::Borrowed(function),
            (None, Some(module)) => {
                let start = self.module_offset.wrapping_sub(self.function_offset.unwrap_or(0));
                format!("{}+{start:#x}", file_name(module)).into()
            }
            (None, None) => format!("{:#x}", self.module_offset).into(),
        }
    }

    /// Whether the linker's name shows that it is a Rust function.
    pub(crate) fn is_named_rust(&self) -> bool {
        self.mangled.as_deref().is_some_and(is_mangled_rust)
    }

    /// Whether the linker's name shows that it is a C++ function.
    pub(crate) fn is_named_cpp(&self) -> bool {
        self.mangled.as_deref().is_some_and(is_mangled_cpp)
    }

    /// The frame of an address that no module contains.
    pub(crate) fn unknown(avma: u64) -> Frame {
        Frame {
            function: None,
            mangled: None,
            file: None,
            line: None,
            column: None,
            is_inlined: false,
            module: None,
            module_offset: avma,
            function_offset: None,
            aliases: Arc::default(),
            is_told_by_caller: false,
            origin: None,
        }
    }

    /// A frame that has only a function's name.
    #[cfg(test)]
    pub(crate) fn named(function: &str) -> Frame {
        Frame { function: Some(function.into()), ..Frame::unknown(0) }
    }
}

/// The last component of a module's path.
pub fn file_name(path: &str) -> &str {
    path.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or(path)
}

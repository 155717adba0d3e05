//! What kind of code a function is.

/// What kind of code a function is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Class {
    /// The program's own crates: those of its workspace.
    Own,
    /// A crate from a registry, a git repository or a `vendor` directory, or a shared library.
    Dependency,
    /// `std`, `core`, `alloc` and what they are built with; the C library; Go's own packages.
    Std,
    /// What runs the program: an async runtime, a thread pool, an allocator, Go's `runtime`.
    Runtime,
    /// The kernel.
    Kernel,
    /// Neither the name nor the file says it.
    #[default]
    Unknown,
}

impl Class {
    /// All, in the order of their numbers.
    pub const ALL: [Class; 6] =
        [Class::Own, Class::Dependency, Class::Std, Class::Runtime, Class::Kernel, Class::Unknown];

    /// One word for people, for JSON and for style sheets.
    pub fn name(self) -> &'static str {
        match self {
            Class::Own => "own",
            Class::Dependency => "dependency",
            Class::Std => "std",
            Class::Runtime => "runtime",
            Class::Kernel => "kernel",
            Class::Unknown => "unknown",
        }
    }

    /// Its position in [`Class::ALL`].
    pub fn number(self) -> usize {
        self as usize
    }
}

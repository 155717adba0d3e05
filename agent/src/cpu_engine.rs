//! The engines that take CPU profiles: which one the program's author chose, and which ones this build has.

#[cfg(not(all(native_engine, pprof_engine)))]
use rgops_protocol::error::{Code, Error};

/// An engine of `rgops pprof-cpu`; see [`Options::cpu_engine`](crate::Options::cpu_engine).
///
/// The default is [`CpuEngine::Native`] where it exists. A profile states which engine took it. Stacks
/// (`rgops stack`) and traces (`rgops trace`) always come from the native engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CpuEngine {
    /// A CPU timer for each thread, and unwinding that neither allocates nor locks. Linux on x86_64
    /// and aarch64.
    Native,
    /// The [`pprof`](https://docs.rs/pprof) crate, version 0.15, behind the cargo feature
    /// `engine-pprof`. Linux and macOS. Measured in docs/ENGINES.md. Use it only where the native engine does
    /// not work, and for comparisons:
    ///
    /// * **It can crash or stop the program.** Its handler unwinds with libgcc or libunwind, which are
    ///   not made for signal handlers ([pprof-rs #36], [#75], [#203]), and keeps several copies of a
    ///   stack, 4 KB each, on the stack of the thread it interrupts. Used directly, it crashed 13 of 13 runs of
    ///   a torture test within a minute. The agent never unwinds from code of the C library and libgcc; with
    ///   that, no run has crashed so far. This does not protect a statically linked program.
    /// * **It loses most of a busy program's CPU time**: the process has one timer and one lock for all
    ///   samples, and a thread that finds the lock taken drops its sample. In the torture test half of the CPU
    ///   time had samples at 100 Hz, a tenth at 999 Hz and a hundredth at 10,000 Hz. The lost part is in the
    ///   profile as CPU time without samples; weights are not scaled up.
    /// * **Lines are approximate**: stacks through the same functions are merged, under the lines of
    ///   the first. Threads have names (on macOS: numbers), but not their kernel ids. Samples come
    ///   when the profile ends. Whether a stack reached its root is not known.
    /// * **It does not release its resources**: the first profile leaves 130 MB of memory, a descriptor, and a
    ///   file in `$TMPDIR` that remains after the program ends. Each profile begins with reading the program's
    ///   debug data, which takes CPU time and the loader's lock.
    /// * It always uses SIGPROF and ITIMER_PROF, regardless of [`Options::signal`](crate::Options::signal). A
    ///   profile is refused if the program uses either, or profiles itself with this crate. A program cannot
    ///   also link another version of the crate.
    ///
    /// [pprof-rs #36]: https://github.com/tikv/pprof-rs/issues/36
    /// [#75]: https://github.com/tikv/pprof-rs/issues/75
    /// [#203]: https://github.com/tikv/pprof-rs/issues/203
    Pprof,
}

impl CpuEngine {
    /// The default engine.
    pub(crate) const DEFAULT: CpuEngine =
        if cfg!(all(pprof_engine, not(native_engine))) { CpuEngine::Pprof } else { CpuEngine::Native };

    /// Its name in profiles.
    pub(crate) fn name(self) -> &'static str {
        match self {
            CpuEngine::Native => "native",
            CpuEngine::Pprof => "pprof",
        }
    }

    /// Why this build cannot use it, and the fix.
    pub(crate) fn missing(self) -> Option<&'static str> {
        match self {
            CpuEngine::Native if cfg!(native_engine) => None,
            CpuEngine::Native => Some(
                "it needs Linux on x86_64 or aarch64; on other Linux and on macOS there is CpuEngine::Pprof",
            ),
            CpuEngine::Pprof if cfg!(pprof_engine) => None,
            CpuEngine::Pprof if cfg!(feature = "engine-pprof") => {
                Some("the pprof crate works on Linux and macOS only")
            }
            CpuEngine::Pprof => {
                Some("it was not compiled in; turn on the feature engine-pprof of rgops-agent")
            }
        }
    }

    /// The error if the engine is not in this build.
    #[cfg(not(all(native_engine, pprof_engine)))]
    pub(crate) fn unsupported(self) -> Error {
        let why = self.missing().unwrap_or_default();
        Error::new(Code::Unsupported, "cannot profile the CPU", format!("engine {}: {why}", self.name()), "")
    }

    /// Why a profile was taken by this engine and not by the native one; empty for the native engine.
    pub(crate) fn fallback(self) -> &'static str {
        match self {
            CpuEngine::Native => "",
            CpuEngine::Pprof if cfg!(native_engine) => "the program chose this one",
            CpuEngine::Pprof => "the native engine needs Linux on x86_64 or aarch64",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_native_with_all_features() {
        assert_eq!(CpuEngine::DEFAULT, CpuEngine::Native);
        assert_eq!(CpuEngine::Native.missing(), None);
        assert_eq!(CpuEngine::Pprof.missing().is_some(), !cfg!(feature = "engine-pprof"));
    }
}

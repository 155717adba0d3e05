//! The `pprof` crate as the engine of CPU profiles: where there is no native one, or by choice. Its
//! limits are told in [`CpuEngine::Pprof`](crate::CpuEngine::Pprof).
//!
//! What this module adds to the crate:
//! * **Only `build_unresolved`**: `report().build()` symbolises in the program under the lock its
//!   handlers try to take, and loses all samples meanwhile: for up to 36 s as measured.
//! * **Its handler never unwinds from the C library, libgcc or the vdso** ([`NEVER_UNWOUND`]): what
//!   the crate's own documentation recommends, and 13 of 13 torture runs crashed without.
//! * **Nothing of the program's is taken**: a program that has a SIGPROF handler or an ITIMER_PROF
//!   of its own is refused, and the disposition returns afterwards (the crate leaves SIG_IGN).
//! * **A thread of its own** for everything that may wait for a lock: starting takes the loader's
//!   lock and that of std's backtraces, ending spins on the crate's. The agent goes on meanwhile.
//! * **CPU time without samples is told**, by subtraction: weights are samples, never scaled up.

mod disposition;
mod frames;
mod objects;
mod sampler;

pub use sampler::PprofSampler;

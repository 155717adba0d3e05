//! The `pprof` crate as the engine of CPU profiles: where there is no native engine, or by choice. Its
//! limitations are listed in [`CpuEngine::Pprof`](crate::CpuEngine::Pprof).
//!
//! This module adds to the crate:
//! * **Only `build_unresolved`**: `report().build()` symbolises inside the program, under the lock that the crate's
//!   handlers try to take, and loses all samples meanwhile: for up to 36 s as measured.
//! * **The handler never unwinds from the C library, libgcc or the vdso** ([`NEVER_UNWOUND`]), as the
//!   crate's own documentation recommends. Without it, 13 of 13 torture runs crashed.
//! * **Nothing is taken from the program**: a program with a SIGPROF handler or an ITIMER_PROF
//!   of its own is refused, and the disposition is restored afterwards (the crate leaves SIG_IGN).
//! * **A separate thread** for everything that may wait for a lock: starting takes the loader's
//!   lock and that of std's backtraces, ending spins on the crate's lock. The agent continues meanwhile.
//! * **CPU time without samples is reported**, by subtraction: weights are samples and are never scaled up.

mod disposition;
mod frames;
mod objects;
mod sampler;

pub use sampler::PprofSampler;

//! The engine this program was built with.

pub use built_in::Engine;

/// rgops' agent. Profiles are always started from outside.
#[cfg(feature = "agent")]
mod built_in {
    use std::io;

    pub struct Engine {
        _agent: rgops_agent::Agent,
    }

    impl Engine {
        pub fn new() -> io::Result<Engine> {
            let agent = rgops_agent::listen(rgops_agent::Options::default()).map_err(io::Error::other)?;
            Ok(Engine { _agent: agent })
        }

        pub fn start(&mut self, _hz: u64) -> io::Result<()> {
            Err(io::Error::other("the agent's profile is started from outside"))
        }

        pub fn stop(&mut self) -> io::Result<String> {
            self.start(0).map(|()| String::new())
        }
    }
}

/// The `pprof` crate, used through its guard, without a blocklist.
#[cfg(feature = "libgcc")]
mod built_in {
    use std::collections::BTreeMap;
    use std::io;

    use pprof::{ProfilerGuard, ProfilerGuardBuilder};

    pub struct Engine {
        guard: Option<ProfilerGuard<'static>>,
    }

    impl Engine {
        pub fn new() -> io::Result<Engine> {
            Ok(Engine { guard: None })
        }

        pub fn start(&mut self, hz: u64) -> io::Result<()> {
            let builder = ProfilerGuardBuilder::default().frequency(hz as i32);
            self.guard = Some(builder.build().map_err(io::Error::other)?);
            Ok(())
        }

        /// Samples per thread name, as `name=count`.
        pub fn stop(&mut self) -> io::Result<String> {
            let guard = self.guard.take().ok_or_else(|| io::Error::other("it does not run"))?;
            // `build`, which symbolises, would take the lock that its handler needs; this one does not.
            let report = guard.report().build_unresolved().map_err(io::Error::other)?;
            let mut counts: BTreeMap<String, isize> = BTreeMap::new();
            for (frames, count) in &report.data {
                let name = &frames.thread_name[..frames.thread_name_length];
                *counts.entry(String::from_utf8_lossy(name).into_owned()).or_default() += count;
            }
            let counts: Vec<String> = counts.iter().map(|(name, count)| format!("{name}={count}")).collect();
            Ok(counts.join(" "))
        }
    }
}

/// No engine: the baseline of the comparison.
#[cfg(not(any(feature = "agent", feature = "libgcc")))]
mod built_in {
    use std::io;

    pub struct Engine;

    impl Engine {
        pub fn new() -> io::Result<Engine> {
            Ok(Engine)
        }

        pub fn start(&mut self, _hz: u64) -> io::Result<()> {
            Err(io::Error::other("built without an engine"))
        }

        pub fn stop(&mut self) -> io::Result<String> {
            self.start(0).map(|()| String::new())
        }
    }
}

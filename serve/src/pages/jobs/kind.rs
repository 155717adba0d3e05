//! What can be looked at closer.

/// What can be looked at closer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A CPU profile.
    Cpu,
    /// A heap profile.
    Heap,
    /// Lines whose memory grows.
    Leaks,
    /// What every thread did, over time.
    Trace,
}

impl Kind {
    /// In the order of the page.
    pub(crate) const ALL: &[Kind] = &[Kind::Cpu, Kind::Heap, Kind::Leaks, Kind::Trace];

    /// Its name in a form.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Cpu => "cpu",
            Kind::Heap => "heap",
            Kind::Leaks => "leaks",
            Kind::Trace => "trace",
        }
    }

    /// That with this name.
    pub(crate) fn named(name: &str) -> Option<Kind> {
        Kind::ALL.iter().copied().find(|kind| kind.name() == name)
    }

    /// What it is called.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Kind::Cpu => "CPU profile",
            Kind::Heap => "Heap profile",
            Kind::Leaks => "Leak search",
            Kind::Trace => "Trace",
        }
    }

    /// What it answers.
    pub(crate) fn about(self) -> &'static str {
        match self {
            Kind::Cpu => "Which functions use the CPU. 99 samples a second of each busy CPU.",
            Kind::Heap => {
                "Which functions hold memory now. The program needs the allocator Sampling, or jemalloc."
            }
            Kind::Leaks => "Which lines keep more and more memory. The program needs the allocator Sampling.",
            Kind::Trace => "What every thread did when, as a file for Perfetto.",
        }
    }

    /// The text of its button.
    pub(crate) fn button(self) -> &'static str {
        match self {
            Kind::Cpu | Kind::Heap => "Take",
            Kind::Leaks => "Search",
            Kind::Trace => "Record",
        }
    }

    /// How long it takes: least, usual and most seconds; `None` if it is of one moment.
    pub(crate) fn seconds(self) -> Option<(u64, u64, u64)> {
        match self {
            Kind::Cpu => Some((1, 10, 300)),
            Kind::Heap => None,
            Kind::Leaks => Some((5, 60, 600)),
            Kind::Trace => Some((1, 5, 30)),
        }
    }
}

//! A collected heap as a pprof file, with the sample types of Go's heap profile.

use rgops_pprof::proto::{Function, Line, Location, Profile, Sample, ValueType};
use rgops_protocol::reply::NoteKind;
use rgops_protocol::reply::pprof_heap::{Estimate, HeapSource};

use super::gather::Heap;
use crate::profile::Incomplete;
use crate::text::known::missing_text;
use crate::text::{duration, escape, utc};

/// A sample type of a heap profile, with its name in Go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum HeapKind {
    /// Allocated blocks, including freed ones.
    AllocObjects,
    /// Their bytes.
    AllocSpace,
    /// Live blocks.
    InuseObjects,
    /// Their bytes.
    #[default]
    InuseSpace,
}

impl HeapKind {
    /// In the order of the file.
    pub const ALL: [HeapKind; 4] =
        [HeapKind::AllocObjects, HeapKind::AllocSpace, HeapKind::InuseObjects, HeapKind::InuseSpace];

    /// `inuse_space` and so on.
    pub fn name(self) -> &'static str {
        match self {
            HeapKind::AllocObjects => "alloc_objects",
            HeapKind::AllocSpace => "alloc_space",
            HeapKind::InuseObjects => "inuse_objects",
            HeapKind::InuseSpace => "inuse_space",
        }
    }

    fn unit(self) -> &'static str {
        match self {
            HeapKind::AllocObjects | HeapKind::InuseObjects => "count",
            HeapKind::AllocSpace | HeapKind::InuseSpace => "bytes",
        }
    }

    /// Whether it counts all allocations, see [`Heap::has_allocated`].
    pub fn is_allocated(self) -> bool {
        matches!(self, HeapKind::AllocObjects | HeapKind::AllocSpace)
    }

    fn of(self, allocated: Estimate, live: Estimate) -> i64 {
        match self {
            HeapKind::AllocObjects => objects(allocated),
            HeapKind::AllocSpace => allocated.bytes.cast_signed(),
            HeapKind::InuseObjects => objects(live),
            HeapKind::InuseSpace => live.bytes.cast_signed(),
        }
    }
}

/// Whole blocks, rounded; negative if more were freed than allocated in a window.
fn objects(estimate: Estimate) -> i64 {
    let milli = estimate.objects_milli.cast_signed();
    (milli as f64 / 1000.0).round() as i64
}

impl Heap {
    /// The profile of everything sampled since the program started or, with `is_window`, of the changes from the
    /// first to the last snapshot. Less memory in use is negative then, as in a difference by `go tool pprof
    /// -base`. `incomplete` is the reason if the answer ended early.
    ///
    /// If freed allocations are not counted ([`Heap::has_allocated`]), the file only has `inuse_objects` and
    /// `inuse_space`.
    pub fn into_profile(mut self, is_window: bool, incomplete: Option<&Incomplete>) -> Profile {
        let comments = self.comments(is_window, incomplete);
        let kinds: Vec<HeapKind> =
            HeapKind::ALL.into_iter().filter(|kind| self.has_allocated() || !kind.is_allocated()).collect();
        let mut sample = Vec::new();
        let mut nameless = false;
        for (stack, sums) in self.sums(is_window) {
            let value: Vec<i64> = kinds.iter().map(|kind| kind.of(sums.allocated, sums.live())).collect();
            if value.iter().any(|value| *value != 0) {
                let location_id = self.locations_of(stack).to_vec();
                nameless |= location_id.is_empty();
                sample.push(Sample { location_id, value, label: Vec::new() });
            }
        }
        // By descending size in use, so that neither the file nor a comparison of two files depends on stack numbers.
        sample.sort_by(|left, right| {
            right
                .value
                .iter()
                .rev()
                .cmp(left.value.iter().rev())
                .then(left.location_id.cmp(&right.location_id))
        });
        let unix_ns = self.start().map_or(0, |start| start.unix_ns.cast_signed());
        let period = i64::try_from(self.mean_bytes()).unwrap_or(i64::MAX);
        let duration_nanos = if is_window { self.window_ns().cast_signed() } else { 0 };
        let build_id = std::mem::take(&mut self.process.build_id);
        let tables = self.locations.tables();
        let comment = comments.iter().map(|comment| tables.text(&escape(comment))).collect();
        let mut value_type = |name, unit| ValueType { r#type: tables.text(name), unit: tables.text(unit) };
        let sample_type: Vec<ValueType> =
            kinds.iter().map(|kind| value_type(kind.name(), kind.unit())).collect();
        let period_type = Some(value_type("space", "bytes"));
        let default_sample_type = tables.text(HeapKind::InuseSpace.name());
        let no_stack = tables.text("<stack not kept>");
        let mut profile = Profile {
            sample_type,
            sample,
            period_type,
            period,
            time_nanos: unix_ns,
            duration_nanos,
            comment,
            default_sample_type,
            ..self.locations.into_profile(&build_id)
        };
        if nameless {
            name_samples_without_stack(&mut profile, no_stack);
        }
        profile
    }

    /// From the first snapshot to the last, in nanoseconds.
    pub fn window_ns(&self) -> u64 {
        match self.snapshots() {
            [first, .., last] => last.time_ns.saturating_sub(first.time_ns),
            _ => 0,
        }
    }

    /// Remarks for readers of the file. pprof prints those without `#` above every report.
    fn comments(&self, is_window: bool, incomplete: Option<&Incomplete>) -> Vec<String> {
        let mut comments = Vec::new();
        if let Some(Incomplete { reason, duration_ns }) = incomplete {
            comments.push(format!("Partial: {reason} after {}", duration(*duration_ns)));
        }
        for note in self.notes.iter().filter(|note| note.kind == NoteKind::EndedEarly) {
            comments.push(format!("Ended early: {}", note.why));
        }
        let counters = self.counters().copied().unwrap_or_default();
        if counters.lost > 0 {
            comments.push(format!(
                "Lost: {} sampled blocks that represent {} bytes, of {} sampled",
                counters.lost, counters.lost_bytes, counters.sampled
            ));
        }
        if self.not_kept() > 0 {
            comments.push(format!("Lost: {} stacks and blocks beyond the limit", self.not_kept()));
        }
        let (pid, name) = (self.process.pid, &self.process.name);
        comments.push(format!("# rgops {}: pid {pid} {name}", env!("CARGO_PKG_VERSION")));
        let Some(start) = self.start() else { return comments };
        let source = match start.source {
            HeapSource::Wrapper => format!("rgops_agent::alloc::Sampling around {}", start.allocator),
            HeapSource::Jemalloc => "jemalloc's own profiler".to_owned(),
        };
        comments.push(format!("# source: {source}, one sample per {} bytes on average", self.mean_bytes()));
        if let Some(since) = start.since_unix_ns {
            comments.push(format!("# sampled since {}; earlier allocations are not included", utc(since)));
        }
        if is_window {
            comments.push("# difference between the first and the last snapshot".to_owned());
        }
        if start.source == HeapSource::Wrapper {
            let live = counters.sampled.wrapping_sub(counters.sampled_freed);
            comments.push(format!(
                "# samples: {} taken, {} freed, {live} live of at most {}; without stack {}, cut at the depth limit {}",
                counters.sampled, counters.sampled_freed, counters.live_capacity, counters.without_stack,
                counters.truncated
            ));
        }
        if let Some(exact) = &counters.exact {
            comments.push(format!(
                "# exact counters since the program started: allocations {}, frees {}, reallocations {}, bytes allocated {}, freed {}",
                exact.allocations, exact.frees, exact.reallocations, exact.allocated_bytes, exact.freed_bytes
            ));
        }
        // Lost and truncated samples are in the lines above.
        for note in self.notes.iter().filter(|note| note.kind == NoteKind::Missing) {
            comments.push(format!("# missing: {}", missing_text(note)));
        }
        comments
    }
}

/// Gives samples without a stack a frame that states so. Otherwise they would be in the total but in no row.
fn name_samples_without_stack(profile: &mut Profile, name: i64) {
    let function_id = profile.function.iter().map(|function| function.id).max().unwrap_or(0) + 1;
    let id = profile.location.iter().map(|location| location.id).max().unwrap_or(0) + 1;
    profile.function.push(Function { id: function_id, name, system_name: 0, filename: 0, start_line: 0 });
    let line = vec![Line { function_id, line: 0, column: 0 }];
    profile.location.push(Location { id, mapping_id: 0, address: 0, line, is_folded: false });
    for sample in profile.sample.iter_mut().filter(|sample| sample.location_id.is_empty()) {
        sample.location_id.push(id);
    }
}

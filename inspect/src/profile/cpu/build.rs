//! Makes a pprof file from a collected answer.

use std::collections::HashMap;

use rgops_pprof::proto::{Label, Profile, Sample, ValueType};
use rgops_protocol::reply::NoteKind;
use rgops_protocol::reply::pprof_cpu::FIRST_NUMBERED_THREAD;

use super::gather::CpuProfile;
use crate::profile::process::Incomplete;
use crate::text::known::missing_text;
use crate::text::{duration, escape};

impl CpuProfile {
    /// The finished profile; `incomplete` is the reason if it ended without totals.
    pub fn build(mut self, incomplete: Option<&Incomplete>) -> Profile {
        let comments = self.comments(incomplete);
        let period = i64::try_from(self.period_ns()).unwrap_or(i64::MAX);
        let tables = self.locations.tables();
        let comment = comments.iter().map(|comment| tables.text(&escape(comment))).collect();
        let thread_names: HashMap<u32, i64> = self
            .totals
            .iter()
            .flat_map(|totals| &totals.threads)
            .map(|thread| (thread.tid, tables.text(&thread.name)))
            .collect();
        let (thread, tid_key) = (tables.text("thread"), tables.text("tid"));
        let start_ns = self.start.as_ref().map_or(0, |start| start.unix_ns);
        let timestamp = self.has_times.then(|| (tables.text("timestamp"), tables.text("nanoseconds")));
        let mut weights: Vec<_> = self.weights.drain().collect();
        // Neither the file nor a comparison of two files may depend on the order of a hash map.
        weights.sort_by(|(left, a), (right, b)| b.cmp(a).then_with(|| left.cmp(right)));
        let sample = weights
            .into_iter()
            .map(|((tid, stack, time_ns), weight)| {
                let weight = i64::try_from(weight).unwrap_or(i64::MAX);
                let mut label = Vec::new();
                if tid < FIRST_NUMBERED_THREAD {
                    label.push(Label { key: tid_key, str: 0, num: i64::from(tid), num_unit: 0 });
                }
                if let Some(name) = thread_names.get(&tid).filter(|name| **name != 0) {
                    label.push(Label { key: thread, str: *name, num: 0, num_unit: 0 });
                }
                if let Some((key, num_unit)) = timestamp {
                    let num = i64::try_from(start_ns.saturating_add(time_ns)).unwrap_or(i64::MAX);
                    label.push(Label { key, str: 0, num, num_unit });
                }
                let value = vec![weight, weight.saturating_mul(period)];
                Sample { location_id: stack.into_vec(), value, label }
            })
            .collect();
        let mut value_type = |name, unit| ValueType { r#type: tables.text(name), unit: tables.text(unit) };
        let sample_type = vec![value_type("samples", "count"), value_type("cpu", "nanoseconds")];
        let default_sample_type = sample_type[1].r#type;
        let duration = match (&self.totals, incomplete) {
            (Some(totals), _) => totals.duration_ns,
            (None, Some(incomplete)) => incomplete.duration_ns,
            (None, None) => 0,
        };
        Profile {
            period_type: Some(sample_type[1]),
            sample_type,
            sample,
            time_nanos: self.start.as_ref().map_or(0, |start| i64::try_from(start.unix_ns).unwrap_or(0)),
            duration_nanos: i64::try_from(duration).unwrap_or(i64::MAX),
            period,
            comment,
            default_sample_type,
            ..self.locations.into_profile(&self.process.build_id)
        }
    }

    /// Remarks for readers of the file. pprof prints those without `#` above every report.
    fn comments(&self, incomplete: Option<&Incomplete>) -> Vec<String> {
        let mut comments = Vec::new();
        if let Some(incomplete) = incomplete {
            let after = duration(incomplete.duration_ns);
            comments.push(format!("Partial: {} after {after}", incomplete.reason));
        }
        for note in self.notes.iter().filter(|note| note.kind == NoteKind::EndedEarly) {
            comments.push(format!("Ended early: {}", note.why));
        }
        comments.push(format!(
            "# rgops {}: pid {} {}",
            env!("CARGO_PKG_VERSION"),
            self.process.pid,
            self.process.name
        ));
        if let Some(start) = &self.start {
            let hz = 1e9 / start.period_ns.max(1) as f64;
            comments.push(format!("# engine: {} at {hz:.0} Hz", start.engine));
            if !start.fallback.is_empty() {
                comments.push(format!("# a better engine was not used: {}", start.fallback));
            }
        }
        let Some(totals) = &self.totals else { return comments };
        let lost = totals.dropped_ring.saturating_add(totals.dropped_cache).saturating_add(self.not_kept);
        if lost > 0 {
            let of = self.weight.saturating_add(lost);
            comments.insert(usize::from(incomplete.is_some()), format!("Lost: weight {lost} of {of}"));
        }
        comments.push(format!(
            "# cpu clock: process {} ns, including agent {} ns, not sampled {} ns, late ticks {} ns; samples {} ns",
            totals.process_cpu_ns,
            totals.agent_cpu_ns,
            totals.unsampled_cpu_ns,
            totals.late_cpu_ns,
            self.sampled_ns()
        ));
        comments.push(format!(
            "# samples: {} of weight {}; lost weight: ring full {}, no cache {}, too many stacks {}",
            self.samples, self.weight, totals.dropped_ring, totals.dropped_cache, self.not_kept
        ));
        comments.push(format!(
            "# stack walks: cut at the depth limit {}, lost before the root {}",
            totals.truncated, totals.lost_walks
        ));
        comments.push(format!(
            "# signals forwarded {}; threads without a timer {}",
            totals.foreign_signals, totals.timer_failures
        ));
        // Lost and truncated samples are in the lines above.
        for note in self.notes.iter().filter(|note| note.kind == NoteKind::Missing) {
            comments.push(format!("# missing: {}", missing_text(note)));
        }
        comments
    }
}

//! Counts the stacks that were walked by frame pointers, because code on the stack has no unwind data: it was
//! generated at run time, or is assembly without directives. Such stacks are correct if that code keeps frame
//! pointers, which JIT compilers can be told to do.

use rgops_capture::Tick;
use rgops_protocol::reply::{Module, Note, NoteKind};

/// The counts so far.
#[derive(Debug, Default)]
pub(super) struct FramePointers {
    /// Ranges of code that has unwind data, sorted.
    with_unwind_data: Vec<(u64, u64)>,
    stacks: u64,
}

impl FramePointers {
    /// Sets the modules for the stacks that are counted next.
    pub(super) fn set_modules(&mut self, modules: &[Module]) {
        let with_data = modules.iter().filter(|module| module.has_unwind_data);
        self.with_unwind_data = with_data.map(|module| (module.start_avma, module.end_avma)).collect();
        self.with_unwind_data.sort_unstable();
    }

    /// Counts the samples of a tick.
    pub(super) fn count_tick(&mut self, tick: &Tick) {
        if let Some(modules) = &tick.modules {
            self.set_modules(modules);
        }
        tick.samples.iter().for_each(|sample| self.count_stack(&sample.stack.frames));
        if let Some(modules) = &tick.modules_after {
            self.set_modules(modules);
        }
    }

    /// Counts a stack, leaf first. The outermost frame does not matter: no caller of it was found.
    pub(super) fn count_stack(&mut self, frames: &[u64]) {
        let has_callers = frames.split_last().map_or(&[][..], |(_, frames)| frames);
        self.stacks += u64::from(!has_callers.iter().all(|frame| self.has_unwind_data(*frame)));
    }

    fn has_unwind_data(&self, avma: u64) -> bool {
        let behind = self.with_unwind_data.partition_point(|(start, _)| *start <= avma);
        behind.checked_sub(1).is_some_and(|at| avma < self.with_unwind_data[at].1)
    }

    /// The note with the number of such `what`, if there are any.
    pub(super) fn note(&self, what: &str) -> Option<Note> {
        (self.stacks > 0).then(|| Note {
            kind: NoteKind::Approximate,
            what: what.to_owned(),
            count: self.stacks,
            why: "callers were found by frame pointers, through code without unwind data".to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn module(start_avma: u64, has_unwind_data: bool) -> Module {
        Module {
            path: String::new(),
            build_id: Vec::new(),
            start_avma,
            end_avma: start_avma + 100,
            bias: start_avma,
            has_unwind_data,
        }
    }

    #[test]
    fn stacks_through_code_without_unwind_data_are_counted() {
        let mut counted = FramePointers::default();
        counted.set_modules(&[module(1000, true), module(500, true), module(2000, false)]);
        for frames in [&[][..], &[7], &[1000, 599, 1099], &[1000, 7], &[1000, 2050]] {
            counted.count_stack(frames);
        }
        assert!(counted.note("samples").is_none(), "every frame with a caller has unwind data");
        for frames in [&[7, 1000][..], &[1000, 600, 1000], &[1000, 2050, 1000], &[499, 7, 1000]] {
            counted.count_stack(frames);
        }
        assert_eq!(counted.note("samples").map(|note| note.count), Some(4));
    }
}

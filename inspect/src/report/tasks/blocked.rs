//! The threads that wait in `block_on`, and what is needed to find their futures on their stacks.

use std::collections::HashMap;

use crate::report::stack::{Activity, Thread, poll};
use crate::symbols::{Frame, Origin};
use crate::tasks::block_on::Blocked;

/// The threads that wait in `block_on`: not those that poll its future, which is then between two states.
pub(super) fn blocked(threads: &[Thread], polled: &HashMap<u32, u64>) -> Vec<Blocked> {
    let waiting = in_block_on(threads, polled).filter(|(thread, _)| thread.activity == Activity::Idle);
    waiting.filter_map(|(thread, begin)| of_thread(thread, begin)).collect()
}

/// The threads in `block_on` that do not poll a task, and the place of the innermost frame of it. `polled` has the task
/// that each thread polls.
pub(super) fn in_block_on<'t>(
    threads: &'t [Thread],
    polled: &HashMap<u32, u64>,
) -> impl Iterator<Item = (&'t Thread, usize)> {
    let threads = threads.iter().filter(move |thread| polled.get(&thread.tid).is_none_or(|task| *task == 0));
    threads.filter_map(|thread| {
        let begin = thread.frames.iter().position(is_block_on)?;
        let is_worker = poll(&thread.frames[..begin]).is_some();
        (!is_worker).then_some((thread, begin))
    })
}

fn is_block_on(frame: &Frame) -> bool {
    frame.function.as_deref().is_some_and(|name| name.contains("tokio::") && name.contains("block_on"))
}

fn of_thread(thread: &Thread, begin: usize) -> Option<Blocked> {
    let frames = &thread.frames;
    if frames[..begin].iter().any(|frame| Origin::of(frame).is_of_program()) {
        return None;
    }
    let caller = frames.iter().skip(begin).position(|frame| Origin::of(frame).is_of_program());
    let caller = begin + caller?;
    let addresses = thread.addresses.get(group(frames, begin)..group(frames, caller) + 2)?;
    let function = |at: usize| {
        let frame = &frames[at];
        let name = frame.mangled.clone().filter(|_| is_block_on(frame) && frame.aliases.is_empty())?;
        Some((*thread.addresses.get(group(frames, at))?, name))
    };
    Some(Blocked {
        tid: thread.tid,
        addresses: addresses.to_vec(),
        functions: (begin..caller).filter_map(function).collect(),
    })
}

/// The place of a frame's address: functions inlined into each other have one address.
fn group(frames: &[Frame], at: usize) -> usize {
    frames[..at].iter().filter(|frame| !frame.is_inlined).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inlined_frames_have_the_address_of_the_frame_around_them() {
        let frame = |is_inlined| Frame { is_inlined, ..Frame::named("f") };
        let frames = [false, true, true, false, false].map(frame);
        let groups: Vec<usize> = (0..frames.len()).map(|at| group(&frames, at)).collect();
        assert_eq!(groups, [0, 1, 1, 1, 2]);
    }
}

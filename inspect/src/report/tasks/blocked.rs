//! The threads that wait in `block_on`, and what is needed to find their futures on their stacks.

use std::collections::HashMap;

use super::thread::{in_block_on, is_block_on};
use crate::report::stack::{Activity, Thread};
use crate::symbols::{Frame, Origin};
use crate::tasks::block_on::Blocked;

/// The threads that wait in `block_on`: not those that poll its future, which is then between two states.
pub(super) fn blocked(threads: &[Thread], polled: &HashMap<u32, u64>) -> Vec<Blocked> {
    let waiting = in_block_on(threads, polled).filter(|(thread, _)| thread.activity == Activity::Idle);
    waiting.filter_map(|(thread, begin)| of_thread(thread, begin)).collect()
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

//! Converts the crate's frames to addresses, and omits the frames of its own handler.

use std::any::Any;
use std::fmt::Debug;

use rgops_protocol::reply::pprof_cpu::CpuSample;
use rgops_protocol::reply::{Stack, StackEnd};

use super::disposition;

/// The handler, if present, is among this many innermost frames.
const HANDLER_DEPTH: usize = 8;
/// An upper bound of the handler's code size. Used only when a frame does not know its function.
const HANDLER_BYTES: u64 = 16 * 1024;

/// A stack from the crate's frames. It is not known whether the last frame is the root; it counts as the root
/// unless the stack has the crate's maximum depth.
pub(super) fn stack<F: Any + Debug>(frames: &[F]) -> Stack {
    let handler = disposition::handler();
    let is_handler = |(address, function): &(u64, Option<u64>)| match function {
        // Apple's unwinder does not know functions: a frame reports its own address there.
        Some(function) if function != address => *function == handler,
        _ => (handler..handler + HANDLER_BYTES).contains(address),
    };
    let addresses: Vec<(u64, Option<u64>)> = frames.iter().filter_map(address).collect();
    // After the handler's frame comes the system's code that called it, then the interrupted code. An
    // unwinder that starts at the interrupted code has neither.
    let innermost = &addresses[..addresses.len().min(HANDLER_DEPTH)];
    let skipped = innermost.iter().rposition(is_handler).map_or(0, |handler| handler + 2);
    let frames: Vec<u64> = addresses.iter().skip(skipped).map(|(address, _)| *address).collect();
    let end = match addresses.len() {
        _ if frames.is_empty() => StackEnd::Lost,
        pprof::MAX_DEPTH.. => StackEnd::DepthLimit,
        _ => StackEnd::Root,
    };
    Stack { frames, end }
}

/// The number of samples whose stack has this end.
pub(super) fn ending(samples: &[CpuSample], end: StackEnd) -> u64 {
    samples.iter().filter(|sample| sample.stack.end == end).count() as u64
}

/// A frame's address, and its function's address if the frame knows it.
///
/// The type is `backtrace::Frame`, unless the program enables another unwinder of the crate. That type
/// cannot be named, and only its debug text gives access to its field.
fn address<F: Any + Debug>(frame: &F) -> Option<(u64, Option<u64>)> {
    if let Some(frame) = (frame as &dyn Any).downcast_ref::<backtrace::Frame>() {
        return Some((frame.ip() as u64, Some(frame.symbol_address() as u64)));
    }
    let text = format!("{frame:?}");
    let number = text.split_once("ip: ")?.1.split(|letter: char| !letter.is_ascii_digit()).next()?;
    Some((number.parse().ok()?, None))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Frame {
        #[expect(dead_code, reason = "read as text")]
        ip: u64,
    }

    #[test]
    fn frames_of_another_unwinder_are_read_as_text() {
        let frames = [Frame { ip: 0x1234 }, Frame { ip: u64::MAX }];
        let stack = stack(&frames);
        assert_eq!((stack.frames, stack.end), (vec![0x1234, u64::MAX], StackEnd::Root));
    }

    #[test]
    fn the_handler_and_its_caller_are_omitted() {
        let handler = disposition::handler();
        let frames = [50, handler + 100, 60, 0x1234, 0x5678].map(|ip| Frame { ip });
        assert_eq!(stack(&frames).frames, [0x1234, 0x5678]);
        assert_eq!(stack(&frames[..3]).end, StackEnd::Lost);
    }

    #[test]
    fn a_stack_of_the_maximum_depth_counts_as_truncated() {
        let frames: Vec<Frame> = (0..pprof::MAX_DEPTH as u64).map(|ip| Frame { ip: 0x1000 + ip }).collect();
        assert_eq!(stack(&frames).end, StackEnd::DepthLimit);
    }
}

//! `stack`: its request and its parts.

use super::golden;
use super::samples::{sample_missing, sample_modules, sample_stack};
use crate::reply::{Known, Stack, StackEnd, stack};
use crate::request;
use crate::tail::Tail;

golden!(request_stack, request::StackRequest, request::StackRequest { max_depth: 512 });
golden!(stack_modules, stack::StackPart, stack::StackPart::Modules(sample_modules()));
golden!(
    stack_threads,
    stack::StackPart,
    stack::StackPart::Threads(vec![
        stack::ThreadStack {
            tid: 4711,
            name: "tokio-rt-worker".into(),
            state: 'S',
            cpu_ns: Known::Value(1_234_567_890),
            wchan: "futex_do_wait".into(),
            system_call: Known::Value(stack::SystemCall::Number {
                number: 202,
                first_argument: 0x7fff_0000_1000
            }),
            is_agent: false,
            current_task: Some(17),
            capture: stack::Capture::Signal { because: "it ran while its stack was read".into() },
            stack: sample_stack(),
        },
        stack::ThreadStack {
            tid: 4712,
            name: "größe".into(),
            state: 'D',
            cpu_ns: Known::unavailable("schedstat is not readable", ""),
            wchan: String::new(),
            system_call: Known::Value(stack::SystemCall::Running),
            is_agent: true,
            current_task: None,
            capture: stack::Capture::Failed { reason: "no answer in 500 ms (state D)".into() },
            stack: Stack { frames: vec![], end: StackEnd::NotCaptured },
        },
        stack::ThreadStack {
            tid: 4713,
            name: "q".into(),
            state: 'T',
            cpu_ns: Known::Value(0),
            wchan: String::new(),
            system_call: Known::Value(stack::SystemCall::NotInOne),
            is_agent: false,
            current_task: Some(0),
            capture: stack::Capture::Quiet,
            stack: Stack { frames: vec![1], end: StackEnd::DepthLimit },
        },
        stack::ThreadStack {
            tid: 4714,
            name: "o".into(),
            state: 'R',
            cpu_ns: Known::Value(0),
            wchan: String::new(),
            system_call: Known::unavailable("permission denied", "run the program without setuid"),
            is_agent: false,
            current_task: Some(u64::MAX),
            capture: stack::Capture::OwnThread,
            stack: Stack { frames: vec![250, 251], end: StackEnd::Lost },
        },
    ])
);
golden!(
    stack_summary,
    stack::StackPart,
    stack::StackPart::Summary(stack::StackSummary {
        unix_ns: 1_795_386_238_433_888_352,
        capture_ns: 1_500_000,
        threads: 1000,
        captured: 999,
        vanished: 1,
        current_tasks: sample_missing(),
        waiting: Tail::absent(),
    }),
    tail: |part| {
        if let stack::StackPart::Summary(summary) = part {
            let waiting = [(7, 300), (u32::MAX, u64::MAX)].map(|(tid, for_ns)| stack::WaitingThread { tid, for_ns });
            summary.waiting = Tail::for_reader(2, waiting.to_vec());
        }
    },
);

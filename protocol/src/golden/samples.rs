//! What several messages have.

use crate::reply::{Module, Stack, StackEnd, Unavailable, pprof_cpu};

pub(super) fn sample_stack() -> Stack {
    Stack { frames: vec![0x5555_5555_4000, 0x7fff_f7dd_0123, 1], end: StackEnd::Root }
}

pub(super) fn sample_missing() -> Option<Unavailable> {
    Some(Unavailable { reason: "no robust list".into(), fix: "link glibc".into() })
}

pub(super) fn sample_modules() -> Vec<Module> {
    vec![Module {
        path: "/usr/bin/shop".into(),
        build_id: vec![0xde, 0xad],
        start_avma: 0x5555_5555_4000,
        end_avma: 0x5555_5566_0000,
        bias: 0x5555_5555_4000,
        has_unwind_data: true,
    }]
}

pub(super) fn sample_cpu() -> pprof_cpu::CpuSample {
    pprof_cpu::CpuSample { time_ns: 10_101_010, tid: 4711, weight: 3, stack: sample_stack() }
}

//! `pprof-cpu`: its request and its parts.

use super::golden;
use super::samples::{sample_cpu, sample_modules};
use crate::reply::pprof_cpu;
use crate::request;

golden!(
    request_pprof_cpu,
    request::PprofCpuRequest,
    request::PprofCpuRequest { duration_ms: 30_000, hz: 99 }
);
golden!(
    pprof_cpu_start,
    pprof_cpu::PprofCpuPart,
    pprof_cpu::PprofCpuPart::Start(pprof_cpu::CpuStart {
        unix_ns: 1_795_386_238_433_888_352,
        period_ns: 10_101_010,
        engine: "native".into(),
        fallback: String::new()
    })
);
golden!(pprof_cpu_modules, pprof_cpu::PprofCpuPart, pprof_cpu::PprofCpuPart::Modules(sample_modules()));
golden!(pprof_cpu_samples, pprof_cpu::PprofCpuPart, pprof_cpu::PprofCpuPart::Samples(vec![sample_cpu()]));
golden!(
    pprof_cpu_totals,
    pprof_cpu::PprofCpuPart,
    pprof_cpu::PprofCpuPart::Totals(pprof_cpu::CpuTotals {
        duration_ns: 30_000_000_000,
        process_cpu_ns: 1_000_000_000,
        agent_cpu_ns: 1_000_000,
        unsampled_cpu_ns: 5,
        late_cpu_ns: 6,
        threads: vec![pprof_cpu::CpuThread {
            tid: 1,
            name: "main".into(),
            cpu_ns: 2,
            weight: 3,
            ended: true
        }],
        samples: 1,
        weight: 2,
        dropped_ring: 3,
        dropped_cache: 4,
        truncated: 5,
        lost_walks: 6,
        foreign_signals: 7,
        timer_failures: 8,
    })
);

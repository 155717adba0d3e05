//! `tasks`: its request and its parts.

use super::golden;
use super::samples::{sample_missing, sample_modules, sample_stack};
use crate::reply::{Known, stack, tasks};
use crate::request;
use crate::tail::Tail;

golden!(
    request_tasks,
    request::TasksRequest,
    request::TasksRequest { max_cell_bytes: 65_536, max_depth: 512 }
);
golden!(tasks_modules, tasks::TasksPart, tasks::TasksPart::Modules(sample_modules()));
golden!(
    tasks_runtime,
    tasks::TasksPart,
    tasks::TasksPart::Runtime(tasks::TaskRuntime {
        index: 1,
        name: "main".into(),
        kind: tasks::RuntimeKind::MultiThread,
        workers: 8,
        handle_words: vec![1, 0x7f00_0000_1000],
        alive_tasks: Known::Value(1041),
        list: Known::Value(tasks::TaskList { shards: 32, incomplete_shards: 1, listed: 1040 }),
        found_on: Tail::absent(),
    }),
    tail: |part| {
        if let tasks::TasksPart::Runtime(runtime) = part {
            runtime.found_on = Tail::for_reader(2, 4712);
        }
    },
);
golden!(
    tasks_runtime_unlisted,
    tasks::TasksPart,
    tasks::TasksPart::Runtime(tasks::TaskRuntime {
        index: 0,
        name: "local".into(),
        kind: tasks::RuntimeKind::LocalSet,
        workers: 1,
        handle_words: vec![],
        alive_tasks: Known::unavailable("a LocalSet counts none", ""),
        list: Known::unavailable("the runtime is shut down", ""),
        found_on: Tail::absent(),
    }),
    tail: |part| {
        if let tasks::TasksPart::Runtime(runtime) = part {
            runtime.found_on = Tail::for_reader(2, 4713);
        }
    },
);
golden!(
    tasks_vtables,
    tasks::TasksPart,
    tasks::TasksPart::Vtables(vec![tasks::TaskVtable {
        avma: 0x5555_5560_0000,
        poll_avma: 0x5555_5555_4000,
        id_offset: 40,
        trailer_offset: 304,
    }])
);
golden!(
    tasks_cells,
    tasks::TasksPart,
    tasks::TasksPart::Tasks(
        [
            tasks::CellBytes::Read(vec![1, 2, 3]),
            tasks::CellBytes::NotRead,
            tasks::CellBytes::Moved,
            tasks::CellBytes::Unreadable
        ]
        .into_iter()
        .map(|bytes| tasks::TaskCell {
            runtime: 1,
            id: 300,
            header_avma: 0x7f00_0000_2080,
            vtable: 0,
            state: 0xcc,
            bytes
        })
        .collect()
    )
);
golden!(
    tasks_threads,
    tasks::TasksPart,
    tasks::TasksPart::Threads(vec![tasks::TaskThread {
        stack: stack::ThreadStack {
            tid: 4713,
            name: "tokio-rt-worker".into(),
            state: 'R',
            cpu_ns: Known::Value(0),
            wchan: String::new(),
            system_call: Known::Value(stack::SystemCall::Running),
            is_agent: false,
            current_task: Some(300),
            capture: stack::Capture::Quiet,
            stack: sample_stack(),
        },
        current_task_avma: Some(0x7f00_0000_3000),
    }])
);
golden!(
    tasks_summary,
    tasks::TasksPart,
    tasks::TasksPart::Summary(tasks::TasksSummary {
        unix_ns: 1_795_386_238_433_888_352,
        list_ns: 2_000_000,
        capture_ns: Known::Value(1_500_000),
        current_tasks: sample_missing(),
        anchors: 32,
        memory: sample_missing(),
        monotonic_ns: Tail::absent(),
    }),
    tail: |part| {
        if let tasks::TasksPart::Summary(summary) = part {
            summary.monotonic_ns = Tail::for_reader(2, 86_400_000_000_000);
        }
    },
);

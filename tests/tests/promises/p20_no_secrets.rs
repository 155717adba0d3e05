//! Promise 20: no secret leaves the program: its environment, arguments and memory are in no byte of any reply,
//! unless requested.

use std::io::Read as _;

use rgops_protocol::hello::MAGIC;
use rgops_protocol::request::{
    Command, Envelope, HeapRateRequest, MemoryRange, PprofCpuRequest, PprofHeapRequest, ReadRequest, Request,
    SchedtraceRequest, StackRequest, StatsRequest, TasksRequest, TraceRequest, WordsRequest,
};
use rgops_tests::asking::{Raw, hello, request};
use rgops_tests::directory::Directory;
use rgops_tests::target::Target;

const SECRET: &str = "hunter2-of-the-planted-secret";

fn smallest(command: Command) -> Request {
    match command {
        Command::Stack => Request::Stack(StackRequest { max_depth: 512 }),
        Command::Stats => Request::Stats(StatsRequest { window_ms: 50 }),
        Command::PprofCpu => Request::PprofCpu(PprofCpuRequest { duration_ms: 300, hz: 999 }),
        Command::Trace => Request::Trace(TraceRequest { duration_ms: 300, hz: 99, interval_us: 1000 }),
        Command::Tasks => Request::Tasks(TasksRequest { max_cell_bytes: 65536, max_depth: 512 }),
        Command::Schedtrace => Request::Schedtrace(SchedtraceRequest {
            interval_ms: 50,
            count: 2,
            ranges: vec![MemoryRange { avma: 0, length: 8 }],
        }),
        Command::PprofHeap => {
            Request::PprofHeap(PprofHeapRequest { duration_ms: 0, interval_ms: 0, live: true })
        }
        Command::HeapRate => Request::HeapRate(HeapRateRequest { set_bytes: None }),
        Command::Read => Request::Read(ReadRequest { ranges: vec![MemoryRange { avma: 0, length: 8 }] }),
        Command::Words => {
            Request::Words(WordsRequest { words: vec![1], threads: vec![1, 2], max_bytes: 4096 })
        }
        // The other requests have no arguments.
        other => {
            let (command, version) = (other as u16, *other.versions().end());
            Request::from_envelope(&Envelope { command, version, body: Vec::new() }).unwrap()
        }
    }
}

#[test]
fn a_planted_secret_is_in_no_reply() {
    let directory = Directory::new();
    let mut target = Target::start_with(&directory, |command| {
        command.env("PASSWORD", SECRET).env("DATABASE_URL", format!("postgres://u:{SECRET}@db/x"));
        command.arg(format!("--password={SECRET}"));
    });
    target.order("runtime 2");
    target.order("burn");
    let path = target.listen(&format!("tcp=127.0.0.1:0 token={SECRET}"));
    for command in Command::ALL {
        let mut raw = Raw::connect(&path).unwrap();
        raw.send(&hello());
        raw.send(&request(&smallest(command)));
        let mut bytes = Vec::new();
        raw.0.read_to_end(&mut bytes).unwrap();
        assert!(bytes.starts_with(&MAGIC) && bytes.len() > 100, "{command:?}: {} bytes", bytes.len());
        let found = bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes());
        assert!(!found, "the secret is in the answer of {command:?}");
        // Nor any other part of the environment or the arguments.
        for piece in ["PASSWORD", "DATABASE_URL", "--password"] {
            let found = bytes.windows(piece.len()).any(|window| window == piece.as_bytes());
            assert!(!found, "{piece} is in the answer of {command:?}");
        }
    }
}

//! A real program with an agent, and answers of one that lies.

use std::collections::BTreeMap;
use std::sync::Barrier;

use rgops_protocol::reply::Known;
use rgops_protocol::reply::memstats::{Field, MemstatsReply, Section, Unit};
use rgops_protocol::reply::stats::{
    AgentStats, RuntimeStats, RuntimeTotals, StatsReply, TaskStates, ThreadsInState, WorkerStats,
    WorkerTotals,
};
use rgops_protocol::tail::Tail;
use rgops_tests::itself::{self, Itself};

use super::super::accept::Format;
use super::super::labels::Labels;
use super::super::numbers::{self, Switches};
use super::super::samples::{Sample, Samples};
use super::super::text::written;
use super::super::{Metrics, memory};
use super::promtool;
use crate::fleet::{Fleet, Program};

const OPEN: Option<&str> = Some("application/openmetrics-text");

#[test]
#[ignore = "started by the tests below"]
fn target() {
    if !itself::is_target() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(3).enable_all().build().unwrap();
    let _inside = runtime.enter();
    for _ in 0..5 {
        runtime.spawn(std::future::pending::<()>());
    }
    itself::listen_until_input();
}

fn program(target: &Itself) -> Program {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", target.pid())).unwrap();
    let start_time = stat.rsplit_once(')').unwrap().1.split_ascii_whitespace().nth(19).unwrap();
    Program { pid: target.pid(), start_time: start_time.parse().unwrap(), name: "a \"shop\"\n".to_owned() }
}

/// The values of the samples by name and labels other than `program` and `pid`.
fn values(text: &str) -> BTreeMap<String, f64> {
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    let value = |line: &str| {
        let (series, value) = line.rsplit_once(' ').unwrap();
        let (name, labels) = series.split_once('{').unwrap();
        let rest = labels.split_once("pid=\"").unwrap().1.split_once('"').unwrap().1;
        (format!("{name}{}", rest.trim_matches(['}', ','])), value.parse().unwrap())
    };
    samples.map(value).collect()
}

#[test]
fn a_real_program_has_the_numbers_that_it_has_and_promtool_accepts_them() {
    let target = Itself::start("metrics::tests::program::target");
    let program = program(&target);
    let metrics = Metrics::default();
    let text = metrics.for_program(&program, None);
    assert_eq!(text.content_type, "text/plain; version=0.0.4; charset=utf-8");
    promtool::accepts(&["check", "metrics"], &text.text);
    let of = values(&text.text);
    assert_eq!(of["rgops_up"], 1.0, "{}", text.text);
    assert_eq!(of["tokio_workers_countruntime=\"main\""], 3.0);
    assert_eq!(of["tokio_live_tasks_countruntime=\"main\""], 5.0);
    assert_eq!(of["rgops_tokio_tasksruntime=\"main\",state=\"idle\""], 5.0);
    assert!(of["tokio_total_park_count_totalruntime=\"main\""] >= 1.0);
    assert!(of["tokio_total_busy_duration_seconds_totalruntime=\"main\""] > 0.0);
    assert!(of["rgops_tokio_worker_parks_totalruntime=\"main\",worker=\"2\""] >= 0.0);
    assert!(of["process_open_fds"] >= 3.0 && of["process_max_fds"] >= of["process_open_fds"]);
    assert!(
        of["process_threads"] >= 5.0
            && of["process_virtual_memory_bytes"] > of["process_resident_memory_bytes"]
    );
    assert!(of["process_cpu_seconds_total"] >= 0.0 && of["rgops_agent_requests_total"] >= 1.0);
    // The parts of one answer add up.
    let parts = of.iter().filter(|(name, _)| name.starts_with("rgops_resident_memory_part_bytes"));
    assert_eq!(parts.map(|(_, bytes)| bytes).sum::<f64>(), of["process_resident_memory_bytes"]);
    // It started before now and after this test's machine.
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs_f64();
    let started = of["process_start_time_seconds"];
    assert!(started <= now + 1.0 && started > now - 3600.0, "{started} {now}");
    // Without the wrapper of the allocator there is no exact count: absent, and the reason is there.
    assert!(!of.contains_key("rgops_heap_live_bytes"));
    assert!(of.contains_key("rgops_unavailable_infometric=\"rgops_heap_live_bytes\",reason=\"no-sampling\""));

    // The same numbers in the other format: they are of the same answer.
    let open = metrics.for_program(&program, OPEN);
    assert_eq!(open.content_type, "application/openmetrics-text; version=1.0.0; charset=utf-8");
    assert!(open.text.ends_with("# EOF\n"));
    assert_eq!(values(&open.text).len(), of.len());
    assert!(open.text.contains("program=\"a \\\"shop\\\"\\\\n\",pid=\""), "{}", open.text);
}

#[test]
fn many_scrapers_at_once_are_one_question() {
    let target = Itself::start("metrics::tests::program::target");
    let program = program(&target);
    let metrics = Metrics::default();
    let together = Barrier::new(16);
    let began = std::time::Instant::now();
    let texts: Vec<String> = std::thread::scope(|scope| {
        let scrape = || {
            together.wait();
            metrics.for_program(&program, None).text
        };
        let scrapers: Vec<_> = (0..16).map(|_| scope.spawn(scrape)).collect();
        scrapers.into_iter().map(|scraper| scraper.join().unwrap()).collect()
    });
    assert!(texts.iter().all(|text| values(text)["rgops_up"] == 1.0));
    // Each distinct text is a question, and a second is between two of them.
    let distinct: std::collections::HashSet<&String> = texts.iter().collect();
    let (questions, most) = (distinct.len() as u64, began.elapsed().as_secs() + 1);
    assert!(questions <= most, "{questions} questions for 16 scrapers, at most {most}");
    let requests = texts.iter().map(|text| values(text)["rgops_agent_requests_total"] as u64).max().unwrap();
    // A question is `stats` and `memstats`; the answer is of the first, so the last one has no second.
    assert!(requests <= 2 * questions, "{requests} requests, {questions} questions");
}

#[test]
fn all_programs_of_the_host_are_one_valid_answer_for_a_second() {
    let target = Itself::start("metrics::tests::program::target");
    let (metrics, fleet) = (Metrics::default(), Fleet::default());
    metrics.answered(401);
    metrics.answered(999);
    assert_eq!(metrics.cached(None), None);
    let all = metrics.exposition(&fleet, None);
    promtool::accepts(&["check", "metrics"], &all.text);
    let up = format!("pid=\"{}\"}} 1\n", target.pid());
    assert!(
        all.text.lines().any(|line| line.starts_with("rgops_up{") && (line.to_owned() + "\n").ends_with(&up))
    );
    assert!(all.text.contains("\nrgops_serve_unauthorized_total 1\n") && !all.text.contains("code=\"999\""));
    // A text is used until it is a second old. On a busy machine it may be when it is asked for.
    rgops_tests::waiting::until("an answer from the last second", || {
        let text = metrics.exposition(&fleet, None);
        (metrics.cached(None)? == text).then_some(())
    });
}

#[test]
fn a_program_that_ends_is_down() {
    let mut target = Itself::start("metrics::tests::program::target");
    let program = program(&target);
    let metrics = Metrics::default();
    assert_eq!(values(&metrics.for_program(&program, None).text)["rgops_up"], 1.0);
    target.resume();
    target.death();
    let down = || values(&metrics.for_program(&program, None).text)["rgops_up"].eq(&0.0).then_some(());
    rgops_tests::waiting::until("the program is down", down);
    let of = values(&metrics.for_program(&program, None).text);
    let gone = "rgops_unavailable_infometric=\"rgops_up\",reason=\"gone\"";
    assert!(of.contains_key(gone) && !of.contains_key("process_threads"), "{of:?}");
}

/// Every name says something else than it is, and every number is the largest.
fn lie(workers: usize, runtimes: usize) -> (StatsReply, MemstatsReply) {
    let name = "main\"} 1\nrgops_up{program=\"\\\x1b[2J\0\u{202e}".to_owned();
    let most = Known::Value(u64::MAX);
    let missing = || Known::<u64>::unavailable("x\n\"}".repeat(300), "fix\n");
    let worker =
        WorkerStats { parked: true, parks: u64::MAX, tokio_busy_ns: u64::MAX, busy_ns: most.clone() };
    let runtime = RuntimeStats {
        name: name.clone(),
        flavor: name.clone(),
        workers: vec![worker; workers],
        alive_tasks: u64::MAX,
        global_queue: u64::MAX,
        tasks: Known::Value(TaskStates { running: u64::MAX, ..TaskStates::default() }),
    };
    let totals = WorkerTotals { parks: u64::MAX, busy_ns: u64::MAX };
    let stats = StatsReply {
        uptime_ns: missing(),
        user_cpu_ns: most.clone(),
        system_cpu_ns: most.clone(),
        cpus_online: Known::Value(u32::MAX),
        cpus_allowed: Known::Value(u32::MAX),
        cpu_quota_milli: Known::Value(Some(u64::MAX)),
        throttled_periods: missing(),
        threads: Known::Value(
            ['\n', '"', '\\', '\u{202e}', '\n'].map(|state| ThreadsInState { state, count: u32::MAX }).into(),
        ),
        descriptors: most.clone(),
        descriptors_limit: Known::unavailable("no limit", ""),
        voluntary_switches: most.clone(),
        involuntary_switches: missing(),
        window_ns: 0,
        runtimes: vec![runtime; runtimes],
        thread_activity: Vec::new(),
        agent: AgentStats {
            uptime_ns: u64::MAX,
            address: name.clone(),
            connections: u64::MAX,
            open_connections: u64::MAX,
            requests: u64::MAX,
            refused_users: u64::MAX,
            refused_tokens: u64::MAX,
            refused_limits: u64::MAX,
            malformed: u64::MAX,
            busy: u64::MAX,
            cancelled: u64::MAX,
            dropped: u64::MAX,
            cpu_ns: missing(),
            sent_bytes: u64::MAX,
            denied: Tail::for_reader(2, u64::MAX),
        },
        totals: Tail::for_reader(2, vec![RuntimeTotals { workers: vec![totals; workers] }; runtimes]),
    };
    let field = |unit| Field { name: name.clone(), unit, value: most.clone(), source: name.clone() };
    let fields: Vec<Field> =
        std::iter::repeat_n([field(Unit::Bytes), field(Unit::Count)], 100).flatten().collect();
    let mut sections = vec![Section { name: name.clone(), fields }; 100];
    let rss = Field { name: "rss".to_owned(), unit: Unit::Bytes, value: most, source: String::new() };
    sections.push(Section { name: "process".to_owned(), fields: vec![rss] });
    (stats, MemstatsReply { sections })
}

fn samples((stats, memstats): &(StatsReply, MemstatsReply)) -> Vec<Sample> {
    let mut samples = Samples::new(Labels::none().with("program", &"\n".repeat(1 << 20)).with("pid", "7"));
    memory::put(&mut samples, memstats);
    numbers::put(&mut samples, stats, Some(u64::MAX), &mut Switches::default());
    samples.finished()
}

#[test]
fn an_agent_that_lies_makes_a_valid_answer_of_limited_size() {
    for (workers, runtimes) in [(2, 3), (1, 2_000), (100_000, 2), (0, 1)] {
        let samples = samples(&lie(workers, runtimes));
        assert!(samples.len() <= 4097, "{}", samples.len());
        let text = written(&[&samples], Format::Text);
        assert!(text.len() < 8 << 20, "{} bytes", text.len());
        assert!(text.chars().all(|character| !character.is_control() || character == '\n'));
        assert!(
            !text.contains('\u{202e}') && text.lines().all(|line| line.starts_with(['#', 'p', 't', 'r']))
        );
        assert!(values(&text)["rgops_dropped_series"] > 0.0);
        promtool::accepts(&["check", "metrics"], &text);
    }
}

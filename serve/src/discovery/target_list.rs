//! The list of targets, one group a program: its labels say where the program's numbers and profiles are.

use std::collections::BTreeMap;

use serde::Serialize;

use super::container::Container;
use crate::fleet::{Fleet, Program};
use crate::metrics::shortened;

/// The answer of `/sd` as JSON. `host` is the address that the scraper used (`Host`, already checked): the targets have it.
///
/// | label | what | read by |
/// | --- | --- | --- |
/// | `__metrics_path__` | `/p/PID/metrics` | Prometheus, `prometheus.scrape` of Alloy |
/// | `__profile_path_prefix__` | `/p/PID` | `pyroscope.scrape` of Alloy; Parca after a relabeling |
/// | `program`, `pid` | as in the metrics; together they tell two programs of the same name apart | all |
/// | `service_name` | the name again, which Pyroscope needs | Pyroscope |
/// | `__meta_rgops_program`, `__meta_rgops_pid` | the same, for relabeling | |
/// | `__meta_rgops_start_ticks` | start of the process in clock ticks since boot | |
/// | `__meta_rgops_container_id`, `__meta_rgops_pod_uid` | if its control group tells | |
///
/// Names are cut to 128 characters, and what controls a terminal in them is escaped. The groups are ascending by pid.
pub fn targets(fleet: &Fleet, host: &str) -> String {
    let programs = fleet.programs();
    written(programs.iter().map(|program| group(program, host, Container::of(program.pid))))
}

/// A target group of `http_sd`.
#[derive(Debug, Serialize)]
struct Group<'h> {
    targets: [&'h str; 1],
    labels: BTreeMap<&'static str, String>,
}

fn group<'h>(program: &Program, host: &'h str, container: Container) -> Group<'h> {
    let (pid, name) = (program.pid.to_string(), shortened(&program.name));
    let mut labels = BTreeMap::from([
        ("__metrics_path__", format!("/p/{pid}/metrics")),
        ("__profile_path_prefix__", format!("/p/{pid}")),
        ("__meta_rgops_pid", pid.clone()),
        ("__meta_rgops_program", name.clone()),
        ("__meta_rgops_start_ticks", program.start_time.to_string()),
        ("pid", pid),
        // A label without a value is no label, and Pyroscope needs this one.
        ("service_name", if name.is_empty() { "unnamed".to_owned() } else { name.clone() }),
        ("program", name),
    ]);
    labels.extend(container.id.map(|id| ("__meta_rgops_container_id", id)));
    labels.extend(container.pod_uid.map(|uid| ("__meta_rgops_pod_uid", uid)));
    Group { targets: [host], labels }
}

fn written<'h>(groups: impl Iterator<Item = Group<'h>>) -> String {
    let groups: Vec<Group<'h>> = groups.collect();
    serde_json::to_string_pretty(&groups).expect("its keys are texts") + "\n"
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use serde_json::Value;

    use super::*;

    fn program(pid: u32, name: &str) -> Program {
        Program { pid, start_time: 100 + u64::from(pid), name: name.to_owned() }
    }

    fn read(programs: &[Program], container: impl Fn() -> Container) -> Vec<Value> {
        let groups = programs.iter().map(|program| group(program, "10.0.0.7:6160", container()));
        serde_json::from_str(&written(groups)).expect("it is JSON")
    }

    #[test]
    fn a_program_is_a_group_with_its_paths() {
        let container = || Container { id: Some("ab".repeat(32)), pod_uid: None };
        let read = read(&[program(7, "shop")], container);
        let expected = serde_json::json!([{
            "targets": ["10.0.0.7:6160"],
            "labels": {
                "__meta_rgops_container_id": "ab".repeat(32),
                "__meta_rgops_pid": "7",
                "__meta_rgops_program": "shop",
                "__meta_rgops_start_ticks": "107",
                "__metrics_path__": "/p/7/metrics",
                "__profile_path_prefix__": "/p/7",
                "pid": "7",
                "program": "shop",
                "service_name": "shop",
            },
        }]);
        assert_eq!(Value::from(read), expected);
    }

    #[test]
    fn no_program_is_an_empty_list() {
        assert_eq!(written(std::iter::empty()), "[]\n");
    }

    #[test]
    fn programs_of_one_name_are_distinct_without_internal_labels() {
        let read = read(&[program(7, "pool"), program(8, "pool"), program(9, "")], Container::default);
        let visible: HashSet<String> = read
            .iter()
            .map(|group| {
                let labels = group["labels"].as_object().expect("it is an object");
                let visible: Vec<_> = labels.iter().filter(|(name, _)| !name.starts_with("__")).collect();
                assert!(!labels["service_name"].as_str().unwrap_or_default().is_empty());
                format!("{visible:?}")
            })
            .collect();
        assert_eq!(visible.len(), 3);
    }

    #[test]
    fn a_hostile_name_stays_in_its_label() {
        let name = format!("\"}},\n\u{1b}[2J\u{0}{{$&{}", "x".repeat(4096));
        let read = read(&[program(7, &name), program(8, "shop")], Container::default);
        assert_eq!(read.len(), 2);
        let shown = read[0]["labels"]["program"].as_str().expect("it is a text");
        assert!(shown.starts_with("\"},") && shown.chars().count() < 256, "{shown}");
        assert!(!shown.chars().any(char::is_control), "{shown:?}");
        assert_eq!(read[0]["labels"]["__metrics_path__"], "/p/7/metrics");
    }
}

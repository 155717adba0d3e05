//! A configuration of Parca: it finds the programs by `/sd`.

use super::heading::{comment, copy_of_the_token, heading};
use super::quoted::quoted;
use super::setup::Setup;

/// The profiles of Parca and their paths.
const PROFILES: [(&str, &str); 5] = [
    ("process_cpu", "profile"),
    ("memory", "allocs"),
    ("goroutine", "goroutine"),
    ("block", "block"),
    ("mutex", "mutex"),
];

pub(super) fn text(setup: &Setup) -> String {
    let what = [
        "Parca: profiles of every Rust program with an agent, found by rgops serve.",
        "Programs that start later are found too, and those that end leave.",
    ];
    let copy = copy_of_the_token(setup, "parca");
    let next = [&copy, "parca --config-path=parca.yaml"];
    let heading = comment("#", &heading(setup, &what, &next));
    let (url, scheme) = (quoted(&setup.address.url("/sd")), setup.address.scheme());
    let token_file = quoted(&setup.token_file);
    let profiles: String = PROFILES
        .iter()
        .map(|(name, path)| {
            let delta = if *name == "process_cpu" { "\n          delta: true" } else { "" };
            format!("        {name}:\n          enabled: true\n          path: /debug/pprof/{path}{delta}\n")
        })
        .collect();
    format!(
        r#"{heading}
object_storage:
  bucket:
    type: FILESYSTEM
    config:
      directory: ./data

scrape_configs:
  - job_name: rgops
    # Also the length of a CPU profile.
    scrape_interval: 10s
    scheme: {scheme}
    basic_auth: &token
      username: rgops
      password_file: {token_file}
    http_sd_configs:
      - url: {url}
        refresh_interval: 15s
        basic_auth: *token
    relabel_configs:
      # The paths of its program: /p/PID before /debug/pprof/NAME.
      - source_labels: [__profile_path_prefix__, __profile_path__]
        regex: (.*);(.*)
        replacement: $1$2
        target_label: __profile_path__
    profiling_config:
      pprof_config:
{profiles}"#
    )
}

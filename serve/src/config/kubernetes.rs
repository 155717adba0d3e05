//! Annotations of pods with `rgops serve` as a sidecar, for scrapers that follow annotations.

use std::collections::BTreeSet;

use super::heading::{comment, seen};
use super::quoted::{part_of_path, quoted};
use super::setup::Setup;

/// Profiles: names in annotations, and paths.
const PROFILES: [(&str, &str); 5] = [
    ("cpu", "profile"),
    ("memory", "allocs"),
    ("goroutine", "goroutine"),
    ("block", "block"),
    ("mutex", "mutex"),
];
/// Programs in one configuration.
const MAX_PROGRAMS: usize = 100;

const WHAT: [&str; 7] = [
    "Kubernetes: a patch for a Deployment whose pods have rgops serve as a sidecar, as in",
    "examples/deploy/sidecar.yaml. The usual jobs of Prometheus and Pyroscope follow its annotations, which",
    "cannot hold the token. Mount it where Prometheus or Alloy runs, and add to its job:",
    "  basic_auth: { username: rgops, password_file: FILE }",
    "",
    "A document for each program that is seen here: keep that of your pod.",
    "",
];
const NEXT: [&str; 3] = ["", "Next:", "  kubectl patch deployment NAME --patch-file FILE"];

pub(super) fn text(setup: &Setup) -> String {
    let mut lines: Vec<String> = WHAT.map(str::to_owned).into();
    lines.extend(seen(setup));
    lines.extend(NEXT.map(str::to_owned));
    let heading = comment("#", &lines);
    let names = setup.programs.iter().map(|seen| seen.name.as_str()).filter(|name| !name.is_empty());
    let names: BTreeSet<&str> = names.take(MAX_PROGRAMS).collect();
    let patches: Vec<String> = match names.is_empty() {
        true => vec![format!("# Replace \"app\" by the name of your program.\n{}", patch(setup, "app"))],
        false => names.into_iter().map(|name| patch(setup, name)).collect(),
    };
    format!("{heading}\n{}", patches.join("---\n"))
}

fn patch(setup: &Setup, name: &str) -> String {
    let port = quoted(&setup.address.port().to_string());
    let scheme = setup.address.scheme();
    let path = part_of_path(name);
    let mut lines = vec![
        "prometheus.io/scrape: \"true\"".to_owned(),
        format!("prometheus.io/port: {port}"),
        format!("prometheus.io/scheme: {scheme}"),
        "prometheus.io/path: /metrics".to_owned(),
        format!("profiles.grafana.com/service_name: {}", quoted(name)),
    ];
    for (profile, at) in PROFILES {
        let key = |part: &str| format!("profiles.grafana.com/{profile}.{part}");
        lines.push(format!("{}: \"true\"", key("scrape")));
        lines.push(format!("{}: {port}", key("port")));
        lines.push(format!("{}: {scheme}", key("scheme")));
        lines.push(format!("{}: {}", key("path"), quoted(&format!("/p/{path}/debug/pprof/{at}"))));
    }
    let annotations: String = lines.iter().map(|line| format!("        {line}\n")).collect();
    format!("spec:\n  template:\n    metadata:\n      annotations:\n{annotations}")
}

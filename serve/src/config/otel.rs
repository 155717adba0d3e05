//! A configuration of the OpenTelemetry Collector: its pprof receiver has no discovery, so each profile is named.

use super::heading::{comment, heading};
use super::quoted::quoted;
use super::setup::{Seen, Setup};

/// Profiles: names in receivers, and paths.
const PROFILES: [(&str, &str); 5] = [
    ("cpu", "profile?seconds=10"),
    ("memory", "allocs"),
    ("goroutine", "goroutine"),
    ("block", "block"),
    ("mutex", "mutex"),
];
/// Programs in one configuration.
const MAX_PROGRAMS: usize = 100;

pub(super) fn text(setup: &Setup) -> String {
    let what = [
        "OpenTelemetry Collector (contrib): profiles of the Rust programs that run now.",
        "Profiles are a feature in development there; versions since 0.153 read this form. It finds no",
        "programs by itself: make this again when others run. A program whose name another one has, too, is",
        "named by its pid, and is another one after a restart.",
    ];
    let next = ["otelcol-contrib --feature-gates=+service.profilesSupport --config=FILE"];
    let heading = comment("#", &heading(setup, &what, &next));
    let token_file = quoted(&setup.token_file);
    let programs = &setup.programs[..setup.programs.len().min(MAX_PROGRAMS)];
    let receivers: Vec<(String, String)> = match programs {
        [] => vec![files()],
        programs => programs.iter().flat_map(|seen| remotes(setup, seen)).collect(),
    };
    let names: String = receivers.iter().map(|(name, _)| format!("        - {name}\n")).collect();
    let receivers: String = receivers.into_iter().map(|(_, receiver)| receiver).collect();
    format!(
        r#"{heading}
extensions:
  bearertokenauth:
    scheme: Bearer
    filename: {token_file}

receivers:
{receivers}
exporters:
  # It shows that profiles come. Replace it by the one for your storage.
  debug:
    verbosity: basic

service:
  extensions: [bearertokenauth]
  pipelines:
    profiles:
      receivers:
{names}      exporters: [debug]
"#
    )
}

fn remotes(setup: &Setup, seen: &Seen) -> Vec<(String, String)> {
    let receiver = |(name, path): (&str, &str)| {
        let url = quoted(&setup.address.url(&format!("/p/{}/debug/pprof/{path}", seen.id())));
        let name = format!("pprof/{}_{name}", seen.pid);
        let text = format!(
            r#"  {name}:
    remote:
      endpoint: {url}
      collection_interval: 60s
      timeout: 30s
      auth:
        authenticator: bearertokenauth
"#
        );
        (name, text)
    };
    PROFILES.into_iter().map(receiver).collect()
}

/// Without programs: files that rgops wrote.
fn files() -> (String, String) {
    let text = r#"  # Until programs run: profiles that were saved here, as by rgops pprof-cpu PID -o FILE.
  pprof/files:
    file:
      include: /var/lib/rgops/*.pb.gz
      collection_interval: 60s
"#;
    ("pprof/files".to_owned(), text.to_owned())
}

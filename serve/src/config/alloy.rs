//! A configuration of Grafana Alloy: it finds the programs by `/sd`, and sends profiles to Pyroscope.

use super::heading::{comment, copy_of_the_token, heading};
use super::quoted::quoted;
use super::setup::Setup;

/// The profiles of `pyroscope.scrape`, whether rgops serve has them, and what they are.
const PROFILES: [(&str, bool, &str); 9] = [
    ("process_cpu", true, "CPU time"),
    ("memory", true, "memory: allocated and in use"),
    ("goroutine", true, "Tokio tasks by async stack"),
    ("block", true, "time that threads and tasks waited"),
    ("mutex", true, "of that, for locks"),
    ("fgprof", false, "Go's only"),
    ("godeltaprof_memory", false, "Go's only"),
    ("godeltaprof_mutex", false, "Go's only"),
    ("godeltaprof_block", false, "Go's only"),
];

pub(super) fn text(setup: &Setup) -> String {
    let what = [
        "Grafana Alloy: profiles of every Rust program with an agent, found by rgops serve, for Pyroscope.",
        "Programs that start later are found too, and those that end leave.",
    ];
    let copy = copy_of_the_token(setup, "alloy");
    let next = [&copy, "alloy run alloy.config"];
    let heading = comment("//", &heading(setup, &what, &next));
    let (url, scheme) = (quoted(&setup.address.url("/sd")), quoted(setup.address.scheme()));
    let token_file = quoted(&setup.token_file);
    let wide = PROFILES.iter().map(|(name, ..)| name.len()).max().unwrap_or_default();
    let profiles: String = PROFILES
        .iter()
        .map(|(name, enabled, what)| {
            let gap = " ".repeat(wide - name.len() + usize::from(*enabled));
            format!("    profile.{name} {{ enabled = {enabled} }}{gap} // {what}\n")
        })
        .collect();
    format!(
        r#"{heading}
discovery.http "rgops" {{
  url              = {url}
  refresh_interval = "15s"

  basic_auth {{
    username      = "rgops"
    password_file = {token_file}
  }}
}}

// Each target has the labels program, pid and service_name, and the paths of its program.
pyroscope.scrape "rgops" {{
  targets         = discovery.http.rgops.targets
  forward_to      = [pyroscope.write.rgops.receiver]
  scheme          = {scheme}
  scrape_interval = "15s"

  basic_auth {{
    username      = "rgops"
    password_file = {token_file}
  }}

  profiling_config {{
{profiles}  }}
}}

// Where Pyroscope is.
pyroscope.write "rgops" {{
  endpoint {{
    url = "http://127.0.0.1:4040"
  }}
}}
"#
    )
}

//! A configuration of Prometheus: it finds the programs by `/sd`.

use super::heading::{comment, copy_of_the_token, heading};
use super::quoted::quoted;
use super::setup::Setup;

pub(super) fn text(setup: &Setup) -> String {
    let what = [
        "Prometheus: the numbers of every Rust program with an agent, found by rgops serve.",
        "Programs that start later are found too, and those that end leave.",
    ];
    let copy = copy_of_the_token(setup, "prometheus");
    let next = [&copy, "promtool check config prometheus.yml"];
    let heading = comment("#", &heading(setup, &what, &next));
    let (address, scheme) = (setup.address.to_string(), setup.address.scheme());
    let (address, url) = (quoted(&address), quoted(&setup.address.url("/sd")));
    let token_file = quoted(&setup.token_file);
    format!(
        r#"{heading}
scrape_configs:
  # A target for each program. Its series have the labels program and pid.
  - job_name: rgops
    scrape_interval: 15s
    scheme: {scheme}
    # The labels program and pid of the series are the target's: they need no second name (exported_pid).
    honor_labels: true
    basic_auth: &token
      username: rgops
      password_file: {token_file}
    http_sd_configs:
      - url: {url}
        refresh_interval: 15s
        basic_auth: *token
    relabel_configs:
      # It is program once more, for Pyroscope.
      - action: labeldrop
        regex: service_name

  # The numbers of rgops serve itself: refused requests, its own cost.
  - job_name: rgops-serve
    scrape_interval: 15s
    scheme: {scheme}
    basic_auth: *token
    static_configs:
      - targets: [{address}]
    metric_relabel_configs:
      - action: keep
        source_labels: [__name__]
        regex: rgops_serve_.*
"#
    )
}

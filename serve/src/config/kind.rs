//! The formats.

use super::setup::Setup;
use super::{alloy, kubernetes, otel, parca, prometheus};

/// What is configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Prometheus: `prometheus.yml`.
    Prometheus,
    /// Grafana Alloy, for Pyroscope.
    Alloy,
    /// Parca: `parca.yaml`.
    Parca,
    /// The OpenTelemetry Collector.
    Otel,
    /// Annotations of pods.
    Kubernetes,
}

impl Kind {
    /// All of them, in the order of the documentation.
    pub const ALL: [Kind; 5] = [Kind::Prometheus, Kind::Alloy, Kind::Parca, Kind::Otel, Kind::Kubernetes];

    /// The configuration. It is valid if no program runs, too.
    pub fn text(self, setup: &Setup) -> String {
        match self {
            Kind::Prometheus => prometheus::text(setup),
            Kind::Alloy => alloy::text(setup),
            Kind::Parca => parca::text(setup),
            Kind::Otel => otel::text(setup),
            Kind::Kubernetes => kubernetes::text(setup),
        }
    }
}

//! `rgops config`: configurations of what scrapes `rgops serve`.

use std::path::PathBuf;

use clap::ValueEnum;
use rgops_serve::DEFAULT_ADDRESS;
use rgops_serve::config::{Address, Kind, Setup};
use rgops_serve::fleet::Fleet;

use crate::exit::{Exit, Failure};
use crate::terminal;

/// Arguments of `rgops config`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
The configuration is for what runs now, and for a server at --address. The comment at its top
says which programs are seen, and what to run next. The token is not in it: --token-file is the
path that the scraper reads it from.

Examples:
  rgops config prometheus > prometheus.yml
  rgops config prometheus --token-file /etc/rgops/token
  rgops config alloy --address 10.0.0.7:6160 > alloy.config
  rgops config parca --address https://rgops.example:443 > parca.yaml
  rgops config otel
  rgops config kubernetes")]
pub struct Config {
    /// What to configure
    #[arg(value_name = "FOR")]
    kind: ConfigKind,
    /// Where scrapers reach `rgops serve`: HOST:PORT, or https://HOST:PORT with TLS before it
    #[arg(long, value_name = "ADDR", default_value = DEFAULT_ADDRESS, value_parser = address)]
    address: Address,
    /// Name this file as the one with the token; it is not read [default: /etc/rgops/token]
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

/// What can be configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ConfigKind {
    /// Prometheus: numbers of every program
    Prometheus,
    /// Grafana Alloy: profiles of every program, for Pyroscope
    Alloy,
    /// Parca: profiles of every program
    Parca,
    /// OpenTelemetry Collector: profiles of the programs that run now
    Otel,
    /// Annotations of pods with rgops serve as a sidecar
    Kubernetes,
}

impl Config {
    /// Prints it.
    ///
    /// # Errors
    /// If the path of the token file cannot be written into it, or standard output cannot be written.
    pub fn run(&self) -> Result<Exit, Failure> {
        let programs = Fleet::default().programs();
        let setup = Setup::new(self.address.clone(), self.token_file.as_deref(), &programs);
        let setup = setup.map_err(|error| {
            Failure::new(
                Exit::Usage,
                "cannot make the configuration",
                error.to_string(),
                "pass --token-file with another path",
            )
        })?;
        let kind = match self.kind {
            ConfigKind::Prometheus => Kind::Prometheus,
            ConfigKind::Alloy => Kind::Alloy,
            ConfigKind::Parca => Kind::Parca,
            ConfigKind::Otel => Kind::Otel,
            ConfigKind::Kubernetes => Kind::Kubernetes,
        };
        terminal::print(&kind.text(&setup))?;
        Ok(Exit::Success)
    }
}

/// The address, with the reason if it is not one.
fn address(text: &str) -> Result<Address, String> {
    text.parse().map_err(|error: rgops_serve::config::BadAddress| error.to_string())
}

//! `/sd`: the programs as targets, for whatever reads `http_sd`: Prometheus, Alloy, Parca.

mod container;
mod target_list;

pub use target_list::targets;

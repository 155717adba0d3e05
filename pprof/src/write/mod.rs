//! Builds profiles: strings, functions, mappings and locations once each, then the bytes of a `.pb.gz` file.

mod encode;
mod profile;
mod strings;
mod tables;

pub use encode::encode;
pub use profile::{encode_profile, write_profile};
pub use tables::Tables;

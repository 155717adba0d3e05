//! Builds profiles: strings, functions, mappings and locations once each, then the bytes of a `.pb.gz` file.

mod encode;
mod strings;
mod tables;

pub use encode::encode;
pub use tables::Tables;

//! A profile in columns: strings, functions and locations in tables, every distinct stack once.
//!
//! Numbers (`FunctionId`, …) are positions in the tables of the same [`Profile`]. A profile that was read has its tables
//! in the order of the file, with the ids of the file in [`Ids`]; one that was merged has them in the order in which the
//! samples refer to them first, as google/pprof's `Merge` leaves them, and ids are position + 1.

mod from_proto;
mod ids;
mod labels;
mod lists;
mod sample_types;
#[cfg(test)]
pub(crate) mod sketch;
mod slots;
mod tables;
mod texts;

pub use ids::Ids;
pub use labels::BASE_KEY;
pub(crate) use labels::sort_labels;
pub use lists::Lists;
pub use sample_types::sample_type_position;
pub use tables::{
    Function, FunctionId, Label, LabelValue, Line, Location, LocationId, Mapping, MappingId, Profile,
    Samples, ValueType,
};
pub use texts::{TextId, Texts};

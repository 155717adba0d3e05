//! Answer of `memstats`: one `Data` packet, a [`MemstatsReply`].

use super::Known;
use crate::codec::{Decode, Encode};
use crate::received::{NAME_CHARACTERS, fields, plain};

/// Arguments of `memstats`: none.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct MemstatsRequest {}

/// Memory numbers in sections: the process, its cgroup, each allocator.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct MemstatsReply {
    /// In the order they are shown.
    pub sections: Vec<Section>,
}

/// Numbers of one origin.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct Section {
    /// `process`, `cgroup`, or the allocator's name.
    pub name: String,
    /// In the order they are shown.
    pub fields: Vec<Field>,
}

/// One number.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct Field {
    /// gops' name where the meaning is the same (`heap-in-use`), else our own in the same style.
    pub name: String,
    /// The unit of the value.
    pub unit: Unit,
    /// The number.
    pub value: Known<u64>,
    /// Where it comes from: `/proc/self/smaps_rollup Pss`, `mallinfo2().uordblks`, …
    pub source: String,
}

/// What a [`Field`] counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// A number of things.
    Count,
}

fields! {
    MemstatsReply { sections }
    Section { name: NAME_CHARACTERS, fields }
    Field { name: NAME_CHARACTERS, unit, value, source: NAME_CHARACTERS }
}

plain!(Unit);

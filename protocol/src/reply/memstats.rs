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
    /// The sections, in the order they are shown.
    pub sections: Vec<Section>,
}

/// Numbers from one source.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct Section {
    /// `process`, `cgroup`, or the allocator's name.
    pub name: String,
    /// The numbers, in the order they are shown.
    pub fields: Vec<Field>,
}

/// One number.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct Field {
    /// gops' name if the meaning is the same (`heap-in-use`), otherwise our own in the same style.
    pub name: String,
    /// The unit of the value.
    pub unit: Unit,
    /// The number.
    pub value: Known<u64>,
    /// Where it was read: `/proc/self/smaps_rollup Pss`, `mallinfo2().uordblks`, …
    pub source: String,
}

/// The unit of a [`Field`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// A number of items.
    Count,
}

fields! {
    MemstatsReply { sections }
    Section { name: NAME_CHARACTERS, fields }
    Field { name: NAME_CHARACTERS, unit, value, source: NAME_CHARACTERS }
}

plain!(Unit);

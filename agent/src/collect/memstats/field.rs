//! A number of `memstats`, with its source.

use rgops_protocol::reply::Known;
use rgops_protocol::reply::memstats::{Field, Unit};

pub(super) fn field(name: &str, unit: Unit, value: Known<u64>, source: impl Into<String>) -> Field {
    Field { name: name.to_owned(), unit, value, source: source.into() }
}

#[cfg(test)]
pub(super) fn value(section: &rgops_protocol::reply::memstats::Section, name: &str) -> u64 {
    let field = section.fields.iter().find(|field| field.name == name).expect("a field");
    *field.value.value().unwrap_or_else(|| panic!("{field:?}"))
}

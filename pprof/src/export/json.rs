//! JSON that is written piece by piece: it may be larger than the memory that should be used for it.

use std::io::{self, Write};

use serde::Serialize;

/// Writes `[a,b,…]`.
pub(super) fn list<T: Serialize>(to: &mut dyn Write, items: impl IntoIterator<Item = T>) -> io::Result<()> {
    to.write_all(b"[")?;
    for (at, item) in items.into_iter().enumerate() {
        if at > 0 {
            to.write_all(b",")?;
        }
        serde_json::to_writer(&mut *to, &item)?;
    }
    to.write_all(b"]")
}

/// Writes `"name":[a,b,…],`.
pub(super) fn column<T: Serialize>(
    to: &mut dyn Write,
    name: &str,
    items: impl IntoIterator<Item = T>,
) -> io::Result<()> {
    serde_json::to_writer(&mut *to, name)?;
    to.write_all(b":")?;
    list(to, items)?;
    to.write_all(b",")
}

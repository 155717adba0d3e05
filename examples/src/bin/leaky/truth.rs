//! The exact live memory, counted where it is allocated and dropped.

use std::io::{self, Write as _};

/// Blocks and bytes of one kind, by their requested size.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Truth {
    pub(crate) live_blocks: u64,
    pub(crate) live_bytes: u64,
    pub(crate) allocated_blocks: u64,
    pub(crate) allocated_bytes: u64,
}

impl Truth {
    pub(crate) fn allocated(&mut self, bytes: usize) {
        let bytes = bytes as u64;
        self.live_blocks += 1;
        self.live_bytes += bytes;
        self.allocated_blocks += 1;
        self.allocated_bytes += bytes;
    }

    pub(crate) fn freed(&mut self, bytes: usize) {
        self.live_blocks -= 1;
        self.live_bytes -= bytes as u64;
    }
}

/// Prints one line with all kinds.
///
/// # Errors
/// When standard output cannot be written.
pub(crate) fn print(kinds: &[(&str, Truth)], json: bool) -> io::Result<()> {
    let line = if json { as_json(kinds) } else { as_text(kinds) };
    let mut output = io::stdout().lock();
    writeln!(output, "{line}")?;
    output.flush()
}

fn as_json(kinds: &[(&str, Truth)]) -> String {
    let kinds: serde_json::Map<_, _> = kinds
        .iter()
        .map(|(name, truth)| {
            let Truth { live_blocks, live_bytes, allocated_blocks, allocated_bytes } = truth;
            let value = serde_json::json!({
                "live_blocks": live_blocks, "live_bytes": live_bytes,
                "allocated_blocks": allocated_blocks, "allocated_bytes": allocated_bytes,
            });
            ((*name).to_owned(), value)
        })
        .collect();
    serde_json::Value::Object(kinds).to_string()
}

fn as_text(kinds: &[(&str, Truth)]) -> String {
    let kinds: Vec<String> = kinds
        .iter()
        .map(|(name, truth)| {
            let (live, blocks) = (bytes(truth.live_bytes), truth.live_blocks);
            format!("{name} {live} in {blocks} blocks, of {} allocated", bytes(truth.allocated_bytes))
        })
        .collect();
    kinds.join("; ")
}

fn bytes(bytes: u64) -> String {
    format!("{:.2}MB", bytes as f64 / f64::from(1 << 20))
}

//! Names of addresses from damaged debug information: a real file with edits, or bytes from the fuzzer. A lookup
//! always ends after a limited number of steps and stays within its memory budget.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rgops_inspect::budget::Budget;
use rgops_inspect::symbols::Symbolizer;

const FIXTURES: [&[u8]; 2] =
    [include_bytes!("../../inspect/fixtures/names.so"), include_bytes!("../../tasks/fixtures/types.so")];

/// An edit: two bytes for the offset, and the byte to write there.
const EDIT_BYTES: usize = 3;

/// Four times what the larger file needs, and far less than a hang.
const BUDGET_BYTES: u64 = 4 << 20;
const STEPS: u64 = 2_000_000;

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, rest)) = bytes.split_first() else { return };
    let mut file = FIXTURES[usize::from(*kind) & 1].to_vec();
    match kind >> 1 {
        // The input replaces the whole file.
        0 => file = rest.to_vec(),
        // The input replaces the sections.
        1 if rest.len() >= 2 => {
            let from = usize::from(u16::from_le_bytes([rest[0], rest[1]])).min(file.len());
            let length = (rest.len() - 2).min(file.len() - from);
            file[from..from + length].copy_from_slice(&rest[2..2 + length]);
        }
        2 if rest.len() >= 2 => file.truncate(usize::from(u16::from_le_bytes([rest[0], rest[1]]))),
        _ => {
            for edit in rest.chunks_exact(EDIT_BYTES) {
                let at = usize::from(u16::from_le_bytes([edit[0], edit[1]])) % file.len();
                file[at] = edit[2];
            }
        }
    }
    read_everything(&file);
});

fn read_everything(file: &[u8]) {
    let budget = Budget::new(BUDGET_BYTES);
    let mut symbolizer = Symbolizer::of_file(file, &budget, STEPS);
    let addresses = (0x1000..0x1700).step_by(3).chain([0, 1, u64::MAX / 2, u64::MAX - 1]);
    for address in addresses {
        assert!(!symbolizer.frames(address, address % 2 == 0).is_empty());
    }
    drop(symbolizer);
    // Everything that was charged is released.
    assert_eq!(budget.charged(), 0);
}

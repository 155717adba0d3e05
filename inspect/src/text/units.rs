//! Bytes, durations and counts as text. For values in the format of pprof, see [`rgops_pprof::measurement`].

/// Bytes in the format of gops: `16.35MB (17148544 bytes)`, `512 bytes`. Units are powers of 1024.
pub fn bytes(bytes: u64) -> String {
    match binary_unit(bytes) {
        Some((scaled, unit)) => format!("{scaled:.2}{unit} ({bytes} bytes)"),
        None => format!("{bytes} bytes"),
    }
}

/// Bytes as one short word, for columns: `16.35MB`, `512B`. Units are powers of 1024.
pub fn bytes_short(bytes: u64) -> String {
    match binary_unit(bytes) {
        Some((scaled, unit)) => format!("{scaled:.2}{unit}"),
        None => format!("{bytes}B"),
    }
}

fn binary_unit(bytes: u64) -> Option<(f64, &'static str)> {
    const UNITS: [&str; 5] = ["KB", "MB", "GB", "TB", "PB"];
    let mut scaled = bytes as f64;
    let mut found = None;
    for unit in UNITS {
        if scaled < 1024.0 {
            break;
        }
        scaled /= 1024.0;
        found = Some((scaled, unit));
    }
    found
}

/// A duration given in nanoseconds, in the largest suitable unit: `0`, `250ns`, `1.5us`, `20ms`,
/// `3.25s`; from one minute on `2m05s`, `3h07m`, `12d03h`.
pub fn duration(ns: u64) -> String {
    let seconds = ns / 1_000_000_000;
    match seconds {
        0 if ns == 0 => "0".to_owned(),
        0 if ns < 1_000 => format!("{ns}ns"),
        0 if ns < 1_000_000 => decimals(ns as f64 / 1e3, "us"),
        0 => decimals(ns as f64 / 1e6, "ms"),
        1..60 => decimals(ns as f64 / 1e9, "s"),
        60..3_600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{}h{:02}m", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{}d{:02}h", seconds / 86_400, seconds % 86_400 / 3_600),
    }
}

fn decimals(value: f64, unit: &str) -> String {
    let digits = format!("{value:.2}");
    let digits = digits.trim_end_matches('0').trim_end_matches('.');
    format!("{digits}{unit}")
}

/// `1 thread`, `2 threads`.
pub fn counted(count: u64, one: &str) -> String {
    format!("{count} {one}{}", if count == 1 { "" } else { "s" })
}

/// Bytes as lower-case hexadecimal digits, the format of build-ids.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_the_format_of_gops() {
        assert_eq!(bytes(1023), "1023 bytes");
        assert_eq!(bytes(17_148_544), "16.35MB (17148544 bytes)");
        assert_eq!(bytes_short(1536), "1.50KB");
    }

    #[test]
    fn durations_use_their_largest_unit() {
        let shown: Vec<String> = [
            0,
            250,
            1_500,
            20_000_000,
            3_250_000_000,
            125_000_000_000,
            11_220_000_000_000,
            1_047_600_000_000_000,
        ]
        .into_iter()
        .map(duration)
        .collect();
        assert_eq!(shown, ["0", "250ns", "1.5us", "20ms", "3.25s", "2m05s", "3h07m", "12d03h"]);
    }
}

//! Parses durations, sizes and limits.

use std::time::Duration;

use rgops_inspect::budget::LEAST_PROCESS_BYTES;

/// The agent keeps at most this many frames of a stack: a larger `--depth` would have no effect.
pub const MOST_FRAMES: i64 = 512;

/// Parses a duration like gops: `2s`, `500ms`, `1m30s`, or a bare number of seconds.
///
/// # Errors
/// A text with the allowed values.
pub fn duration(text: &str) -> Result<Duration, String> {
    // A bare number in any notation: `5`, `0.5`, `1e3`.
    if text.parse::<f64>().is_ok() || text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return seconds(text);
    }
    let mut total = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|char: char| !char.is_ascii_digit() && char != '.').unwrap_or(rest.len());
        let (number, tail) = rest.split_at(digits);
        let letters = tail.find(|char: char| char.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        let scale = match unit {
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return Err("write it as 2s, 500ms, 1m30s, or a number of seconds".to_owned()),
        };
        let part =
            number.parse::<f64>().ok().and_then(|number| Duration::try_from_secs_f64(number * scale).ok());
        let part = part.ok_or_else(|| format!("`{number}` is not a number"))?;
        total = total.checked_add(part).ok_or("too long")?;
        rest = tail;
    }
    if total.is_zero() { Err("must be greater than zero".to_owned()) } else { Ok(total) }
}

/// Parses a number of seconds; fractions are allowed.
///
/// # Errors
/// A text with the allowed values.
fn seconds(text: &str) -> Result<Duration, String> {
    let number = text.parse::<f64>().map_err(|_| "not a number of seconds".to_owned())?;
    match Duration::try_from_secs_f64(number) {
        Ok(duration) if !duration.is_zero() => Ok(duration),
        _ => Err("must be a positive number of seconds".to_owned()),
    }
}

/// Parses a number of bytes: `524288`, `512KiB`, `512k`, `1M`. Units are powers of 1024, as everywhere in
/// rgops.
///
/// # Errors
/// A text with the allowed values.
pub fn size(text: &str) -> Result<u64, String> {
    let allowed = || "write it as 524288, 512KiB, 1M".to_owned();
    let digits = text.find(|char: char| !char.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = unit.trim().to_ascii_lowercase();
    let unit = unit.strip_suffix("ib").or(unit.strip_suffix('b')).unwrap_or(&unit);
    let shift = match unit {
        "" => 0,
        "k" => 10,
        "m" => 20,
        "g" => 30,
        _ => return Err(allowed()),
    };
    let number = number.parse::<u64>().map_err(|_| allowed())?;
    number.checked_mul(1 << shift).ok_or_else(|| "too large".to_owned())
}

/// Parses a memory limit.
///
/// # Errors
/// A text with the allowed values.
pub(crate) fn memory(text: &str) -> Result<u64, String> {
    match size(text)? {
        LEAST_PROCESS_BYTES.. => size(text),
        _ => Err(format!("must be at least {}M", LEAST_PROCESS_BYTES >> 20)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_memory_limit_below_128_mib_is_refused() {
        assert_eq!(memory("128M"), Ok(128 << 20));
        assert_eq!(memory("2GiB"), Ok(2 << 30));
        for wrong in ["127M", "0", "much"] {
            assert!(memory(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn durations_are_parsed_like_gops() {
        assert_eq!(duration("2s"), Ok(Duration::from_secs(2)));
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("2"), Ok(Duration::from_secs(2)));
        assert_eq!(duration("1m30s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("0.5s"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("0.5"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("1e2"), Ok(Duration::from_secs(100)));
        for wrong in ["", "0", "0s", "-2s", "s", "2x", "2s3", "nan", "1e99s", "."] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn sizes_are_powers_of_1024() {
        for (text, bytes) in [
            ("524288", 524_288),
            ("512KiB", 524_288),
            ("512k", 524_288),
            ("1MB", 1 << 20),
            ("7B", 7),
            ("2g", 2 << 30),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for wrong in ["", "KiB", "-1", "1.5M", "1x", "99999999999G"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }
}

//! Values and percentages in exactly the format of `go tool pprof`.
//!
//! The behaviour is that of google/pprof's `internal/measurement`, checked against the tool itself
//! in `tests/tests/acceptance/referee_pprof.rs`.

/// Units of one kind, smallest first: name, aliases, factor to the base unit.
struct Kind {
    default: (&'static str, f64),
    units: &'static [(&'static str, &'static [&'static str], f64)],
}

const KINDS: [Kind; 3] = [
    Kind {
        default: ("B", 1.0),
        units: &[
            ("B", &["b", "byte"], 1.0),
            ("kB", &["kb", "kbyte", "kilobyte"], 1024.0),
            ("MB", &["mb", "mbyte", "megabyte"], 1_048_576.0),
            ("GB", &["gb", "gbyte", "gigabyte"], 1_073_741_824.0),
            ("TB", &["tb", "tbyte", "terabyte"], 1_099_511_627_776.0),
            ("PB", &["pb", "pbyte", "petabyte"], 1_125_899_906_842_624.0),
        ],
    },
    Kind {
        default: ("s", 1e9),
        units: &[
            ("ns", &["ns", "nanosecond"], 1.0),
            ("us", &["μs", "us", "microsecond"], 1e3),
            ("ms", &["ms", "millisecond"], 1e6),
            ("s", &["s", "sec", "second"], 1e9),
            ("hrs", &["hour", "hr"], 3.6e12),
        ],
    },
    // Google's compute units.
    Kind {
        default: ("GCU", 1.0),
        units: &[
            ("n*GCU", &["nanogcu"], 1e-9),
            ("u*GCU", &["microgcu"], 1e-6),
            ("m*GCU", &["milligcu"], 1e-3),
            ("GCU", &["gcu"], 1.0),
            ("k*GCU", &["kilogcu"], 1e3),
            ("M*GCU", &["megagcu"], 1e6),
            ("G*GCU", &["gigagcu"], 1e9),
            ("T*GCU", &["teragcu"], 1e12),
            ("P*GCU", &["petagcu"], 1e15),
        ],
    },
];

/// `value` of unit `from` in unit `to`, with the name to print; `minimum` and `auto` choose the
/// largest unit in which it is at least 1. Units other than bytes, time and GCU are not converted.
pub fn scale(value: i64, from: &str, to: &str) -> (f64, String) {
    if value < 0 && value != i64::MIN {
        let (scaled, unit) = scale(-value, from, to);
        return (-scaled, unit);
    }
    for kind in &KINDS {
        let Some((_, factor)) = kind.find(from) else { continue };
        let base = value as f64 * factor;
        let default = (base / kind.default.1, kind.default.0.to_owned());
        if matches!(to, "minimum" | "auto") {
            let mut chosen = None;
            for (name, _, factor) in kind.units {
                if base / factor >= 1.0 {
                    chosen = Some((base / factor, (*name).to_owned()));
                }
            }
            return chosen.unwrap_or(default);
        }
        return kind.find(to).map_or(default, |(name, factor)| (base / factor, name.to_owned()));
    }
    match to {
        "count" | "sample" | "unit" | "minimum" | "auto" => (value as f64, String::new()),
        _ => (value as f64, to.to_owned()),
    }
}

impl Kind {
    fn find(&self, unit: &str) -> Option<(&'static str, f64)> {
        let unit = unit.to_lowercase();
        let unit = if unit.len() > 2 { unit.strip_suffix('s').unwrap_or(&unit) } else { &unit };
        let (name, _, factor) = self.units.iter().find(|(_, aliases, _)| aliases.contains(&unit))?;
        Some((name, *factor))
    }
}

/// Whether values of one unit can be converted to the other: both are bytes, times or GCU.
pub fn are_of_one_kind(one: &str, other: &str) -> bool {
    KINDS.iter().any(|kind| kind.find(one).is_some() && kind.find(other).is_some())
}

/// The whole part, as Go converts a number on x86-64: what does not fit, or is not a number, is the least `i64`.
pub fn truncated(value: f64) -> i64 {
    // 2^63 is the first number that does not fit.
    const END: f64 = 9_223_372_036_854_775_808.0;
    if (-END..END).contains(&value) { value as i64 } else { i64::MIN }
}

/// A value divided by `divide_by`, as reports show it.
pub fn divided(value: i64, divide_by: f64) -> i64 {
    let ratio = 1.0 / divide_by;
    if ratio > 0.0 && ratio != 1.0 { truncated(value as f64 * ratio) } else { value }
}

/// A share of a total, without its sign: pprof's cutoffs.
pub fn share(total: i64, fraction: f64) -> i64 {
    truncated(total as f64 * fraction).wrapping_abs()
}

/// A value with its unit: `4.92s`, `655.29kB`, `20`, `0`.
pub fn label(value: i64, from: &str, to: &str) -> String {
    let (scaled, unit) = scale(value, from, to);
    let digits = format!("{scaled:.2}");
    let digits = digits.strip_suffix(".00").unwrap_or(&digits);
    if matches!(digits, "0" | "-0") { "0".to_owned() } else { format!("{digits}{unit}") }
}

/// The share of `value` in `total`, at least five characters and the sign: `81.71%`, ` 0.2%`,
/// `  100%`, `    0%`.
pub fn percentage(value: i64, total: i64) -> String {
    let ratio = if total == 0 { 0.0 } else { (value as f64 / total as f64).abs() * 100.0 };
    if (99.95..=100.05).contains(&ratio) {
        "  100%".to_owned()
    } else if ratio >= 1.0 {
        format!("{ratio:5.2}%")
    } else {
        format!("{:>5}%", two_significant_digits(ratio))
    }
}

/// C's `%.2g` for values below 1: `0.24`, `0.0012`, `1.2e-05`, `0`.
fn two_significant_digits(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let scientific = format!("{value:.1e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if exponent < -4 {
        let mantissa = mantissa.strip_suffix(".0").unwrap_or(mantissa);
        return format!("{mantissa}e-{:02}", -exponent);
    }
    let decimals = usize::try_from(1 - exponent).unwrap_or(0);
    let digits = format!("{value:.decimals$}");
    if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.').to_owned() } else { digits }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_the_format_of_pprof() {
        assert_eq!(label(4_920_000_000, "nanoseconds", "s"), "4.92s");
        assert_eq!(label(5_000_000_000, "nanoseconds", "auto"), "5s");
        assert_eq!(label(20_202_020, "nanoseconds", "minimum"), "20.20ms");
        assert_eq!(label(671_017, "bytes", "kB"), "655.29kB");
        assert_eq!(label(20, "count", "minimum"), "20");
        assert_eq!(label(0, "nanoseconds", "ms"), "0");
        assert_eq!(label(-1_500_000, "nanoseconds", "ms"), "-1.50ms");
        assert_eq!(label(2_500_000, "microGCU", "auto"), "2.50GCU");
        assert_eq!(label(7_200, "seconds", "auto"), "2hrs");
        assert_eq!(label(5, "seconds", "parsecs"), "5s", "an unknown unit: the default of the kind");
        assert_eq!(label(5, "widgets", "gadgets"), "5gadgets");
        assert_eq!(label(i64::MIN, "bytes", "auto"), "-9223372036854775808B");
    }

    #[test]
    fn units_of_one_kind_and_what_does_not_fit() {
        assert!(are_of_one_kind("ms", "seconds") && are_of_one_kind("B", "megabytes"));
        assert!(!are_of_one_kind("ms", "bytes") && !are_of_one_kind("count", "count"));
        assert_eq!((truncated(-1.9), truncated(f64::NAN), truncated(1e19)), (-1, i64::MIN, i64::MIN));
        assert_eq!((share(-1_000, 0.005), share(0, 0.5)), (5, 0));
    }

    #[test]
    fn percentages_have_the_format_of_pprof() {
        let shown: Vec<String> = [8171, 9996, 10_004, 20, 2, 0, 7_000, 99]
            .into_iter()
            .map(|value| percentage(value, 10_000))
            .collect();
        assert_eq!(shown, ["81.71%", "  100%", "  100%", "  0.2%", " 0.02%", "    0%", "70.00%", " 0.99%"]);
        assert_eq!(percentage(1, 10_000_000), "1e-05%");
        assert_eq!(percentage(3, 0), "    0%");
    }
}

//! Times as text.

/// A time given in nanoseconds since the Unix epoch, in UTC: `2026-11-22 22:27:20 UTC`.
pub fn utc(unix_ns: u64) -> String {
    utc_of_seconds((unix_ns / 1_000_000_000) as i64)
}

/// The same of a time that may be before the epoch.
pub(crate) fn utc_signed(unix_ns: i64) -> String {
    utc_of_seconds(unix_ns.div_euclid(1_000_000_000))
}

fn utc_of_seconds(seconds: i64) -> String {
    let (year, month, day) = civil_date(seconds.div_euclid(86_400));
    let of_day = seconds.rem_euclid(86_400);
    let (hour, minute, second) = (of_day / 3_600, of_day % 3_600 / 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
}

/// A time as Go prints it in UTC, with the digits of the second that are not 0: `2017-09-29 20:57:59.2572 +0000 UTC`.
pub fn go_time(unix_ns: i64) -> String {
    let (seconds, ns) = (unix_ns.div_euclid(1_000_000_000), unix_ns.rem_euclid(1_000_000_000));
    let (year, month, day) = civil_date(seconds.div_euclid(86_400));
    let of_day = seconds.rem_euclid(86_400);
    let (hour, minute, second) = (of_day / 3_600, of_day % 3_600 / 60, of_day % 60);
    let second = with_fraction(second as u64, ns as u64, 9, 2);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second} +0000 UTC")
}

/// A duration as Go prints it: `1h0m5.5s`, `1.5ms`, `0s`.
pub fn go_duration(ns: i64) -> String {
    let sign = if ns < 0 { "-" } else { "" };
    let ns = ns.unsigned_abs();
    let text = match ns {
        0 => "0s".to_owned(),
        1..1_000 => format!("{ns}ns"),
        1_000..1_000_000 => with_fraction(ns / 1_000, ns % 1_000, 3, 1) + "µs",
        1_000_000..1_000_000_000 => with_fraction(ns / 1_000_000, ns % 1_000_000, 6, 1) + "ms",
        _ => {
            let seconds = ns / 1_000_000_000;
            let second = with_fraction(seconds % 60, ns % 1_000_000_000, 9, 1) + "s";
            match (seconds / 3_600, seconds / 60 % 60) {
                (0, 0) => second,
                (0, minutes) => format!("{minutes}m{second}"),
                (hours, minutes) => format!("{hours}h{minutes}m{second}"),
            }
        }
    };
    format!("{sign}{text}")
}

/// `whole` in at least `width` digits, and the fraction in `digits` digits without zeros at its end.
fn with_fraction(whole: u64, fraction: u64, digits: usize, width: usize) -> String {
    let text = format!("{whole:0width$}.{fraction:0digits$}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Year, month and day of the proleptic Gregorian calendar, from days since 1970-01-01, counted in
/// eras of 400 years whose years begin in March, so that the leap day is the last of its year.
fn civil_date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_printed_like_go() {
        assert_eq!(go_time(1_506_718_679_257_235_370), "2017-09-29 20:57:59.25723537 +0000 UTC");
        assert_eq!(go_time(-1), "1969-12-31 23:59:59.999999999 +0000 UTC");
        assert_eq!(go_time(0), "1970-01-01 00:00:00 +0000 UTC");
        let shown = [0, 999, 1_500, 10_000_000_000, 3_605_000_000_001, -70_000_000_000].map(go_duration);
        assert_eq!(shown, ["0s", "999ns", "1.5µs", "10s", "1h0m5.000000001s", "-1m10s"]);
    }

    #[test]
    fn dates_are_correct() {
        assert_eq!(utc(1_795_386_440_000_000_000), "2026-11-22 22:27:20 UTC");
        assert_eq!(utc(951_782_400_000_000_000), "2000-02-29 00:00:00 UTC");
        assert_eq!(utc(0), "1970-01-01 00:00:00 UTC");
        assert_eq!(utc_signed(-1), "1969-12-31 23:59:59 UTC");
        assert_eq!(utc_signed(951_782_400_000_000_000), "2000-02-29 00:00:00 UTC");
    }
}

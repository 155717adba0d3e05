//! Which format a scraper wants, by its header `Accept` (RFC 9110, section 12.5.1).

/// A format of `/metrics`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// Prometheus text 0.0.4.
    Text,
    /// OpenMetrics 1.0.0.
    OpenMetrics,
}

/// Bytes and ranges of the header that are read.
const MAX_BYTES: usize = 4096;
const MAX_RANGES: usize = 64;

impl Format {
    pub(super) fn content_type(self) -> &'static str {
        match self {
            Format::Text => "text/plain; version=0.0.4; charset=utf-8",
            Format::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }

    fn media_type(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Format::Text => ("text", "plain", "0.0.4"),
            Format::OpenMetrics => ("application", "openmetrics-text", "1.0.0"),
        }
    }

    /// The format with the higher quality. Text for a scraper that has no preference or accepts neither: everyone
    /// reads it.
    pub(super) fn wanted(accept: Option<&str>) -> Format {
        let accept = accept.unwrap_or_default();
        if accept.len() > MAX_BYTES {
            return Format::Text;
        }
        let ranges: Vec<Range<'_>> = accept.split(',').take(MAX_RANGES).filter_map(Range::parse).collect();
        match quality(&ranges, Format::OpenMetrics) > quality(&ranges, Format::Text) {
            true => Format::OpenMetrics,
            false => Format::Text,
        }
    }
}

/// A media range: `text/plain;version=0.0.4;q=0.3`.
struct Range<'a> {
    kind: &'a str,
    subtype: &'a str,
    version: Option<&'a str>,
    /// In thousandths.
    quality: u32,
}

impl<'a> Range<'a> {
    fn parse(range: &'a str) -> Option<Range<'a>> {
        let mut parts = range.split(';').map(str::trim);
        let (kind, subtype) = parts.next()?.split_once('/')?;
        let (mut version, mut quality) = (None, 1000);
        for parameter in parts {
            let Some((name, value)) = parameter.split_once('=') else { continue };
            let value = value.trim().trim_matches('"');
            match name.trim() {
                name if name.eq_ignore_ascii_case("q") => quality = thousandths(value)?,
                name if name.eq_ignore_ascii_case("version") => version = Some(value),
                _ => {}
            }
        }
        Some(Range { kind: kind.trim(), subtype: subtype.trim(), version, quality })
    }

    /// How exactly it names the format; `None` if it does not.
    fn precision(&self, format: Format) -> Option<u8> {
        let (kind, subtype, version) = format.media_type();
        match (self.kind, self.subtype, self.version) {
            ("*", "*", None) => Some(0),
            (k, "*", None) if k.eq_ignore_ascii_case(kind) => Some(1),
            (k, s, v) if k.eq_ignore_ascii_case(kind) && s.eq_ignore_ascii_case(subtype) => match v {
                None => Some(2),
                Some(v) => (v == version).then_some(3),
            },
            _ => None,
        }
    }
}

/// The quality of the most precise range that names the format; 0 if none does.
fn quality(ranges: &[Range<'_>], format: Format) -> u32 {
    let named = ranges.iter().filter_map(|range| Some((range.precision(format)?, range.quality)));
    named.max().map_or(0, |(_, quality)| quality)
}

/// `0.25`: at most three digits after the point, at most 1.
fn thousandths(quality: &str) -> Option<u32> {
    let (whole, fraction) = quality.split_once('.').unwrap_or((quality, ""));
    if fraction.len() > 3 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let fraction: u32 = format!("{fraction:0<3}").parse().ok()?;
    match (whole, fraction) {
        ("0", fraction) => Some(fraction),
        ("1", 0) => Some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_format_is_the_one_with_the_higher_quality() {
        let prometheus = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
            application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,\
            text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        let prometheus_2 = "application/openmetrics-text;version=1.0.0,\
            application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        let prometheus_without = "text/plain;version=0.0.4;q=1,*/*;q=0.1";
        let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
        let long = format!("application/openmetrics-text,{}", "a/b,".repeat(100_000));
        for (accept, open) in [
            (prometheus, true),
            (prometheus_2, true),
            (prometheus_without, false),
            (browser, false),
            ("*/*", false),
            ("", false),
            ("application/openmetrics-text", true),
            ("Application/OpenMetrics-Text; Version=\"1.0.0\"", true),
            ("application/openmetrics-text;version=0.0.1", false),
            ("application/openmetrics-text;q=0.5, text/plain;q=0.6", false),
            ("application/openmetrics-text;q=0.6, text/plain;q=0.5", true),
            ("application/openmetrics-text;q=0.500, text/plain;q=0.5", false),
            // The most precise range counts, not the best one.
            ("application/openmetrics-text;q=0.1, application/*, text/*;q=0.2", false),
            ("application/*, text/plain;q=0.9", true),
            ("application/openmetrics-text;q=0, */*;q=0.5", false),
            ("text/plain;q=0, */*;q=0.5", true),
            ("text/html", false),
            ("application/openmetrics-text;q=2", false),
            ("application/openmetrics-text;q=0.0001", false),
            ("application/openmetrics-text;q=é", false),
            ("/;q=,;;;=,*/", false),
            (&long, false),
        ] {
            let expected = if open { Format::OpenMetrics } else { Format::Text };
            assert_eq!(Format::wanted(Some(accept)), expected, "{accept:.200}");
        }
        assert_eq!(Format::wanted(None), Format::Text);
    }
}

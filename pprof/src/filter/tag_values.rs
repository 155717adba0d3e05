//! `tagfocus` and `tagignore`: samples by the values of their labels.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::rewrite::keep_samples;
use crate::measurement::scale;
use crate::pattern::Pattern;
use crate::profile::{Label, LabelValue, Profile};
use crate::stop::{Stop, Stopped};

/// The most regular expressions of one filter, and how many share the memory of one.
const MOST_PATTERNS: usize = 1000;
const SHARING_PATTERNS: usize = 16;

/// A filter of samples by their labels.
#[derive(Debug)]
pub(crate) struct TagFilter {
    /// Only labels with this key.
    key: Option<String>,
    wanted: Wanted,
}

#[derive(Debug)]
enum Wanted {
    /// A number in this range, of a unit.
    Range(Range),
    /// Texts that match: with a key, any of these; without, all of these, each on any label, as `key:text`.
    Texts(Vec<Pattern>),
}

/// `32kb`, `:64kb`, `4mb:` or `12kb:64mb`.
#[derive(Debug)]
struct Range {
    least: Option<f64>,
    most: Option<f64>,
    unit: String,
}

impl TagFilter {
    /// Reads the value of the option `name`: `key=value` or `value`, where a value is a range or regular expressions
    /// separated by commas. Tells in `notices` that it is a range.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn new(name: &str, text: &str, notices: &mut Vec<String>) -> Result<TagFilter, String> {
        let (key, value) = match text.split_once('=') {
            Some((key, value)) => (key, value),
            None => ("", text),
        };
        let key = (!key.is_empty()).then(|| key.to_owned());
        if let Some(range) = Range::new(name, value)? {
            notices.push(format!("{name}:Interpreted '{value}' as range, not regexp"));
            return Ok(TagFilter { key, wanted: Wanted::Range(range) });
        }
        let count = value.split(',').count();
        if count > MOST_PATTERNS {
            return Err(format!("parsing {name} regexp: there are {count}, more than {MOST_PATTERNS}"));
        }
        let share = count.div_ceil(SHARING_PATTERNS);
        let compile =
            |text| Pattern::one_of(share, text).map_err(|error| format!("parsing {name} regexp: {error}"));
        let patterns = value.split(',').map(compile).collect::<Result<_, _>>()?;
        Ok(TagFilter { key, wanted: Wanted::Texts(patterns) })
    }

    /// Whether a set of labels is wanted. `units` are those of numbers, by key.
    fn accepts(
        &self,
        profile: &Profile,
        labels: &[Label],
        units: &BTreeMap<String, String>,
        stop: Stop<'_>,
    ) -> Result<bool, Stopped> {
        let with_key = labels.iter().filter_map(|label| {
            let key = profile.text(label.key);
            self.key.as_ref().is_none_or(|wanted| *wanted == key).then_some((key, label.value))
        });
        match &self.wanted {
            Wanted::Range(range) => Ok(with_key.into_iter().any(|(key, value)| match value {
                LabelValue::Number { value, .. } => {
                    range.contains(value, units.get(key).map_or("", String::as_str))
                }
                LabelValue::Text(_) => false,
            })),
            Wanted::Texts(patterns) => {
                let texts: Vec<(&str, &str)> = with_key
                    .filter_map(|(key, value)| match value {
                        LabelValue::Text(text) => Some((key, profile.text(text))),
                        LabelValue::Number { .. } => None,
                    })
                    .collect();
                let any_is_enough = self.key.is_some();
                let shown: Vec<Cow<'_, str>> = match any_is_enough {
                    true => texts.iter().map(|(_, text)| Cow::Borrowed(*text)).collect(),
                    false => texts.iter().map(|(key, text)| Cow::Owned(format!("{key}:{text}"))).collect(),
                };
                for pattern in patterns {
                    stop.check()?;
                    if shown.iter().any(|text| pattern.is_match(text)) == any_is_enough {
                        return Ok(any_is_enough);
                    }
                }
                Ok(!any_is_enough)
            }
        }
    }
}

impl Range {
    /// The range that `text` is, if it is one.
    fn new(name: &str, text: &str) -> Result<Option<Range>, String> {
        let Some((first, start)) = find_number(text) else { return Ok(None) };
        let second = find_number(&text[start + first.len()..]).map(|(second, _)| second);
        let number = |text: &str| -> Result<(i64, String), String> {
            let digits = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
            let value = text[..digits].trim_start_matches('+').parse();
            let value = value.map_err(|_| format!("parsing {name} range: {text} is too large"))?;
            Ok((value, text[digits..].to_owned()))
        };
        let (value, unit) = number(first)?;
        let (scaled, unit) = scale(value, &unit, &unit);
        let range = match second {
            None if text == first => Some((Some(scaled), Some(scaled))),
            None if text.strip_suffix(':') == Some(first) => Some((Some(scaled), None)),
            None if text.strip_prefix(':') == Some(first) => Some((None, Some(scaled))),
            Some(second) if text.split_once(':') == Some((first, second)) => {
                let (value, unit_of_second) = number(second)?;
                let (most, unit_of_second) = scale(value, &unit_of_second, &unit);
                (unit == unit_of_second).then_some((Some(scaled), Some(most)))
            }
            _ => None,
        };
        Ok(range.map(|(least, most)| Range { least, most, unit }))
    }

    fn contains(&self, value: i64, unit: &str) -> bool {
        let (scaled, unit) = scale(value, unit, &self.unit);
        unit == self.unit
            && self.least.is_none_or(|least| scaled >= least)
            && self.most.is_none_or(|most| scaled <= most)
    }
}

/// The first number in `text` with its sign and the letters behind it, and where it is.
fn find_number(text: &str) -> Option<(&str, usize)> {
    let bytes = text.as_bytes();
    let digit = bytes.iter().position(u8::is_ascii_digit)?;
    let is_signed = digit > 0 && matches!(bytes.get(digit - 1), Some(b'+' | b'-'));
    let start = digit - usize::from(is_signed);
    let count =
        |from: usize, is: fn(&u8) -> bool| bytes.iter().skip(from).take_while(|byte| is(byte)).count();
    let digits = digit + count(digit, u8::is_ascii_digit);
    let end = digits + count(digits, u8::is_ascii_alphabetic);
    Some((text.get(start..end)?, start))
}

/// Leaves the samples whose labels `focus` accepts and `ignore` does not. Returns whether each accepted any.
pub(crate) fn by_tag(
    profile: &mut Profile,
    focus: Option<&TagFilter>,
    ignore: Option<&TagFilter>,
    units: &BTreeMap<String, String>,
    stop: Stop<'_>,
) -> Result<(bool, bool), Stopped> {
    if focus.is_none() && ignore.is_none() {
        return Ok((true, false));
    }
    let accepts = |filter: Option<&TagFilter>, labels: &[Label]| {
        filter.map(|filter| filter.accepts(profile, labels, units, stop)).transpose()
    };
    let both = profile.label_sets.iter().map(|labels| {
        stop.check()?;
        Ok((accepts(focus, labels)?.unwrap_or(true), accepts(ignore, labels)?.unwrap_or(false)))
    });
    let accepts = both.collect::<Result<Vec<(bool, bool)>, Stopped>>()?;
    let of = |profile: &Profile, at: usize| {
        let set = profile.samples.label_sets.get(at).map_or(0, |set| *set as usize);
        accepts.get(set).copied().unwrap_or((false, false))
    };
    let mut found = (false, false);
    for at in 0..profile.samples.len() {
        let (focused, ignored) = of(profile, at);
        found = (found.0 || focused, found.1 || ignored);
    }
    keep_samples(profile, |profile, at| (of(profile, at) == (true, false)).then_some(()));
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(text: &str) -> Option<(Option<f64>, Option<f64>, String)> {
        let range = Range::new("tagfocus", text).expect("it is not too large")?;
        Some((range.least, range.most, range.unit))
    }

    #[test]
    fn thousands_of_expressions_are_refused() {
        let new = |count: usize| {
            TagFilter::new("tagfocus", &format!("k={}", ["a"; 2000][..count].join(",")), &mut vec![])
        };
        assert!(new(1000).is_ok());
        let said = new(1001).map(|_| ()).expect_err("these are too many");
        assert_eq!(said, "parsing tagfocus regexp: there are 1001, more than 1000");
    }

    #[test]
    fn ranges_are_told_from_expressions() {
        assert_eq!(range("32kb"), Some((Some(32.0), Some(32.0), "kB".to_owned())));
        assert_eq!(range(":64kb"), Some((None, Some(64.0), "kB".to_owned())));
        assert_eq!(range("4mb:"), Some((Some(4.0), None, "MB".to_owned())));
        assert_eq!(range("-5:+7"), Some((Some(-5.0), Some(7.0), String::new())));
        assert_eq!(range("12kb:1mb"), Some((Some(12.0), Some(1024.0), "kB".to_owned())));
        assert_eq!(
            [range("key1"), range("1kb:2s"), range("tag"), range("1:2:3"), range("a1:2")],
            [None, None, None, None, None]
        );
        assert!(Range::new("tagfocus", "99999999999999999999").is_err());
    }
}

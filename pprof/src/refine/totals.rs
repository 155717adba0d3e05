//! What 100 % is.

use super::sample_type::Chosen;
use crate::profile::{BASE_KEY, Label, LabelValue, Profile};

/// The sum of all values without their signs. If samples of a `diff_base` have a sum, then it is theirs. For a mean it
/// is divided by the sum of the first values. Sums wrap like Go's.
pub(super) fn total(profile: &Profile, chosen: &Chosen) -> i64 {
    let of_base = base_sets(profile);
    let divisors = chosen.divisors(profile);
    let (mut sum, mut divisor, mut base_sum, mut base_divisor) = (0i64, 0i64, 0i64, 0i64);
    for (at, value) in chosen.values(profile).into_iter().enumerate() {
        let value = value.wrapping_abs();
        let by = divisors.as_ref().and_then(|divisors| divisors.get(at)).copied().unwrap_or(0);
        (sum, divisor) = (sum.wrapping_add(value), divisor.wrapping_add(by));
        let set = profile.samples.label_sets.get(at).map_or(0, |set| *set as usize);
        if of_base.get(set).copied().unwrap_or(false) {
            (base_sum, base_divisor) = (base_sum.wrapping_add(value), base_divisor.wrapping_add(by));
        }
    }
    if base_sum > 0 {
        (sum, divisor) = (base_sum, base_divisor);
    }
    if divisor == 0 { sum } else { sum.wrapping_div(divisor) }
}

/// By label set: whether it is of the `diff_base`.
fn base_sets(profile: &Profile) -> Vec<bool> {
    let (Some(key), Some(text)) = (profile.texts.find(BASE_KEY), profile.texts.find("true")) else {
        return Vec::new();
    };
    let base = Label { key, value: LabelValue::Text(text) };
    profile.label_sets.iter().map(|set| set.contains(&base)).collect()
}

//! The order of labels, in which equal sets are equal lists.

use super::{Label, LabelValue, Texts};

/// The key of the label that samples of a `diff_base` have; its value is `true`.
pub const BASE_KEY: &str = "pprof::base";

/// Sorts a set of labels as files of pprof have them: texts before numbers, then by the text of the key. Labels with the
/// same key stay in their order, which is that of their values.
pub(crate) fn sort_labels(texts: &Texts, labels: &mut [Label]) {
    let order =
        |label: &Label| (matches!(label.value, LabelValue::Number { .. }), texts.get(label.key).to_owned());
    if labels.len() > 1 {
        labels.sort_by_cached_key(order);
    }
}

//! Widths of columns.

/// No column is wider: a row whose text is longer moves what follows it in that row alone. (A width above
/// 65,535 would be a panic of `format!`.)
pub const WIDEST_COLUMN: usize = 64;

/// The width of a column that holds these texts.
pub fn width<'t>(texts: impl IntoIterator<Item = &'t str>) -> usize {
    // No more than one above the limit is counted of a text.
    let characters = |text: &str| text.chars().take(WIDEST_COLUMN + 1).count();
    texts.into_iter().map(characters).max().unwrap_or(0).min(WIDEST_COLUMN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_have_a_limit() {
        assert_eq!(width(["a", "漢字", ""]), 2);
        assert_eq!(width([]), 0);
        let long = "x".repeat(70_000);
        assert_eq!(width(["a", &long]), WIDEST_COLUMN);
    }
}

//! Widths of columns.

/// Maximum width of a column. A longer text shifts only the rest of its own row. (`format!` panics at a width above
/// 65,535.)
pub const WIDEST_COLUMN: usize = 64;

/// The width of a column with these texts.
pub fn width<'t>(texts: impl IntoIterator<Item = &'t str>) -> usize {
    // Stops counting a text at one above the limit.
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

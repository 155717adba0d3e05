//! Shares of the total as steps, for the classes of a style sheet.

/// The share of the total as a step from -10 to 10. Small shares are spread, as in the colours: 10 % is step 5.
pub fn heat(score: f64) -> i8 {
    let score = if score.is_finite() { score.clamp(-1.0, 1.0) } else { 0.0 };
    (score.abs().powf(0.3).copysign(score) * 10.0).round() as i8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_shares_are_spread() {
        assert_eq!([heat(1.0), heat(-2.0), heat(0.0), heat(0.1), heat(f64::NAN)], [10, -10, 0, 5, 0]);
    }
}

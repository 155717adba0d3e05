//! The probability of growth by chance, modelled by a fair coin.

/// P(at least `heads` of `tosses` of a fair coin), summed from the tail in logarithms.
pub(super) fn at_least_heads(heads: u64, tosses: u64) -> f64 {
    // ln of C(tosses, k) / 2^tosses, walked from k = tosses downwards.
    let mut log = -(tosses as f64) * std::f64::consts::LN_2;
    let mut sum = 0.0;
    for k in (heads..=tosses).rev() {
        sum += log.exp();
        log += (k as f64).ln() - ((tosses - k + 1) as f64).ln();
    }
    sum.min(1.0)
}

//! A test whether two counts of samples differ by more than chance.
//!
//! Samples arrive independently of each other, so a count is of a Poisson distribution. If both rates are equal, then
//! of all samples together those of OLD are binomially distributed, with the share of OLD in the exposure as
//! probability (Przyborowski and Wilenski, *Homogeneity of results in testing samples from Poisson series*,
//! Biometrika 31, 1940, pages 313–323). The test is exact and two-sided: twice the smaller tail.

/// From this number of samples the normal distribution is as good, and faster.
const MANY: u64 = 4_000_000;

/// Terms of a continued fraction; about the root of [`MANY`] are needed.
const MAX_TERMS: u32 = 20_000;

/// The probability of counts at least as different if both rates are equal. `share` is the share of the first in the
/// exposure, between 0 and 1.
pub fn probability(old: u64, new: u64, share: f64) -> f64 {
    let all = old.saturating_add(new);
    if all == 0 || !(share > 0.0 && share < 1.0) {
        return 1.0;
    }
    if all > MANY {
        let (expected, variance) = (all as f64 * share, all as f64 * share * (1.0 - share));
        let distance = ((old as f64 - expected).abs() - 0.5).max(0.0);
        return erfc(distance / (2.0 * variance).sqrt());
    }
    let (at_least, at_most) = (tail(old, all, share), tail(new, all, 1.0 - share));
    (2.0 * at_least.min(at_most)).clamp(0.0, 1.0)
}

/// The smallest probability that [`probability`] can return for this number of samples.
pub(super) fn smallest(all: u64, share: f64) -> f64 {
    probability(all, 0, share).min(probability(0, all, share))
}

/// Adjusted for all tests together by Holm's method (*A simple sequentially rejective multiple test procedure*,
/// Scandinavian Journal of Statistics 6, 1979, pages 65–70): of all probabilities below 5 %, with a chance of 95 %
/// none is by chance. The tests need not be independent.
pub fn adjusted(probabilities: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..probabilities.len()).collect();
    let of = |at: usize| probabilities.get(at).copied().unwrap_or(1.0);
    order.sort_by(|left, right| of(*left).total_cmp(&of(*right)));
    let (mut adjusted, mut largest) = (vec![1.0; probabilities.len()], 0.0f64);
    for (rank, at) in order.into_iter().enumerate() {
        largest = largest.max(of(at) * (probabilities.len() - rank) as f64).min(1.0);
        if let Some(adjusted) = adjusted.get_mut(at) {
            *adjusted = largest;
        }
    }
    adjusted
}

/// The probability of at least `count` of `all` in a binomial distribution.
fn tail(count: u64, all: u64, probability: f64) -> f64 {
    if count == 0 {
        return 1.0;
    }
    // NIST Digital Library of Mathematical Functions, 8.17.5.
    incomplete_beta(probability, count as f64, (all - count) as f64 + 1.0)
}

/// The regularized incomplete beta function, by its continued fraction (DLMF 8.17.22).
fn incomplete_beta(x: f64, a: f64, b: f64) -> f64 {
    let front = (ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b) + a * x.ln() + b * (-x).ln_1p()).exp();
    if x < (a + 1.0) / (a + b + 2.0) {
        front * fraction(x, a, b) / a
    } else {
        1.0 - front * fraction(1.0 - x, b, a) / b
    }
}

/// Evaluated from the front, by Lentz's method (Applied Optics 15, 1976, pages 668–671).
fn fraction(x: f64, a: f64, b: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let nonzero = |value: f64| if value.abs() < TINY { TINY } else { value };
    let (mut value, mut c, mut d) = (1.0, 1.0, 0.0);
    for term in 1..MAX_TERMS {
        let m = f64::from(term / 2);
        let numerator = match term % 2 {
            0 => m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m)),
            _ => -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0)),
        };
        d = 1.0 / nonzero(1.0 + numerator * d);
        c = nonzero(1.0 + numerator / c);
        value *= c * d;
        if (c * d - 1.0).abs() < 1e-14 {
            break;
        }
    }
    1.0 / value
}

/// The logarithm of the gamma function, by Stirling's series (DLMF 5.11.1) where it is exact enough.
fn ln_gamma(x: f64) -> f64 {
    let (mut x, mut below) = (x, 0.0);
    while x < 15.0 {
        below += x.ln();
        x += 1.0;
    }
    let square = x * x;
    let series =
        (1.0 / 12.0 - (1.0 / 360.0 - (1.0 / 1260.0 - 1.0 / (1680.0 * square)) / square) / square) / x;
    (x - 0.5) * x.ln() - x + 0.5 * std::f64::consts::TAU.ln() + series - below
}

/// The complementary error function, by its series (DLMF 7.6.1) or its continued fraction (DLMF 7.9.2).
fn erfc(x: f64) -> f64 {
    let root = std::f64::consts::PI.sqrt();
    if x < 2.0 {
        let (mut term, mut sum) = (x, x);
        for n in 1..60 {
            term *= -x * x / f64::from(n);
            sum += term / f64::from(2 * n + 1);
        }
        return 1.0 - 2.0 / root * sum;
    }
    let mut below = x;
    for n in (1..=80).rev() {
        below = x + f64::from(n) / 2.0 / below;
    }
    (-x * x).exp() / root / below
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn close(value: f64, expected: f64) {
        assert!((value - expected).abs() <= 1e-9 * expected.abs().max(1e-3), "{value} is not {expected}");
    }

    #[test]
    fn probabilities_are_those_of_the_binomial_distribution() {
        // Sums of binomial coefficients: 2 * 56 / 1024, and so on.
        close(probability(2, 8, 0.5), 0.109375);
        close(probability(8, 2, 0.5), 0.109375);
        close(probability(0, 10, 0.5), 2.0 / 1024.0);
        close(probability(5, 5, 0.5), 1.0);
        close(probability(10, 10, 0.25), 2.0 * 0.013_864_416_943_761_17);
        close(probability(0, 0, 0.5), 1.0);
        // 1,000 and 1,200 samples of equal time: the exact sum of 1,001 binomial coefficients.
        close(probability(1000, 1200, 0.5), 2.181_702_640_791_471e-5);
        assert!(probability(10_000, 13_000, 0.5) < 1e-80);
        for share in [0.0, 1.0, f64::NAN, -1.0] {
            close(probability(1, 2, share), 1.0);
        }
    }

    #[test]
    fn many_samples_continue_few_ones() {
        let (exact, normal) =
            (probability(1_998_000, 2_001_999, 0.5), probability(1_998_001, 2_002_000, 0.5));
        assert!((exact / normal - 1.0).abs() < 0.01, "{exact} {normal}");
        assert!(probability(u64::MAX, u64::MAX, 0.5) <= 1.0);
        close(erfc(0.5), 0.479_500_122_186_953_5);
        close(erfc(2.0), 0.004_677_734_981_047_266);
        close(ln_gamma(0.5), std::f64::consts::PI.sqrt().ln());
        close(ln_gamma(100.0), 359.134_205_369_575_4);
    }

    #[test]
    fn tests_together_are_stricter_than_one() {
        // Holm's own example: 0.01 * 4, then 0.013 * 3, which may not be below it.
        let adjusted = adjusted(&[0.04, 0.013, 0.01, 0.5]);
        for (value, expected) in adjusted.into_iter().zip([0.08, 0.04, 0.04, 0.5]) {
            close(value, expected);
        }
    }
}

//! Medians and their confidence bounds.

/// Sorted values.
pub struct Values(Vec<f64>);

impl Values {
    pub fn new(mut values: Vec<f64>) -> Values {
        values.sort_by(f64::total_cmp);
        Values(values)
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// NaN if there are no values.
    pub fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    /// By linear interpolation.
    pub fn quantile(&self, part: f64) -> f64 {
        let Some(last) = self.0.len().checked_sub(1) else { return f64::NAN };
        let at = part * last as f64;
        let (low, high) = (self.0[at.floor() as usize], self.0[at.ceil() as usize]);
        low + (high - low) * (at - at.floor())
    }

    pub fn lowest(&self) -> f64 {
        self.quantile(0.0)
    }

    pub fn highest(&self) -> f64 {
        self.quantile(1.0)
    }

    /// Bounds that contain the true median with at least 95 % probability, whatever the distribution: the k-th value
    /// from either side, with k from the binomial distribution (the inverted sign test).
    pub fn median_bounds(&self) -> (f64, f64) {
        let count = self.0.len();
        let (mut tail, mut term, mut rank) = (0.0, 0.5f64.powi(count as i32), 0);
        while rank < count / 2 && tail + term <= 0.025 {
            tail += term;
            rank += 1;
            term *= (count + 1 - rank) as f64 / rank as f64;
        }
        match rank {
            0 => (f64::NEG_INFINITY, f64::INFINITY),
            _ => (self.0[rank - 1], self.0[count - rank]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_and_bounds_of_fifteen() {
        let values = Values::new((1..=15).rev().map(f64::from).collect());
        assert_eq!(values.median(), 8.0);
        assert_eq!(values.quantile(0.25), 4.5);
        // From the table of the sign test: n = 15, α = 0.05 two-sided, critical value 3.
        assert_eq!(values.median_bounds(), (4.0, 12.0));
    }

    #[test]
    fn five_values_bound_nothing() {
        assert_eq!(Values::new(vec![1.0; 5]).median_bounds().0, f64::NEG_INFINITY);
        assert_eq!(Values::new((1..=6).map(f64::from).collect()).median_bounds(), (1.0, 6.0));
    }
}

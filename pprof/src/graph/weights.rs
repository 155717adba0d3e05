//! The values of the samples, summed by stack.

use std::collections::HashMap;

use crate::refine::Refined;

use super::{GraphError, Work};

/// The value of the samples with one stack, and with one set of labels if these are apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Weight {
    /// The stack, in the stacks of the profile.
    pub stack: u32,
    /// The labels, in the label sets of the profile; 0 if labels are together.
    pub labels: u32,
    /// The sum of the values.
    pub value: i64,
    /// The sum of what they are divided by; 0 if they are not.
    pub divisor: i64,
}

/// The stacks of the samples with their values, in the order of the first sample with each. Samples without a value
/// are not in it.
#[derive(Debug, Default)]
pub struct Weights(pub Vec<Weight>);

impl Weights {
    /// The values of all samples by stack.
    ///
    /// # Errors
    /// If it was stopped.
    pub fn by_stack(refined: &Refined, work: &mut Work<'_>) -> Result<Weights, GraphError> {
        const NONE: u32 = u32::MAX;
        let mut places = vec![NONE; refined.profile.stacks.len()];
        let mut weights = Weights::default();
        for (at, stack) in refined.profile.samples.stacks.iter().copied().enumerate() {
            work.add_frames(1)?;
            let (value, divisor) = values(refined, at);
            let Some(place) = places.get_mut(stack as usize) else { continue };
            if value == 0 && divisor == 0 {
                continue;
            }
            if *place == NONE {
                *place = weights.0.len() as u32;
                weights.0.push(Weight { stack, ..Weight::default() });
            }
            weights.add(*place as usize, value, divisor);
        }
        Ok(weights)
    }

    /// The same by stack and set of labels.
    ///
    /// # Errors
    /// If it was stopped.
    pub fn by_stack_and_labels(refined: &Refined, work: &mut Work<'_>) -> Result<Weights, GraphError> {
        let mut places: HashMap<(u32, u32), usize> = HashMap::new();
        let mut weights = Weights::default();
        let samples = &refined.profile.samples;
        for (at, (stack, labels)) in samples.stacks.iter().zip(&samples.label_sets).enumerate() {
            work.add_frames(1)?;
            let (value, divisor) = values(refined, at);
            if value == 0 && divisor == 0 {
                continue;
            }
            let next = weights.0.len();
            let place = *places.entry((*stack, *labels)).or_insert(next);
            if place == next {
                weights.0.push(Weight { stack: *stack, labels: *labels, ..Weight::default() });
            }
            weights.add(place, value, divisor);
        }
        Ok(weights)
    }

    fn add(&mut self, place: usize, value: i64, divisor: i64) {
        if let Some(weight) = self.0.get_mut(place) {
            weight.value = weight.value.wrapping_add(value);
            weight.divisor = weight.divisor.wrapping_add(divisor);
        }
    }
}

/// The value of a sample, and what it is divided by.
fn values(refined: &Refined, at: usize) -> (i64, i64) {
    let divisor = refined.divisors.as_ref().and_then(|divisors| divisors.get(at));
    (refined.values.get(at).copied().unwrap_or(0), divisor.copied().unwrap_or(0))
}

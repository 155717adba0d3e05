//! What each function costs, and how much of a profile a regular expression matches. A stack counts once, however often
//! a function is in it.

use std::collections::HashMap;

use crate::pattern::Pattern;

use super::stacks::{FrameId, STEPS, Stacks, signed};
use crate::stop::{Stop, Stopped};

/// Functions with their sums, the largest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Functions {
    /// The functions.
    pub rows: Vec<FunctionSums>,
    /// How many are left out.
    pub left_out: usize,
}

/// The sums of a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionSums {
    /// One of its frames: the first one seen.
    pub frame: FrameId,
    /// Of stacks that it is in, the positive ones.
    pub plus: u128,
    /// Of stacks that it is in, the negative ones without their sign.
    pub minus: u128,
    /// Of stacks that end with it.
    pub own: i128,
}

impl FunctionSums {
    /// With what it calls.
    pub fn value(&self) -> i128 {
        signed(self.plus, self.minus)
    }
}

impl Functions {
    /// The heaviest `most` functions. Frames with the same text are one function.
    ///
    /// # Errors
    /// [`Stopped`].
    pub fn new(stacks: &Stacks<'_>, most: usize, stop: Stop<'_>) -> Result<Functions, Stopped> {
        let of_frames = by_text(stacks);
        let mut rows: Vec<FunctionSums> = Vec::new();
        for (at, function) in of_frames.iter().enumerate() {
            if *function as usize == rows.len() {
                rows.push(FunctionSums { frame: FrameId(at as u32), plus: 0, minus: 0, own: 0 });
            }
        }
        let mut seen_in = vec![usize::MAX; rows.len()];
        let mut steps = 0;
        for at in 0..stacks.len() {
            let (plus, minus) = stacks.values(at);
            let stack = stacks.stack(at);
            steps += 1 + stack.len();
            if steps >= STEPS {
                stop.check()?;
                steps = 0;
            }
            for place in stack {
                let function = of_frames[place.frame().0 as usize] as usize;
                if seen_in[function] != at {
                    seen_in[function] = at;
                    rows[function].plus += plus;
                    rows[function].minus += minus;
                }
            }
            if let Some(leaf) = stack.last() {
                let row = &mut rows[of_frames[leaf.frame().0 as usize] as usize];
                row.own = row.own.saturating_add(signed(plus, minus));
            }
        }
        rows.sort_by(|a, b| (b.plus + b.minus).cmp(&(a.plus + a.minus)).then(a.frame.cmp(&b.frame)));
        let left_out = rows.len().saturating_sub(most);
        rows.truncate(most);
        Ok(Functions { rows, left_out })
    }

    /// The sums of stacks with a frame that matches: positive ones, and negative ones without their sign.
    ///
    /// # Errors
    /// [`Stopped`].
    pub fn matched(stacks: &Stacks<'_>, pattern: &Pattern, stop: Stop<'_>) -> Result<(u128, u128), Stopped> {
        let matches: Vec<bool> =
            (0..stacks.frames().len()).map(|at| pattern.is_match(&stacks.text(FrameId(at as u32)))).collect();
        let mut sums = (0, 0);
        for at in 0..stacks.len() {
            if at % STEPS == 0 {
                stop.check()?;
            }
            if stacks.stack(at).iter().any(|place| matches[place.frame().0 as usize]) {
                let (plus, minus) = stacks.values(at);
                sums.0 += plus;
                sums.1 += minus;
            }
        }
        Ok(sums)
    }
}

/// By frame: the number of its text, in the order of first appearance.
fn by_text(stacks: &Stacks<'_>) -> Vec<u32> {
    let mut known: HashMap<String, u32> = HashMap::new();
    (0..stacks.frames().len())
        .map(|at| {
            let next = known.len() as u32;
            *known.entry(stacks.text(FrameId(at as u32))).or_insert(next)
        })
        .collect()
}

//! The program's own functions with what they use and call: a sample counts to the own function nearest to its leaf,
//! whatever that called in dependencies, std, the runtime or the C library.

use std::collections::HashMap;

use rgops_pprof::model::value_index;
use rgops_pprof::proto::{Function, Profile};

use crate::budget::{Budget, Exhausted};
use crate::symbols::{Frame, Origin};

/// Samples between two checks of the clock.
const SAMPLES_AT_A_TIME: usize = 4096;
/// Bytes charged for each function of the profile.
const FUNCTION_BYTES: u64 = 64;

/// The program's own functions and their values.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OwnCode {
    /// Sum of all samples.
    pub total: i64,
    /// Samples without an own function on their stack: threads of a runtime or of a library.
    pub rest: i64,
    /// Own functions, largest value first.
    pub functions: Vec<(String, i64)>,
    /// Whether only names tell that some of them are own: without source files, a dependency that is not widely used is
    /// taken for own code.
    pub is_by_name: bool,
}

/// Counts a profile within the budget.
///
/// # Errors
/// When memory or time does not suffice.
pub fn own_code(budget: &Budget, profile: &Profile, sample_type: &str) -> Result<OwnCode, Exhausted> {
    let index = value_index(profile, sample_type);
    let bytes = FUNCTION_BYTES.saturating_mul((profile.function.len() + profile.location.len()) as u64);
    budget.charge(bytes)?;
    let counted = count(budget, profile, index);
    budget.release(bytes);
    counted
}

fn count(budget: &Budget, profile: &Profile, index: usize) -> Result<OwnCode, Exhausted> {
    let mut is_own = HashMap::with_capacity(profile.function.len());
    for functions in profile.function.chunks(SAMPLES_AT_A_TIME) {
        budget.check_time()?;
        is_own
            .extend(functions.iter().map(|function| (function.id, origin(profile, function) == Origin::Own)));
    }
    let is_own = |function: &u64| is_own.get(function).copied().unwrap_or(false);
    // The innermost own function at each location.
    let own_of: HashMap<u64, u64> = profile
        .location
        .iter()
        .filter_map(|location| {
            let mut functions = location.line.iter().map(|line| line.function_id);
            Some((location.id, functions.find(is_own)?))
        })
        .collect();
    let (mut total, mut rest) = (0_i64, 0_i64);
    let mut values: HashMap<u64, i64> = HashMap::new();
    for samples in profile.sample.chunks(SAMPLES_AT_A_TIME) {
        budget.check_time()?;
        for sample in samples {
            let value = sample.value.get(index).copied().unwrap_or(0);
            total = total.saturating_add(value);
            let own = sample.location_id.iter().find_map(|location| own_of.get(location));
            let sum = match own {
                Some(function) => values.entry(*function).or_default(),
                None => &mut rest,
            };
            *sum = sum.saturating_add(value);
        }
    }
    let mut by_name: HashMap<&str, i64> = HashMap::new();
    let mut is_by_name = false;
    for function in &profile.function {
        if let Some(value) = values.get(&function.id) {
            is_by_name |= profile.text(function.filename).is_empty();
            let sum = by_name.entry(profile.text(function.name)).or_default();
            *sum = sum.saturating_add(*value);
        }
    }
    let mut functions: Vec<(String, i64)> =
        by_name.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    functions.sort_by(|(one, a), (other, b)| b.cmp(a).then_with(|| one.cmp(other)));
    Ok(OwnCode { total, rest, functions, is_by_name })
}

fn origin(profile: &Profile, function: &Function) -> Origin {
    let text = |index: i64| Some(profile.text(index)).filter(|text| !text.is_empty()).map(Into::into);
    Origin::of(&Frame {
        function: text(function.name),
        mangled: text(function.system_name),
        file: text(function.filename),
        ..Frame::unknown(0)
    })
}

#[cfg(test)]
mod tests {
    use rgops_pprof::proto::{Line, Location, Sample, ValueType};

    use super::*;
    use crate::budget;

    /// Functions by name and file; stacks of them, leaf first, with a value.
    fn profile(functions: &[(&str, &str)], stacks: &[(&[u64], i64)]) -> Profile {
        let mut strings = vec![String::new(), "cpu".to_owned()];
        let mut text = |text: &str| {
            strings.push(text.to_owned());
            strings.len() as i64 - 1
        };
        let made = functions.iter().zip(1..).map(|((name, file), id)| Function {
            id,
            name: text(name),
            filename: text(file),
            ..Function::default()
        });
        let function: Vec<Function> = made.collect();
        let location = function.iter().map(|function| Location {
            id: function.id,
            line: vec![Line { function_id: function.id, ..Line::default() }],
            ..Location::default()
        });
        let sample = stacks.iter().map(|(stack, value)| Sample {
            location_id: stack.to_vec(),
            value: vec![*value],
            label: Vec::new(),
        });
        Profile {
            location: location.collect(),
            sample: sample.collect(),
            sample_type: vec![ValueType { r#type: 1, unit: 0 }],
            function,
            string_table: strings,
            ..Profile::default()
        }
    }

    #[test]
    fn what_own_code_calls_is_counted_to_it() {
        let functions = [
            ("memcpy", "./string/memcpy.c"),
            ("alloc::vec::Vec::push", "/rustc/0123/library/alloc/src/vec/mod.rs"),
            ("shop::sort", "/srv/shop/src/main.rs"),
            ("shop::main", "/srv/shop/src/main.rs"),
            ("tokio::runtime::park", "/root/.cargo/registry/src/index/tokio-1.54.1/src/runtime/park.rs"),
        ];
        let stacks: [(&[u64], i64); 4] = [(&[1, 2, 3, 4], 60), (&[3, 4], 20), (&[4], 15), (&[1, 5], 5)];
        let found = own_code(&budget::standard(), &profile(&functions, &stacks), "cpu");
        let expected = OwnCode {
            total: 100,
            rest: 5,
            functions: vec![("shop::sort".to_owned(), 80), ("shop::main".to_owned(), 15)],
            is_by_name: false,
        };
        assert_eq!(found.ok(), Some(expected));
        let functions = [("rare_library::x", ""), ("shop::main", "")];
        let found = own_code(&budget::standard(), &profile(&functions, &[(&[1, 2], 1)]), "cpu");
        assert!(found.is_ok_and(|own| own.is_by_name), "it may be a dependency");
    }
}

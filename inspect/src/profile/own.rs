//! The program's own functions with what they use and call: a sample counts to the own function nearest to its leaf,
//! whatever that called in dependencies, std, the runtime or the C library.

use std::collections::HashMap;

use rgops_pprof::proto::{Function, Profile};

use super::KernelTime;
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
    /// The part of `rest` in system calls; `None` if that is not known of all of it.
    pub rest_kernel: Option<i64>,
    /// Own functions, largest value first.
    pub functions: Vec<OwnFunction>,
    /// Whether only names tell that some of them are own: without source files, a dependency that is not widely used is
    /// taken for own code.
    pub is_by_name: bool,
}

/// A function of the program, with what it called up to the next own function.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OwnFunction {
    /// Its name.
    pub name: String,
    /// The sum of its samples.
    pub value: i64,
    /// The part of it in system calls; `None` if that is not known of all of it.
    pub kernel: Option<i64>,
}

/// Counts a profile within the budget, and what of it is in system calls.
///
/// # Errors
/// When memory or time does not suffice.
pub fn own_code(
    budget: &Budget,
    profile: &Profile,
    sample_type: &str,
    kernel: &KernelTime,
) -> Result<OwnCode, Exhausted> {
    let index = value_index(profile, sample_type);
    let bytes = FUNCTION_BYTES.saturating_mul((profile.function.len() + profile.location.len()) as u64);
    budget.charge(bytes)?;
    let counted = count(budget, profile, index, kernel);
    budget.release(bytes);
    counted
}

/// The index of a sample type in the values of a sample: the one with this name, otherwise the profile's default,
/// otherwise the last.
fn value_index(profile: &Profile, name: &str) -> usize {
    let named = |name: &str| {
        let mut types = profile.sample_type.iter();
        types.position(|found| !name.is_empty() && profile.text(found.r#type) == name)
    };
    named(name)
        .or_else(|| named(profile.text(profile.default_sample_type)))
        .unwrap_or(profile.sample_type.len().saturating_sub(1))
}

/// A value, and the part of it in system calls.
#[derive(Debug, Clone, Copy)]
struct Sum {
    value: i64,
    kernel: Option<i64>,
}

impl Default for Sum {
    fn default() -> Sum {
        Sum { value: 0, kernel: Some(0) }
    }
}

impl Sum {
    fn add(&mut self, other: Sum) {
        self.value = self.value.saturating_add(other.value);
        self.kernel = self.kernel.zip(other.kernel).map(|(one, other)| one.saturating_add(other));
    }
}

fn count(
    budget: &Budget,
    profile: &Profile,
    index: usize,
    kernel: &KernelTime,
) -> Result<OwnCode, Exhausted> {
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
    let (mut total, mut rest) = (0_i64, Sum::default());
    let mut values: HashMap<u64, Sum> = HashMap::new();
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
            let is_kernel = sample.location_id.first().and_then(|leaf| kernel.is_at(*leaf));
            sum.add(Sum { value, kernel: is_kernel.map(|is_kernel| if is_kernel { value } else { 0 }) });
        }
    }
    let mut by_name: HashMap<&str, Sum> = HashMap::new();
    let mut is_by_name = false;
    for function in &profile.function {
        if let Some(value) = values.get(&function.id) {
            is_by_name |= profile.text(function.filename).is_empty();
            by_name.entry(profile.text(function.name)).or_default().add(*value);
        }
    }
    let function = |(name, sum): (&str, Sum)| OwnFunction {
        name: name.to_owned(),
        value: sum.value,
        kernel: sum.kernel,
    };
    let mut functions: Vec<OwnFunction> = by_name.into_iter().map(function).collect();
    functions.sort_by(|one, other| other.value.cmp(&one.value).then_with(|| one.name.cmp(&other.name)));
    Ok(OwnCode { total, rest: rest.value, rest_kernel: rest.kernel, functions, is_by_name })
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
        // What `memcpy` is the leaf of is in the kernel, and it is not known of `main`.
        let kernel = KernelTime::with_leaves(&[1], &[4]);
        let found = own_code(&budget::standard(), &profile(&functions, &stacks), "cpu", &kernel);
        let function = |name: &str, value, kernel| OwnFunction { name: name.to_owned(), value, kernel };
        let expected = OwnCode {
            total: 100,
            rest: 5,
            rest_kernel: Some(5),
            functions: vec![function("shop::sort", 80, Some(60)), function("shop::main", 15, None)],
            is_by_name: false,
        };
        assert_eq!(found.ok(), Some(expected));
        let functions = [("rare_library::x", ""), ("shop::main", "")];
        let found = own_code(&budget::standard(), &profile(&functions, &[(&[1, 2], 1)]), "cpu", &kernel);
        assert!(found.is_ok_and(|own| own.is_by_name), "it may be a dependency");
    }
}

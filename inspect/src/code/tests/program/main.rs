//! A program with a function that inlines code of three crates: `middle`, `inner` and `core`.

#[inline(never)]
fn work(values: &[u64]) -> u64 {
    let mixed = middle::mix(values);
    mixed.wrapping_add(1)
}

fn main() {
    let values: Vec<u64> = std::env::args().map(|argument| argument.len() as u64).collect();
    println!("{}", work(&values));
}

//! `target` with a wrapped allocator: the same orders, with a sampled heap.

#[path = "target.rs"]
mod target;

#[global_allocator]
static ALLOCATOR: rgops_agent::alloc::Sampling<std::alloc::System> =
    rgops_agent::alloc::Sampling::new(std::alloc::System);

fn main() {
    target::main();
}

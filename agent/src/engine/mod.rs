//! placeholder: the one place with unsafe code

pub(crate) mod allocator_ffi;
pub(crate) mod system;

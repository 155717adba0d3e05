//! What samples are walked with.

use std::sync::atomic::AtomicBool;

use crate::grace::Guarded;
use crate::modules::Modules;
use crate::place::Place;
use crate::unwind::Workspace;

/// Unwind data, and places to use it in.
pub(super) struct Unwinding {
    pub(super) modules: Modules,
    pub(super) places: Box<[Place<Workspace>]>,
}

/// The unwind data samples are walked with.
#[cfg(not(rgops_loom))]
pub(super) static MODULES: Guarded<Unwinding> = Guarded::new();
#[cfg(rgops_loom)]
loom::lazy_static! { pub(super) static ref MODULES: Guarded<Unwinding> = Guarded::new(); }
/// A sample was in no known module: objects were loaded since the list was read.
pub(super) static STALE: AtomicBool = AtomicBool::new(false);

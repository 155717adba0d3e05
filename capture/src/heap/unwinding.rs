//! The unwind data for stacks of heap samples.

use std::sync::atomic::AtomicBool;

use crate::grace::Guarded;
use crate::modules::Modules;
use crate::place::Place;
use crate::unwind::Workspace;

/// Unwind data, and workspaces to use it with.
pub(super) struct Unwinding {
    pub(super) modules: Modules,
    pub(super) places: Box<[Place<Workspace>]>,
}

/// The unwind data that samples are walked with.
#[cfg(not(rgops_loom))]
pub(super) static MODULES: Guarded<Unwinding> = Guarded::new();
#[cfg(rgops_loom)]
loom::lazy_static! { pub(super) static ref MODULES: Guarded<Unwinding> = Guarded::new(); }
/// A sample was in no known module: modules were loaded since the list was read.
pub(super) static STALE: AtomicBool = AtomicBool::new(false);

//! One round: walks every task that has not been decoded yet, and takes the results.

use std::sync::Arc;

use rgops_dwarf::Exhausted;

use crate::decode::cell::{FutureType, has_ended, place_of};
use crate::decode::decoder::{Decoder, MAX_BYTES};
use crate::decode::decoding::{Place, Step};
use crate::decode::memory::{NoBytes, Snapshot};
use crate::decode::possible::Possible;
use crate::decode::walk::{TOO_MUCH, Walk};
use crate::model::{AsyncStack, Node, NodeKind, Resource, SetAside, TypeName};
use crate::types::TypeId;

/// Maximum rounds in which a task may request memory: one for each box in a box.
const MAX_ROUNDS: usize = 48;

/// Memory in bytes of a future in a stack, until it is shown.
pub(super) const NODE_BYTES: u64 = 512;

/// Memory of a range besides its bytes, while it is kept.
const RANGE_BYTES: u64 = 96;

/// Why a stack is incomplete when a limit of the command was reached.
pub(super) const NO_TIME: &str = "the time limit was reached during decoding";
const NO_MEMORY: &str = "the memory limit was reached during decoding";

/// The result of a walk.
#[derive(Default)]
struct Walked {
    node: Option<Arc<Node>>,
    cut: Option<&'static str>,
    is_waiting: bool,
    holds: Vec<Resource>,
    set_aside: Vec<SetAside>,
    due_ns: Option<u64>,
    /// The task has ended since it was listed.
    has_ended: bool,
    /// At this place is not the future of a `block_on`.
    is_another: bool,
    /// Number of nodes below `node`.
    nodes: usize,
    /// The limit that was reached.
    exhausted: Option<Exhausted>,
}

impl Decoder<'_> {
    /// Walks every task that has not been decoded yet; requests the memory that the walks lack.
    pub(super) fn walk_all(&mut self) -> Result<(), Exhausted> {
        let is_last = self.rounds >= MAX_ROUNDS || self.requested_bytes > MAX_BYTES;
        for number in 0..self.tasks.len() {
            if self.tasks[number].step != Step::Walk {
                continue;
            }
            let walked = match self.tasks[number].block_on {
                Some(place) => self.walk_block_on(number, place)?,
                None => match self.futures.get(&self.tasks[number].vtable).copied().flatten() {
                    Some(future) => self.walk(number, future)?,
                    None => continue,
                },
            };
            let is_waiting = walked.is_waiting && !is_last && walked.exhausted.is_none();
            let missing = self.tasks[number].snapshot.take_missing();
            if is_waiting {
                self.tasks[number].snapshot_charge.grow(RANGE_BYTES * missing.len() as u64)?;
                self.request(number, &missing)?;
                continue;
            }
            let holds =
                walked.holds.len() * size_of::<Resource>() + walked.set_aside.len() * size_of::<SetAside>();
            let bytes = NODE_BYTES.saturating_mul(walked.nodes as u64) + holds as u64;
            self.tasks[number].stack_charge.grow(bytes)?;
            self.take(number, walked)?;
        }
        Ok(())
    }

    /// Takes the result of a finished walk.
    fn take(&mut self, number: usize, walked: Walked) -> Result<(), Exhausted> {
        let decoding = &mut self.tasks[number];
        // The agent checked that its copy is of one moment. A cell that was read again is compared later.
        let is_one_moment =
            decoding.snapshot.is_single() && decoding.retries == 0 && decoding.block_on.is_none();
        if let Some(exhausted) = walked.exhausted
            && (!is_one_moment || walked.node.is_none())
        {
            return Err(exhausted);
        }
        if walked.is_another {
            decoding.lose_stack(AsyncStack::Unknown("it is another value".into()));
            decoding.forget_snapshot();
            decoding.step = Step::Done;
            decoding.block_on = decoding.block_on.map(|place| Place { is_another: true, ..place });
            return Ok(());
        }
        if walked.has_ended {
            decoding.lose_stack(AsyncStack::Moved);
            decoding.step = Step::Done;
            return Ok(());
        }
        let cut = match walked.exhausted {
            Some(Exhausted::Time) => Some(NO_TIME),
            Some(_) => Some(NO_MEMORY),
            None if walked.is_waiting => Some("it needs more memory than the limit of a task"),
            None => walked.cut,
        };
        decoding.task.holds = walked.holds;
        decoding.task.set_aside = walked.set_aside;
        decoding.task.due_ns = walked.due_ns;
        if let Some(name) = walked.node.as_deref().and_then(behind_dyn) {
            decoding.task.future = Some(name.clone());
        }
        decoding.task.stack = match (walked.node, cut) {
            (Some(node), None) => AsyncStack::Decoded(node),
            (Some(node), Some(why)) => AsyncStack::Cut(node, why.into()),
            (None, why) => {
                AsyncStack::Unknown(why.unwrap_or("its state is unknown to the debug information").into())
            }
        };
        decoding.step = if is_one_moment { Step::Done } else { Step::Check };
        if is_one_moment {
            // A hundred thousand snapshots take a hundred megabytes.
            decoding.forget_snapshot();
        }
        walked.exhausted.map_or(Ok(()), Err)
    }

    fn walk(&mut self, number: usize, future: FutureType) -> Result<Walked, Exhausted> {
        self.budget.check_time()?;
        let Decoder { source, content, vtables, vtable_places, headers, tasks, .. } = self;
        content.begin_walk();
        let decoding = &tasks[number];
        let vtable = |avma: u64| vtable_places.get(&avma).map(|place| vtables[*place].clone());
        let is_listed = |avma: u64| headers.contains(&avma);
        let Some(avma) = place_of(&decoding.snapshot, decoding.task.header_avma, future, *source, content)
        else {
            if has_ended(&decoding.snapshot, decoding.task.header_avma, future) {
                return Ok(Walked { has_ended: true, ..Walked::default() });
            }
            return Ok(Walked { cut: Some("the layout of its cell is unknown"), ..Walked::default() });
        };
        let walk = Walk::new(*source, content, &decoding.snapshot, &vtable, &is_listed);
        Ok(walked(walk, future.id, avma))
    }

    fn walk_block_on(&mut self, number: usize, place: Place) -> Result<Walked, Exhausted> {
        self.budget.check_time()?;
        let Decoder { source, content, vtables, vtable_places, headers, tasks, .. } = self;
        content.begin_walk();
        let decoding = &mut tasks[number];
        if !place.is_checked {
            let snapshot = &decoding.snapshot;
            match (Possible { source: *source, content, snapshot }).is_suspended(place.future, place.avma) {
                Ok(true) => {}
                Ok(false) => return Ok(Walked { is_another: true, ..Walked::default() }),
                Err(NoBytes::NotYet) => return Ok(Walked { is_waiting: true, ..Walked::default() }),
                Err(NoBytes::Never) => return Ok(Walked { cut: Some(TOO_MUCH), ..Walked::default() }),
            }
            // What was read to check it, such as a count of owners, may change.
            if let Ok(own) = snapshot.read(place.avma, place.size).map(<[u8]>::to_vec) {
                decoding.snapshot = Snapshot::new(place.avma, own);
            }
            decoding.block_on = Some(Place { is_checked: true, ..place });
        }
        let vtable = |avma: u64| vtable_places.get(&avma).map(|place| vtables[*place].clone());
        let is_listed = |avma: u64| headers.contains(&avma);
        let walk = Walk::new(*source, content, &decoding.snapshot, &vtable, &is_listed);
        Ok(walked(walk, place.future, place.avma))
    }
}

fn walked(mut walk: Walk<'_>, future: TypeId, avma: u64) -> Walked {
    let node = walk.future(future, avma);
    if walk.content.is_cut() {
        walk.cut.get_or_insert(TOO_MUCH);
    }
    walk.search_aside();
    let exhausted = walk.content.exhausted();
    let Walk { cut, is_waiting, holds, aside, nodes, due_ns, .. } = walk;
    let set_aside = aside.found;
    Walked { node, cut, is_waiting, holds, set_aside, due_ns, nodes, exhausted, ..Walked::default() }
}

/// The name of the concrete future if the root is a `dyn Future`.
fn behind_dyn(root: &Node) -> Option<&TypeName> {
    let mut node = root;
    while let (NodeKind::Dyn, [child]) = (node.kind, node.children.as_slice()) {
        node = child;
    }
    (root.kind == NodeKind::Dyn && node.kind != NodeKind::Dyn).then_some(&node.name)
}

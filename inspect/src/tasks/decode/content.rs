//! What types hold: which are futures, which lead to one, which are locks that are held.

use std::collections::HashMap;
use std::sync::Arc;

use super::names;
use crate::tasks::model::TypeName;
use crate::tasks::types::{Member, Shape, Type, TypeId, TypeSource};

/// Types looked at to answer one question. Beyond it the answer is "no".
const MOST_TYPES: usize = 50_000;

/// Values looked at in one walk of one task. A task of a real program has some hundred; in damaged
/// debug information a type may hold itself twice, and be as large as two to the depth of the walk.
const MOST_VALUES: u32 = 200_000;
/// Pins and boxes around a future.
const MOST_BOXES: usize = 8;

/// The name of a future that only its vtable tells.
pub(super) const DYN_FUTURE: &str = "dyn Future";

/// Answers, remembered for all tasks.
#[derive(Debug, Default)]
pub(super) struct Content {
    types: HashMap<TypeId, Option<Arc<Type>>>,
    leads_to_future: HashMap<TypeId, bool>,
    leads_to_guard: HashMap<TypeId, bool>,
    values_left: u32,
    names: HashMap<TypeId, TypeName>,
}

/// What a type is to a decoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// An async function, block or closure.
    Coroutine,
    /// A future whose wait can be named: see [`super::waits`].
    Leaf,
    /// A fat pointer to `dyn Future`.
    DynFuture,
    /// `FuturesUnordered`.
    FuturesUnordered,
    /// Tokio's list of the tasks of a `JoinSet`.
    JoinSet,
    /// A future that several share.
    Shared,
    /// A future, or what became of it.
    MaybeDone,
    /// A fat pointer to a slice.
    Slice,
    /// `Vec`.
    Vector,
    /// A thin pointer that owns, or mutably borrows, its target.
    Owner,
    /// Shared ownership, raw pointers, what is never looked into.
    Opaque,
    /// A struct or enum of other things.
    Plain,
}

impl Content {
    /// Begins a walk, which may look at so many values.
    pub(super) fn begin_walk(&mut self) {
        self.values_left = MOST_VALUES;
    }

    /// Whether the walk has looked at all it may.
    pub(super) fn is_exhausted(&self) -> bool {
        self.values_left == 0
    }

    /// A value's type; `None` when the source does not describe it, or the walk is exhausted.
    pub(super) fn get(&mut self, source: &dyn TypeSource, id: TypeId) -> Option<Arc<Type>> {
        self.values_left = self.values_left.checked_sub(1)?;
        self.described(source, id)
    }

    fn described(&mut self, source: &dyn TypeSource, id: TypeId) -> Option<Arc<Type>> {
        self.types.entry(id).or_insert_with(|| source.get(id).ok()).clone()
    }

    /// A type's name as people write it.
    pub(super) fn name(&mut self, source: &dyn TypeSource, id: TypeId, found: &Type) -> TypeName {
        let name = || names::of_type(found, source.owner(id).as_deref());
        self.names.entry(id).or_insert_with(name).clone()
    }

    /// The name of the future a task was spawned with: what is in a box, where that is told. Tokio itself
    /// boxes large ones.
    pub(super) fn future_name(&mut self, source: &dyn TypeSource, mut id: TypeId) -> Option<TypeName> {
        for _ in 0..MOST_BOXES {
            let found = self.get(source, id)?;
            let inner = match (role(&found), &found.shape) {
                (Role::DynFuture, _) => return Some(names::of_path(DYN_FUTURE)),
                (Role::Owner, Shape::Pointer { target: Some(target) }) => Some(*target),
                (_, Shape::Struct { members, .. }) if is_pin(&found) => {
                    members.first().map(|member| member.type_id)
                }
                _ => None,
            };
            match inner {
                Some(inner) => id = inner,
                None => return Some(self.name(source, id, &found)),
            }
        }
        None
    }

    /// Whether a value of this type may hold a suspended future.
    pub(super) fn leads_to_future(&mut self, source: &dyn TypeSource, id: TypeId) -> bool {
        if let Some(known) = self.leads_to_future.get(&id) {
            return *known;
        }
        let is_goal = |found: &Type| {
            matches!(
                role(found),
                Role::Coroutine
                    | Role::Leaf
                    | Role::DynFuture
                    | Role::FuturesUnordered
                    | Role::JoinSet
                    | Role::Shared
            )
        };
        let found = self.reach(source, id, is_goal, true, |content| &content.leads_to_future);
        self.leads_to_future.extend(found);
        self.leads_to_future.get(&id).copied().unwrap_or(false)
    }

    /// Whether a value of this type has a guard of a lock in it.
    pub(super) fn leads_to_guard(&mut self, source: &dyn TypeSource, id: TypeId) -> bool {
        if let Some(known) = self.leads_to_guard.get(&id) {
            return *known;
        }
        let found = self.reach(source, id, super::waits::is_guard, false, |content| &content.leads_to_guard);
        self.leads_to_guard.extend(found);
        self.leads_to_guard.get(&id).copied().unwrap_or(false)
    }

    /// Follows everything `id` holds, then goes back from the goals: right over cycles as well.
    fn reach(
        &mut self,
        source: &dyn TypeSource,
        id: TypeId,
        is_goal: impl Fn(&Type) -> bool,
        through_pointers: bool,
        known: impl Fn(&Content) -> &HashMap<TypeId, bool>,
    ) -> Vec<(TypeId, bool)> {
        let mut places: HashMap<TypeId, usize> = HashMap::from([(id, 0)]);
        let (mut order, mut holders, mut goals) = (vec![id], vec![Vec::new()], Vec::new());
        let mut at = 0;
        while at < order.len() && order.len() < MOST_TYPES {
            let here = order[at];
            match known(self).get(&here).copied() {
                Some(true) => goals.push(at),
                Some(false) => {}
                None => {
                    if let Some(found) = self.described(source, here) {
                        if is_goal(&found) {
                            goals.push(at);
                        } else {
                            for held in self.held(source, &found, through_pointers) {
                                let next = order.len();
                                let place = *places.entry(held).or_insert(next);
                                if place == next {
                                    order.push(held);
                                    holders.push(Vec::new());
                                }
                                holders[place].push(at);
                            }
                        }
                    }
                }
            }
            at += 1;
        }
        let mut leads = vec![false; order.len()];
        while let Some(goal) = goals.pop() {
            if !std::mem::replace(&mut leads[goal], true) {
                goals.extend(&holders[goal]);
            }
        }
        order.into_iter().zip(leads).collect()
    }

    /// What a value of this type holds, or points at and owns.
    fn held(&mut self, source: &dyn TypeSource, found: &Type, through_pointers: bool) -> Vec<TypeId> {
        let of = |members: &[Member]| members.iter().map(|member| member.type_id).collect();
        match (role(found), &found.shape) {
            (Role::Opaque, _) => Vec::new(),
            (Role::Owner, Shape::Pointer { target }) if through_pointers => target.iter().copied().collect(),
            (Role::Owner, _) => Vec::new(),
            (Role::Slice, _) if through_pointers => self.slice_element(source, found).into_iter().collect(),
            (Role::Vector, _) if through_pointers => element(found).into_iter().collect(),
            (Role::Slice | Role::Vector, _) => Vec::new(),
            (_, Shape::Struct { members, is_union: false }) => of(members),
            (_, Shape::Enum { variants, .. }) => {
                variants.iter().map(|variant| variant.content.type_id).collect()
            }
            (_, Shape::Array { element, length: 1.. }) => vec![*element],
            _ => Vec::new(),
        }
    }

    /// The type of a slice's elements: what the data pointer of the fat pointer points at.
    pub(super) fn slice_element(&mut self, source: &dyn TypeSource, found: &Type) -> Option<TypeId> {
        let pointer = member(found, "data_ptr")?.type_id;
        match self.described(source, pointer)?.shape {
            Shape::Pointer { target } => target,
            _ => None,
        }
    }
}

fn is_pin(found: &Type) -> bool {
    &*found.namespace == "core::pin" && super::waits::base(&found.name) == "Pin"
}

/// `T` of `Vec<T>`.
pub(super) fn element(found: &Type) -> Option<TypeId> {
    found.parameters.iter().find(|(name, _)| &**name == "T").map(|(_, id)| *id)
}

/// A member by name.
pub(super) fn member<'t>(found: &'t Type, name: &str) -> Option<&'t Member> {
    match &found.shape {
        Shape::Struct { members, .. } => members.iter().find(|member| &*member.name == name),
        _ => None,
    }
}

/// What a type is, by its name and shape.
pub(super) fn role(found: &Type) -> Role {
    let name = &*found.name;
    if found.is_coroutine() {
        return Role::Coroutine;
    }
    if let Shape::Struct { .. } = found.shape
        && member(found, "vtable").is_some()
        && (member(found, "pointer").is_some() || member(found, "data_ptr").is_some())
    {
        let is_future = name.contains("dyn ") && (name.contains("Future") || name.contains("Stream"));
        return if is_future && !name.starts_with('&') { Role::DynFuture } else { Role::Opaque };
    }
    if let Shape::Pointer { .. } = found.shape {
        let owns = name.contains("Box<") || name.starts_with("&mut ");
        return if owns { Role::Owner } else { Role::Opaque };
    }
    if member(found, "data_ptr").is_some() && member(found, "length").is_some() {
        return if name.contains("Box<[") || name.starts_with("&mut [") { Role::Slice } else { Role::Opaque };
    }
    if super::waits::is_leaf(found) {
        return Role::Leaf;
    }
    if name.starts_with("FuturesUnordered<") {
        return Role::FuturesUnordered;
    }
    match (&*found.namespace, super::waits::base(name)) {
        ("tokio::util::idle_notified_set", "IdleNotifiedSet") => return Role::JoinSet,
        ("futures_util::future::future::shared", "Shared") => return Role::Shared,
        (
            "tokio::future::maybe_done"
            | "futures_util::future::maybe_done"
            | "futures_util::future::try_maybe_done",
            "MaybeDone" | "TryMaybeDone",
        ) => return Role::MaybeDone,
        _ => {}
    }
    if name.starts_with("Vec<") && &*found.namespace == "alloc::vec" {
        return Role::Vector;
    }
    if ["Arc<", "Rc<", "Weak<", "NonNull<", "PhantomData<"].iter().any(|begin| name.starts_with(begin)) {
        return Role::Opaque;
    }
    Role::Plain
}

//! What types hold: which are futures, which lead to one, which are locks that are held.

use std::collections::HashMap;
use std::sync::Arc;

use crate::tasks::types::{Member, Shape, Type, TypeId, TypeSource};

/// Types looked at to answer one question. Beyond it the answer is "no".
const MOST_TYPES: usize = 50_000;

/// Values looked at in one walk of one task. A task of a real program has some hundred; in damaged
/// debug information a type may hold itself twice, and be as large as two to the depth of the walk.
const MOST_VALUES: u32 = 200_000;

/// Answers, remembered for all tasks.
#[derive(Debug, Default)]
pub(super) struct Content {
    types: HashMap<TypeId, Option<Arc<Type>>>,
    leads_to_future: HashMap<TypeId, bool>,
    leads_to_guard: HashMap<TypeId, bool>,
    values_left: u32,
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

    /// Whether a value of this type may hold a suspended future.
    pub(super) fn leads_to_future(&mut self, source: &dyn TypeSource, id: TypeId) -> bool {
        if let Some(known) = self.leads_to_future.get(&id) {
            return *known;
        }
        let is_goal = |found: &Type| {
            matches!(role(found), Role::Coroutine | Role::Leaf | Role::DynFuture | Role::FuturesUnordered)
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
                            for held in held(&found, through_pointers) {
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
}

/// What a value of this type holds, or points at and owns.
fn held(found: &Type, through_pointers: bool) -> Vec<TypeId> {
    let of = |members: &[Member]| members.iter().map(|member| member.type_id).collect();
    match (role(found), &found.shape) {
        (Role::Opaque, _) => Vec::new(),
        (Role::Owner, Shape::Pointer { target }) if through_pointers => target.iter().copied().collect(),
        (Role::Owner, _) => Vec::new(),
        (Role::Slice, _) if through_pointers => slice_element(found).into_iter().collect(),
        (Role::Vector, _) if through_pointers => element(found).into_iter().collect(),
        (Role::Slice | Role::Vector, _) => Vec::new(),
        (_, Shape::Struct { members, is_union: false }) => of(members),
        (_, Shape::Enum { variants, .. }) => variants.iter().map(|variant| variant.content.type_id).collect(),
        (_, Shape::Array { element, length: 1.. }) => vec![*element],
        _ => Vec::new(),
    }
}

/// `T` of `Vec<T>`.
pub(super) fn element(found: &Type) -> Option<TypeId> {
    found.parameters.iter().find(|(name, _)| &**name == "T").map(|(_, id)| *id)
}

/// What the data pointer of a fat pointer points at.
pub(super) fn slice_element(found: &Type) -> Option<TypeId> {
    member(found, "data_ptr").map(|member| member.type_id)
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
    if name.starts_with("Vec<") && &*found.namespace == "alloc::vec" {
        return Role::Vector;
    }
    if ["Arc<", "Rc<", "Weak<", "NonNull<", "PhantomData<"].iter().any(|begin| name.starts_with(begin)) {
        return Role::Opaque;
    }
    Role::Plain
}

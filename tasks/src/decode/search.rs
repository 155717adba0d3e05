//! Searches the types that a type contains: whether they lead to a future or to a guard of a lock.

use std::collections::HashMap;
use std::sync::Arc;

use rgops_dwarf::Charge;

use crate::decode::content::{Content, KEPT_BYTES};
use crate::decode::goal::{Goal, Held, Leads};
use crate::decode::roles::{Role, element, member, role};
use crate::types::{Member, Shape, Type, TypeId, TypeSource};

/// Maximum types and members read by one search. Beyond this limit the answer is unknown.
const MAX_TYPES: usize = 50_000;
const MAX_HELD: usize = 1 << 20;

/// Maximum searches that may reach this limit. After that, every search has a smaller limit, which is enough
/// for most types.
const MAX_CUT_SEARCHES: u32 = 16;
const FEW_HELD: usize = 1 << 12;

impl Content {
    /// Whether a value of this type may contain a suspended future.
    pub(super) fn leads_to_future(&mut self, source: &dyn TypeSource, id: TypeId) -> bool {
        self.leads_to(source, id, Goal::Future)
    }

    /// Whether a value of this type contains a guard of a lock.
    pub(super) fn leads_to_guard(&mut self, source: &dyn TypeSource, id: TypeId) -> bool {
        self.leads_to(source, id, Goal::Guard)
    }

    /// Whether a value of this type may have a lock, in futures that it owns.
    pub(super) fn leads_to_lock(&mut self, source: &dyn TypeSource, id: TypeId) -> bool {
        self.leads_to(source, id, Goal::Lock)
    }

    fn leads_to(&mut self, source: &dyn TypeSource, id: TypeId, goal: Goal) -> bool {
        let leads = self.leads(source, id, goal);
        self.search_was_cut |= leads == Leads::Unknown;
        leads == Leads::Yes
    }

    fn leads(&mut self, source: &dyn TypeSource, id: TypeId, goal: Goal) -> Leads {
        if let Some(known) = self.leads.get(&(id, goal)) {
            return *known;
        }
        let found = self.reach(source, id, goal);
        if self.exhausted.is_some() || !self.keep(found.len() as u64 * KEPT_BYTES) {
            return Leads::Unknown;
        }
        self.leads.extend(found.into_iter().map(|(id, leads)| ((id, goal), leads)));
        self.leads.get(&(id, goal)).copied().unwrap_or(Leads::Unknown)
    }

    /// The members of a struct that lead to a goal, by index.
    pub(super) fn members_with(&mut self, source: &dyn TypeSource, id: TypeId, goal: Goal) -> Arc<[u32]> {
        if let Some(known) = self.held_with.get(&(id, goal)) {
            self.search_was_cut |= known.is_cut;
            return known.members.clone();
        }
        let Some(found) = self.described(source, id) else { return Arc::default() };
        let Shape::Struct { members, is_union: false } = &found.shape else { return Arc::default() };
        let (mut leading, mut is_cut) = (Vec::new(), false);
        for (number, member) in (0..).zip(members) {
            if !self.count(1) {
                break;
            }
            match self.leads(source, member.type_id, goal) {
                Leads::Yes => leading.push(number),
                Leads::No => {}
                Leads::Unknown => is_cut = true,
            }
        }
        let held = Held { members: leading.into(), is_cut };
        self.search_was_cut |= is_cut;
        if self.exhausted.is_none() && self.keep(size_of_val(&*held.members) as u64) {
            self.held_with.insert((id, goal), held.clone());
        }
        held.members
    }

    /// Follows everything that `id` contains, then goes back from the goals, so cycles are handled correctly.
    /// A type that does not lead to a goal has a result only if all its content was searched.
    fn reach(&mut self, source: &dyn TypeSource, id: TypeId, goal: Goal) -> Vec<(TypeId, Leads)> {
        let mut places: HashMap<TypeId, usize> = HashMap::from([(id, 0)]);
        let (mut order, mut holders, mut goals) = (vec![id], vec![Vec::new()], Vec::new());
        let (mut at, mut held_count, mut is_whole) = (0, 0, true);
        let mut charge = Charge::none(self.work.budget());
        let mut is_too_large = false;
        let most_held = if self.searches_cut < MAX_CUT_SEARCHES { MAX_HELD } else { FEW_HELD };
        while at < order.len() {
            let here = order[at];
            match self.leads.get(&(here, goal)).copied() {
                Some(Leads::Yes) => goals.push(at),
                Some(Leads::No) => {}
                Some(Leads::Unknown) => is_whole = false,
                None => {
                    if let Some(found) = self.described(source, here) {
                        if goal.is(&found) {
                            goals.push(at);
                        } else {
                            let held = self.held(source, &found, goal != Goal::Guard);
                            held_count += held.len();
                            is_too_large = order.len() >= MAX_TYPES || held_count > most_held;
                            if is_too_large || !self.count(1 + held.len() as u64) {
                                is_whole = false;
                                break;
                            }
                            let charged = charge.grow(held.len() as u64 * KEPT_BYTES);
                            if !self.note(charged) {
                                is_whole = false;
                                break;
                            }
                            for held in held {
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
        drop(charge);
        // Reaching a type without an answer does not count: that costs little.
        self.searches_cut += u32::from(is_too_large);
        let mut leads = vec![false; order.len()];
        while let Some(goal) = goals.pop() {
            if !std::mem::replace(&mut leads[goal], true) {
                goals.extend(&holders[goal]);
            }
        }
        let answer = |(number, leads): (usize, bool)| match (leads, is_whole, number) {
            (true, ..) => Some(Leads::Yes),
            (false, true, _) => Some(Leads::No),
            // Only `id` itself: a smaller search may answer for the other types.
            (false, false, 0) => Some(Leads::Unknown),
            (false, false, _) => None,
        };
        let answers = leads.into_iter().enumerate().map(answer);
        order.into_iter().zip(answers).filter_map(|(id, leads)| Some((id, leads?))).collect()
    }

    /// The types that a value of this type contains, or points at and owns.
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

    /// The type of a slice's elements: the target of the fat pointer's data pointer.
    pub(super) fn slice_element(&mut self, source: &dyn TypeSource, found: &Type) -> Option<TypeId> {
        let pointer = member(found, "data_ptr")?.type_id;
        match self.described(source, pointer)?.shape {
            Shape::Pointer { target } => target,
            _ => None,
        }
    }
}

//! Follows member names through types to a number, a pointer or a slice.
//!
//! Tokio and std wrap their values (`CachePadded`, `UnsafeCell`, `NonNull`), differently in each version. So
//! a path has only the names that a reader of Tokio's source would use. A type without the requested member,
//! and with a single member that is not empty, counts as a wrapper and is followed.

use std::sync::Arc;

use crate::types::{Member, Shape, Type, TypeError, TypeId, TypeSource};

/// Maximum nested wrappers; more are a cycle in damaged debug information.
const MAX_WRAPPERS: usize = 32;

/// A value inside another one: its offset and type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spot {
    pub(super) offset: u64,
    pub(super) type_id: TypeId,
}

/// An unsigned number, or the bytes of a pointer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Number {
    pub(super) offset: u64,
    pub(super) bytes: u64,
}

/// A pointer and its target type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pointer {
    pub(super) offset: u64,
    pub(super) target: TypeId,
}

/// A `Box<[T]>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slice {
    pub(super) elements: Pointer,
    pub(super) length: Number,
    pub(super) stride: u64,
}

/// Why a path cannot be followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Missing {
    /// The type does not have the member: another version of Tokio.
    #[error("{type_name} has no {member}")]
    Member { type_name: String, member: String },
    /// The type is of another kind than expected.
    #[error("{type_name} is not a {expected}")]
    Kind { type_name: String, expected: &'static str },
    /// The debug information does not describe the type.
    #[error(transparent)]
    Type(#[from] TypeError),
}

impl Spot {
    /// A complete type.
    pub(super) fn of(type_id: TypeId) -> Spot {
        Spot { offset: 0, type_id }
    }
}

/// Follows `path`: names of members and of enum variants, separated by dots.
pub(super) fn follow(types: &dyn TypeSource, from: Spot, path: &str) -> Result<Spot, Missing> {
    path.split('.').try_fold(from, |spot, name| member(types, spot, name))
}

fn member(types: &dyn TypeSource, from: Spot, name: &str) -> Result<Spot, Missing> {
    unwrap(types, from, |spot, found| match &found.shape {
        Shape::Struct { members, .. } => {
            members.iter().find(|member| &*member.name == name).map(|member| spot.at(member))
        }
        Shape::Enum { variants, .. } => {
            let mut contents = variants.iter().map(|variant| &variant.content);
            contents.find(|content| &*content.name == name).map(|content| spot.at(content))
        }
        _ => None,
    })?
    .ok_or_else(|| Missing::Member {
        type_name: types.get(from.type_id).map(|found| found.name.to_string()).unwrap_or_default(),
        member: name.to_owned(),
    })
}

/// The number at `from`, of at most 8 bytes.
pub(super) fn number(types: &dyn TypeSource, from: Spot) -> Result<Number, Missing> {
    unwrap(types, from, |spot, found| match found.shape {
        Shape::Scalar | Shape::Pointer { .. } if matches!(found.size, 1 | 2 | 4 | 8) => {
            Some(Number { offset: spot.offset, bytes: found.size })
        }
        _ => None,
    })?
    .ok_or_else(|| wrong_kind(types, from, "number"))
}

/// The thin pointer at `from`.
pub(super) fn pointer(types: &dyn TypeSource, from: Spot) -> Result<Pointer, Missing> {
    unwrap(types, from, |spot, found| match found.shape {
        Shape::Pointer { target: Some(target) } if found.size == 8 => {
            Some(Pointer { offset: spot.offset, target })
        }
        _ => None,
    })?
    .ok_or_else(|| wrong_kind(types, from, "pointer"))
}

/// The boxed slice at `from`: rustc names the members of a fat pointer `data_ptr` and `length`.
pub(super) fn slice(types: &dyn TypeSource, from: Spot) -> Result<Slice, Missing> {
    let elements = pointer(types, member(types, from, "data_ptr")?)?;
    let length = number(types, member(types, from, "length")?)?;
    let stride = types.get(elements.target)?.size;
    Ok(Slice { elements, length, stride })
}

impl Spot {
    fn at(self, member: &Member) -> Spot {
        Spot { offset: self.offset.wrapping_add(member.offset), type_id: member.type_id }
    }
}

/// Calls `answer` with the type at `from`, and then with the types it wraps, until there is an answer.
fn unwrap<T>(
    types: &dyn TypeSource,
    from: Spot,
    mut answer: impl FnMut(Spot, &Arc<Type>) -> Option<T>,
) -> Result<Option<T>, Missing> {
    let mut spot = from;
    for _ in 0..MAX_WRAPPERS {
        let found = types.get(spot.type_id)?;
        if let Some(answer) = answer(spot, &found) {
            return Ok(Some(answer));
        }
        match only_member(types, &found)? {
            Some(only) => spot = spot.at(&only),
            None => return Ok(None),
        }
    }
    Ok(None)
}

/// The single member of a wrapper that is not empty.
fn only_member(types: &dyn TypeSource, found: &Type) -> Result<Option<Member>, Missing> {
    let Shape::Struct { members, is_union: false } = &found.shape else { return Ok(None) };
    let mut only = None;
    for member in members {
        if types.get(member.type_id)?.size > 0 && only.replace(member).is_some() {
            return Ok(None);
        }
    }
    Ok(only.cloned())
}

fn wrong_kind(types: &dyn TypeSource, from: Spot, expected: &'static str) -> Missing {
    let type_name = types.get(from.type_id).map(|found| found.name.to_string()).unwrap_or_default();
    Missing::Kind { type_name, expected }
}

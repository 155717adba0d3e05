pub(super) mod made;
mod plan;

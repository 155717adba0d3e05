//! The views: a file each, a function that makes its page, and one for its data if a module asks for more.

mod disasm;
pub(crate) mod empty;
mod flame;
mod functions;
mod graph;
mod maker;
mod peek;
mod proposed;
mod sandwich;
mod source;
mod tags;
mod timeline;
mod top;

pub(crate) use maker::Maker;

/// One of each view.
const MAKERS: &[&Maker] = &[
    &flame::MAKER,
    &sandwich::MAKER,
    &top::MAKER,
    &graph::MAKER,
    &peek::MAKER,
    &source::MAKER,
    &disasm::MAKER,
    &tags::MAKER,
    &timeline::MAKER,
];

impl Maker {
    /// That of the view at this route.
    pub(crate) fn at(route: &str) -> Option<&'static Maker> {
        MAKERS.iter().copied().find(|maker| maker.route == route)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::views::VIEWS;

    #[test]
    fn every_view_is_made() {
        assert_eq!(VIEWS.len(), MAKERS.len());
        assert!(VIEWS.iter().all(|view| Maker::at(view.route).is_some()));
    }
}

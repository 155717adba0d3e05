//! The table of views. What they show is in `pages`, a file each.

/// A view of a profile.
#[derive(Debug)]
pub(crate) struct View {
    /// Its name in the menu and the title.
    pub(crate) name: &'static str,
    /// The last part of its address, as pprof has it.
    pub(crate) route: &'static str,
    /// The key that opens it.
    pub(crate) key: char,
    /// What it answers, in one line.
    pub(crate) help: &'static str,
    /// Parameters of its address that are not options. `q`, the text of the search, is one of all views.
    pub(crate) own: &'static [&'static str],
}

/// All views, in the order of the menu. The first is the one that an address without a view leads to.
pub(crate) const VIEWS: &[View] = &[
    View {
        name: "Flame graph",
        route: "flamegraph",
        key: 'f',
        help: "Where the values come from: callers above, callees below, wide is much",
        own: &["p", "up", "reversed"],
    },
    View {
        name: "Sandwich",
        route: "sandwich",
        key: 'w',
        help: "All callers and all callees of one function",
        own: &["p"],
    },
    View { name: "Top", route: "top", key: 't', help: "Functions by value, in a table", own: &["by", "asc"] },
    View { name: "Graph", route: "graph", key: 'g', help: "Which function calls which", own: &["p"] },
    View {
        name: "Peek",
        route: "peek",
        key: 'p',
        help: "Callers and callees of matching functions",
        own: &["fn"],
    },
    View { name: "Source", route: "source", key: 's', help: "Values by source line", own: &["fn"] },
    View { name: "Disassembly", route: "disasm", key: 'd', help: "Values by instruction", own: &["fn"] },
    View { name: "Tags", route: "tags", key: 'a', help: "Values of labels", own: &[] },
    View {
        name: "Timeline",
        route: "timeline",
        key: 'l',
        help: "When samples were taken",
        own: &["from", "to"],
    },
];

impl View {
    /// The view at this route.
    pub(crate) fn at(route: &str) -> Option<&'static View> {
        VIEWS.iter().find(|view| view.route == route)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_and_keys_are_distinct() {
        for (at, view) in VIEWS.iter().enumerate() {
            let other = |of: &&View| of.route == view.route || of.key == view.key || of.name == view.name;
            assert_eq!(VIEWS.iter().filter(other).count(), 1, "{at}: {view:?}");
        }
        assert!(View::at("top").is_some() && View::at("nowhere").is_none());
    }
}

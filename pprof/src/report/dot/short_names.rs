//! Names short enough for the box of a node.

use std::sync::LazyLock;

use regex::Regex;

static CPP_ANONYMOUS: &str = "(anonymous namespace)::";
#[expect(clippy::expect_used, reason = "constants")]
static GO_VERSION: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^(.*?)/v(?:[2-9]|[1-9][0-9]+)([./].*)$").expect("it is a regular expression")
});
/// Of Go: the package without its path. Of Java: class and method. Of C++: class and method.
#[expect(clippy::expect_used, reason = "constants")]
static LAST_PARTS: LazyLock<[Regex; 3]> = LazyLock::new(|| {
    [
        r"^(?:[\w\-\.]+\/)+([^.]+\..+)",
        r"^(?:[a-z]\w*\.)*([A-Z][\w\$]*\.(?:<init>|[a-z][\w\$]*(?:\$\d+)?))(?:(?:\()|$)",
        r"^(?:[_a-zA-Z]\w*::)+(_*[A-Z]\w*::~?[_a-zA-Z]\w*(?:<.*>)?)",
    ]
    .map(|text| {
        Regex::new(&text.replace(r"\w", "[0-9A-Za-z_]").replace("[[0-9A-Za-z_]", "[0-9A-Za-z_"))
            .expect("it is a regular expression")
    })
});

/// A function name without packages and namespaces, as far as the name itself says which they are.
pub fn short_name(name: &str) -> String {
    let name = name.strip_prefix(CPP_ANONYMOUS).unwrap_or(name);
    let name = GO_VERSION.replace(name, "${1}${2}");
    let short = LAST_PARTS.iter().find_map(|parts| parts.captures(&name)?.get(1));
    short.map_or_else(|| name.clone().into_owned(), |part| part.as_str().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_shortened_by_language() {
        let names = [
            ("github.com/golang/glog/v2.Info", "glog.Info"),
            ("foo.bar.baz.Klass.method(int)", "Klass.method"),
            ("ns1::ns2::Class::method<int>", "Class::method<int>"),
            ("(anonymous namespace)::run", "run"),
            ("core::slice::sort", "core::slice::sort"),
            ("main.main", "main.main"),
            ("java.util.Map.<init>", "Map.<init>"),
        ];
        for (name, short) in names {
            assert_eq!(short_name(name), short);
        }
    }
}

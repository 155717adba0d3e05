//! The package of a Go function: its import path.

use super::class::Class;
use super::paths;

/// Package, version and class of a Go function; `None` if it is not Go's.
pub(super) fn of<'a>(name: &'a str, file: &'a str) -> Option<(&'a str, &'a str, Class)> {
    if !(file.ends_with(".go") || (file.is_empty() && is_go(name))) {
        return None;
    }
    let package = package(name);
    let place = paths::of_file(file).filter(|place| place.class == Class::Dependency);
    let first = package.split('/').next().unwrap_or_default();
    Some(match place {
        Some(place) => (package, place.version, Class::Dependency),
        None if package == "main" => (package, "", Class::Own),
        None if package == "runtime"
            || package.starts_with("runtime/")
            || package.starts_with("internal/runtime") =>
        {
            (package, "", Class::Runtime)
        }
        // The path of a module begins with a host name. Without a file nobody knows whose module it is.
        None if first.contains('.') => (package, "", Class::Dependency),
        None => (package, "", Class::Std),
    })
}

/// `net/http` of `net/http.(*Server).Serve`.
fn package(name: &str) -> &str {
    let folder = name.rfind('/').map_or(0, |at| at + 1);
    let dot = name[folder..].find('.');
    dot.map_or("", |dot| &name[..folder + dot])
}

/// Whether a name has Go's form.
fn is_go(name: &str) -> bool {
    let last = name.rsplit('/').next().unwrap_or_default();
    let is_word = |package: &str| {
        !package.is_empty()
            && package.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
    };
    !name.contains("::") && last.split_once('.').is_some_and(|(package, _)| is_word(package))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_functions_are_of_packages() {
        let module = "/go/pkg/mod/golang.org/x/net@v0.1.0/http2/server.go";
        for (name, file, expected) in [
            ("main.(*Server).Serve", "/src/main.go", Some(("main", "", Class::Own))),
            ("runtime.mallocgc", "", Some(("runtime", "", Class::Runtime))),
            ("net/http.Serve", "", Some(("net/http", "", Class::Std))),
            (
                "golang.org/x/net/http2.f",
                module,
                Some(("golang.org/x/net/http2", "v0.1.0", Class::Dependency)),
            ),
            ("github.com/a/b.(*T).Run", "", Some(("github.com/a/b", "", Class::Dependency))),
            ("shop::main", "", None),
            ("malloc", "", None),
        ] {
            assert_eq!(of(name, file), expected, "{name}");
        }
    }
}

//! Names of functions without their arguments, as expressions for frames to drop expect them.

/// A scope of C++, not arguments.
const ANONYMOUS: &str = "(anonymous namespace)";

/// `name` up to its first `(` that begins a list of arguments, and without a leading dot, which 64-bit PowerPC has. That
/// of `operator()` and of `(anonymous namespace)` does not.
pub(super) fn simple_name(name: &str) -> &str {
    let name = name.strip_prefix('.').unwrap_or(name);
    let mut seen = 0;
    for (bracket, _) in name.match_indices('(') {
        let (Some(before), Some(rest)) = (name.get(seen..bracket), name.get(bracket..)) else { continue };
        if rest.starts_with(ANONYMOUS) {
            seen = bracket + ANONYMOUS.len();
        } else if before.ends_with("operator") && rest.starts_with("()") {
            seen = bracket + 2;
        } else {
            return name.get(..bracket).unwrap_or(name);
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_cut_and_reserved_parentheses_are_not() {
        assert_eq!(simple_name("main.f"), "main.f");
        assert_eq!(simple_name("f(int, void (*)())"), "f");
        assert_eq!(simple_name(".f(int)"), "f");
        assert_eq!(simple_name("(anonymous namespace)::f(int)"), "(anonymous namespace)::f");
        assert_eq!(simple_name("a::operator()(int)"), "a::operator()");
        assert_eq!(simple_name("a::operator()<b(c)>"), "a::operator()<b");
    }
}

//! Which value of each sample somebody means.

/// The position of the sample type that `asked` names, by its name or its position, among the `names` of a profile's
/// sample types: by default the one named `default`, otherwise the last.
///
/// # Errors
/// Why there is none, as pprof says it.
///
/// ```
/// use rgops_pprof::profile::sample_type_position;
///
/// let names = ["samples", "cpu", "space"];
/// assert_eq!(sample_type_position(&names, "cpu", ""), Ok(1));
/// assert_eq!(sample_type_position(&names, "", ""), Ok(2));
/// assert_eq!(sample_type_position(&names, "cpu", "0"), Ok(0));
/// assert_eq!(sample_type_position(&names, "cpu", "inuse_space"), Ok(2));
/// let why = sample_type_position(&names, "cpu", "3").unwrap_err();
/// assert_eq!(why, "sample_index 3 is outside the range [0..2]");
/// ```
pub fn sample_type_position<T: AsRef<str>>(names: &[T], default: &str, asked: &str) -> Result<usize, String> {
    let named = |wanted: &str| names.iter().position(|name| name.as_ref() == wanted);
    if asked.is_empty() {
        let found = if default.is_empty() { None } else { named(default) };
        let found = found.or_else(|| names.len().checked_sub(1));
        return found.ok_or_else(|| format!("invalid sample_index {asked:?}"));
    }
    if let Ok(number) = asked.parse::<i64>() {
        let found = usize::try_from(number).ok().filter(|at| *at < names.len());
        let last = names.len() as i64 - 1;
        return found.ok_or_else(|| format!("sample_index {asked} is outside the range [0..{last}]"));
    }
    // Older options say `inuse_space` for what older profiles name `space`.
    let short = asked.strip_prefix("inuse_").unwrap_or(asked);
    let found = names.iter().position(|name| name.as_ref() == asked || name.as_ref() == short);
    found.ok_or_else(|| {
        let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
        format!("sample_index {asked:?} must be one of: [{}]", names.join(" "))
    })
}

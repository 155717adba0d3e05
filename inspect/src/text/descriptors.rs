//! That a program has few descriptors left: the cause of errors that name something else.

/// With at most this many descriptors left, or a twentieth, it is said first.
const FEW: u64 = 4;

/// `63 of 64 descriptors are open`, if that leaves few.
pub fn few_left(open: u64, limit: u64) -> Option<String> {
    let left = limit.saturating_sub(open);
    (left <= FEW || left < limit / 20).then(|| format!("{open} of {limit} descriptors are open"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_said_when_few_are_left() {
        assert_eq!(few_left(63, 64).as_deref(), Some("63 of 64 descriptors are open"));
        assert_eq!(few_left(59, 64), None);
        assert!(few_left(960, 1000).is_some() && few_left(900, 1000).is_none());
    }
}

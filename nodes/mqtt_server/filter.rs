//! Topics and topic filters as a server sees them: their bounds, and the share group that a filter may name.

use crate::mqtt::topic;

/// A filter to subscribe to, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Filter<'a> {
    /// The NAME of `$share/NAME/FILTER`.
    pub group: Option<&'a str>,
    pub levels: &'a str,
}

/// How long topics and filters may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    pub bytes: usize,
    pub levels: usize,
}

impl Bounds {
    pub fn hold(&self, topic: &str) -> bool {
        topic.len() <= self.bytes && topic.split('/').count() <= self.levels
    }
}

/// Nothing where it is no filter.
pub fn parse(filter: &str) -> Option<Filter<'_>> {
    if topic::wrong_filter(filter).is_some() {
        return None;
    }
    match filter.strip_prefix("$share/").and_then(|shared| shared.split_once('/')) {
        Some((group, levels)) => Some(Filter { group: Some(group), levels }),
        None => Some(Filter { group: None, levels: filter }),
    }
}

/// Whether all that matches `inner` matches `outer` too.
pub fn covers(outer: &str, inner: &str) -> bool {
    // Wildcards at the start do not mean what begins with $.
    if inner.starts_with('$') && outer.starts_with(['+', '#']) {
        return false;
    }
    let (mut outer, mut inner) = (outer.split('/'), inner.split('/'));
    loop {
        match (outer.next(), inner.next()) {
            (Some("#"), _) | (None, None) => return true,
            (Some("+"), Some(level)) if level != "#" => {}
            (Some(a), Some(b)) if a == b => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_taken_apart() {
        assert_eq!(parse("a/+"), Some(Filter { group: None, levels: "a/+" }));
        assert_eq!(parse("$share/g/a/#"), Some(Filter { group: Some("g"), levels: "a/#" }));
        for wrong in ["", "a/#/b", "a+", "$share/g", "$share//a", "$share/+/a"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_filter_covers_what_is_in_it() {
        for (outer, inner, expected) in [
            ("#", "a/b", true),
            ("#", "+/#", true),
            ("#", "$SYS/#", false),
            ("$SYS/#", "$SYS/#", true),
            ("a/+", "a/b", true),
            ("a/+", "a/+", true),
            ("a/+", "a/#", false),
            ("a/#", "a", true),
            ("a/#", "a/+/c", true),
            ("a/b", "a/+", false),
            ("a/b", "a/b/c", false),
        ] {
            assert_eq!(covers(outer, inner), expected, "{outer} {inner}");
        }
    }

    #[test]
    fn topics_are_bounded() {
        let bounds = Bounds { bytes: 8, levels: 3 };
        assert!(bounds.hold("a/b/c"));
        assert!(!bounds.hold("a/b/c/d") && !bounds.hold("abcdefghi"));
    }
}

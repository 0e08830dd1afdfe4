//! Topics and topic filters.

/// What is wrong with a topic to publish to.
pub fn wrong_topic(topic: &str) -> Option<&'static str> {
    match topic {
        "" => Some("there is no topic: set msg.topic, or the topic of the node"),
        _ if topic.contains(['+', '#']) => Some("a topic to publish to has no wildcards (+ and #)"),
        _ if topic.contains(char::is_control) => Some("the topic has a control character in it"),
        _ if topic.len() > 65_535 => Some("the topic is longer than 65535 bytes"),
        _ => None,
    }
}

/// What is wrong with a filter to subscribe to.
pub fn wrong_filter(filter: &str) -> Option<&'static str> {
    if filter.is_empty() {
        return Some("there is no topic");
    }
    if filter.len() > 65_535 {
        return Some("the topic is longer than 65535 bytes");
    }
    if filter.contains('\0') {
        return Some("the topic has a zero character in it");
    }
    let levels = match filter.strip_prefix("$share/") {
        None => filter,
        Some(shared) => match shared.split_once('/') {
            Some((name, levels)) if !name.is_empty() && !name.contains(['+', '#']) && !levels.is_empty() => {
                levels
            }
            _ => return Some("a shared subscription reads $share/NAME/FILTER"),
        },
    };
    let mut levels = levels.split('/').peekable();
    while let Some(level) = levels.next() {
        match level {
            "#" if levels.peek().is_some() => return Some("# stands only at the end of a topic"),
            "#" | "+" => {}
            _ if level.contains(['+', '#']) => {
                return Some("+ and # each stand for a whole level: a/+/b, a/#");
            }
            _ => {}
        }
    }
    None
}

/// Whether a message of this topic is for a subscription.
pub fn matches(filter: &str, topic: &str) -> bool {
    let filter = match filter.strip_prefix("$share/") {
        Some(shared) => shared.split_once('/').map_or("", |(_, filter)| filter),
        None => filter,
    };
    // What begins with $ is the broker's own, and a wildcard at the start does not mean it.
    if topic.starts_with('$') && filter.starts_with(['+', '#']) {
        return false;
    }
    let (mut filters, mut topics) = (filter.split('/'), topic.split('/'));
    loop {
        match (filters.next(), topics.next()) {
            (Some("#"), _) | (None, None) => return true,
            (Some("+"), Some(_)) => {}
            (Some(filter), Some(topic)) if filter == topic => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_match_as_the_standard_says() {
        for (filter, topic, expected) in [
            ("#", "a/b", true),
            ("#", "$SYS/x", false),
            ("$SYS/#", "$SYS/x", true),
            ("+/x", "$SYS/x", false),
            ("a/#", "a", true),
            ("a/#", "a/b/c", true),
            ("a/+", "a/b", true),
            ("a/+", "a/b/c", false),
            ("a/+", "a", false),
            ("+", "/a", false),
            ("+/+", "/a", true),
            ("a", "a/", false),
            ("a/+/c", "a//c", true),
            ("$share/g/a/+", "a/b", true),
            ("$share/g/#", "a/b", true),
            ("A", "a", false),
        ] {
            assert_eq!(matches(filter, topic), expected, "{filter} {topic}");
        }
    }

    #[test]
    fn what_is_wrong_is_found() {
        for good in ["#", "a", "/", "a/#", "+/b", "a//b", "$share/g/a/#", "$SYS/#", "a b"] {
            assert_eq!(wrong_filter(good), None, "{good}");
        }
        for bad in ["", "a/#/b", "a#", "a+/b", "$share/g", "$share//a", "$share/+/a", "a\0"] {
            assert!(wrong_filter(bad).is_some(), "{bad}");
        }
        assert_eq!(wrong_topic("a/b"), None);
        for bad in ["", "a/+", "#", "a\nb", "a\0"] {
            assert!(wrong_topic(bad).is_some(), "{bad:?}");
        }
    }
}

//! Topics of `/comms`: `status/a1b2`, and patterns of MQTT's kind, `status/+` and `notification/#`.

/// A pattern that a client may ask for.
pub fn is_valid(pattern: &str) -> bool {
    const LONGEST: usize = 256;
    (1..=LONGEST).contains(&pattern.len())
        && pattern.split('/').enumerate().all(|(n, level)| match level {
            "#" => n + 1 == pattern.split('/').count(),
            "+" => true,
            level => !level.contains(['+', '#']),
        })
}

pub fn matches(pattern: &str, topic: &str) -> bool {
    let mut topic = topic.split('/');
    for level in pattern.split('/') {
        match (level, topic.next()) {
            ("#", _) => return true,
            ("+", Some(_)) => {}
            (level, Some(found)) if level == found => {}
            _ => return false,
        }
    }
    topic.next().is_none()
}

/// Whether a pattern may match topics that begin with this level.
pub fn may_begin(pattern: &str, first: &str) -> bool {
    matches!(pattern.split('/').next(), Some(level) if level == "#" || level == "+" || level == first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_those_of_mqtt_do() {
        for (pattern, topic, is) in [
            ("debug", "debug", true),
            ("debug", "debug/x", false),
            ("status/#", "status/a", true),
            ("status/#", "status", true),
            ("status/+", "status/a", true),
            ("status/+", "status/a/b", false),
            ("#", "notification/runtime-deploy", true),
            ("+/a", "status/a", true),
            ("status", "status/a", false),
            ("notification/#", "debug", false),
        ] {
            assert_eq!(matches(pattern, topic), is, "{pattern} {topic}");
            let first = topic.split('/').next().unwrap();
            assert!(!is || may_begin(pattern, first), "{pattern} {topic}");
        }
        for wrong in ["", "a/#/b", "a#", "st+tus/x", &"x".repeat(300)] {
            assert!(!is_valid(wrong), "{wrong}");
        }
        assert!(is_valid("#") && is_valid("status/+") && is_valid("notification/#"));
    }
}

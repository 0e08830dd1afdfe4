//! Did you mean: near names.

/// The nearest of these names, at most three, when they are near enough to be what was meant.
pub fn nearest<'a>(name: &str, among: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    /// A name this long is no slip of a finger, and comparing it would take its time.
    const LONGEST: usize = 100;
    if name.is_empty() || name.len() > LONGEST {
        return Vec::new();
    }
    let lower = name.to_lowercase();
    let mut near: Vec<(f64, &str)> = among
        .into_iter()
        .filter(|other| !other.is_empty() && other.len() <= LONGEST)
        .filter_map(|other| {
            let score = likeness(&lower, &other.to_lowercase());
            (score >= 0.7).then_some((score, other))
        })
        .collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
    near.dedup_by(|a, b| a.1 == b.1);
    // Far behind the best one, nobody means it.
    let best = near.first().map_or(0.0, |(score, _)| *score);
    near.into_iter().take_while(|(score, _)| best - score < 0.15).take(3).map(|(_, name)| name).collect()
}

/// From 0 to 1. One slip in a short name counts as near; so does a part of a long one (`mqtt` of `mqtt in`).
fn likeness(name: &str, other: &str) -> f64 {
    if name == other {
        return 1.0;
    }
    let edits = strsim::osa_distance(name, other);
    let longest = name.chars().count().max(other.chars().count());
    let by_edits = 1.0 - edits as f64 / longest as f64;
    let one_slip = if edits == 1 && longest >= 3 { 0.8 } else { 0.0 };
    let shorter = name.len().min(other.len());
    let prefix = shorter >= 3 && (name.starts_with(other) || other.starts_with(name));
    let by_prefix = if prefix { 0.72 + 0.2 * shorter as f64 / longest as f64 } else { 0.0 };
    by_edits.max(one_slip).max(by_prefix)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TYPES: &[&str] = &["switch", "change", "mqtt in", "mqtt out", "template", "rbe", "batch"];

    fn near(name: &str) -> Vec<&'static str> {
        nearest(name, TYPES.iter().copied())
    }

    #[test]
    fn slips_are_found() {
        assert_eq!(near("swich"), ["switch"]);
        assert_eq!(near("Switch"), ["switch"]);
        assert_eq!(near("chnage"), ["change"]);
        assert_eq!(near("rb"), ["rbe"]);
        assert_eq!(near("rbf"), ["rbe"]);
    }

    #[test]
    fn a_part_is_enough() {
        assert_eq!(near("mqtt"), ["mqtt in", "mqtt out"]);
        assert_eq!(near("mqtt-in"), ["mqtt in"]);
    }

    #[test]
    fn what_is_far_is_not_said() {
        assert_eq!(near("ui_gauge"), Vec::<&str>::new());
        assert_eq!(near(""), Vec::<&str>::new());
        assert_eq!(near(&"x".repeat(10_000)), Vec::<&str>::new());
    }
}

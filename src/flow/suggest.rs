//! Did you mean: near names.

/// The nearest of these names, at most three, when they are near enough to be what was meant.
pub fn nearest<'a>(name: &str, among: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let _ = name;
    among.into_iter().take(0).collect()
}

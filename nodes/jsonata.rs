//! JSONata expressions, parsed once and evaluated against a message.
//!
//! Bounded: real time (the setting `script_time`), depth of calls, length of sequences, depth of values, regular
//! expressions (they never back-track). Not bounded, because the library gives no handle: the length of a text that is
//! doubled in a loop, other than by time; and one call of one built-in function runs to its end before time is looked
//! at. `$toMillis` with a picture that has no date takes the day from the real clock.

#[cfg(feature = "jsonata")]
mod ask;
#[cfg(feature = "jsonata")]
mod convert;
#[cfg(feature = "jsonata")]
mod expression;
#[cfg(not(feature = "jsonata"))]
mod missing;

#[cfg(feature = "jsonata")]
pub use expression::Expression;
#[cfg(not(feature = "jsonata"))]
pub use missing::Expression;

/// The start of an expression, for an error.
fn shown(text: &str) -> String {
    const LONGEST: usize = 80;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("`{}...`", &text[..end]),
        None => format!("`{text}`"),
    }
}

#[cfg(all(test, not(feature = "jsonata")))]
mod tests {
    use super::*;

    #[test]
    fn without_the_feature_the_expression_is_named() {
        let error = Expression::parse("$sum(payload)").unwrap_err();
        assert!(error.message().contains("`$sum(payload)`"), "{error}");
    }
}

//! What the rule `change` searches for, and how it replaces it.

use super::rule::Place;
use crate::error::NodeError;
use crate::pattern::Pattern;
use crate::value::{Str, Value};

pub enum From {
    Fixed(Search),
    /// It is what stands there when the message comes.
    Looked(Place),
}

pub enum Search {
    Text(String),
    /// Text, but not as all of a property.
    Part(String),
    Number {
        number: f64,
        text: String,
    },
    Bool(String),
    Pattern(Pattern),
}

impl Search {
    pub fn pattern(text: &str) -> Result<Search, NodeError> {
        Pattern::new(text, false).map(Search::Pattern)
    }

    /// A value that was looked up. It must be text, a number or a boolean.
    pub fn of(value: Option<&Value>) -> Result<Search, NodeError> {
        match value {
            Some(Value::Str(text)) => Ok(Search::Text(text.to_string())),
            // The text of a number that was looked up is not searched for: only numbers equal it.
            Some(Value::Int(_) | Value::Float(_)) => {
                Ok(Search::Number { number: value.map_or(f64::NAN, Value::to_number), text: String::new() })
            }
            // As in Node-RED no value equals a boolean that was looked up.
            Some(Value::Bool(_)) => Ok(Search::Bool(String::new())),
            other => {
                let kind = match other {
                    None => "undefined",
                    Some(_) => "object",
                };
                Err(NodeError::rejected(format!("Invalid 'from' property: unsupported type: {kind}")))
            }
        }
    }

    /// The value with what was searched for replaced by `to`; `None` where nothing is to change.
    /// `Some(None)` sets it to `undefined`.
    pub fn replace(
        &self,
        current: &Value,
        to: Option<&Value>,
        to_bool: bool,
    ) -> Result<Option<Option<Value>>, NodeError> {
        let whole = || Ok(Some(to.cloned()));
        match (current, self) {
            (Value::Str(current), Search::Text(text)) if current.as_str() == text => whole(),
            (Value::Str(current), Search::Number { text, .. } | Search::Bool(text))
                if !text.is_empty() && current.as_str() == text =>
            {
                whole()
            }
            (Value::Str(current), _) => self.replace_in(current, to, to_bool),
            (Value::Int(_) | Value::Float(_), Search::Number { number, .. })
                if current.to_number() == *number =>
            {
                whole()
            }
            (Value::Bool(current), Search::Bool(text)) if current.to_string() == *text => whole(),
            _ => Ok(None),
        }
    }

    fn replace_in(
        &self,
        current: &Str,
        to: Option<&Value>,
        to_bool: bool,
    ) -> Result<Option<Option<Value>>, NodeError> {
        let by = to.map_or(Str::new_static("undefined"), Value::to_text);
        let replaced = match self {
            Search::Pattern(pattern) => pattern.replace_all(current, &by)?,
            Search::Text(text) | Search::Part(text) => replace_text(current, text, &by),
            Search::Number { text, .. } | Search::Bool(text) if !text.is_empty() => {
                replace_text(current, text, &by)
            }
            Search::Number { .. } | Search::Bool(_) => return Ok(None),
        };
        Ok(match to {
            // Where all of it became "true" or "false" it is a boolean.
            Some(to) if to_bool && replaced == by => Some(Some(to.clone())),
            _ if replaced == current.as_str() => None,
            _ => Some(Some(Value::from(replaced))),
        })
    }
}

/// Replaces every occurrence of a text. As in JavaScript `$$`, `$&`, `` $` `` and `$'` in the replacement have a meaning.
fn replace_text(current: &str, text: &str, by: &str) -> String {
    if !by.contains('$') {
        return current.replace(text, by);
    }
    let mut out = String::with_capacity(current.len());
    let mut last = 0;
    for (at, found) in current.match_indices(text) {
        out.push_str(&current[last..at]);
        last = at + found.len();
        let mut rest = by;
        while let Some((before, after)) = rest.split_once('$') {
            out.push_str(before);
            let meaning = match after.bytes().next() {
                Some(b'$') => "$",
                Some(b'&') => found,
                Some(b'`') => &current[..at],
                Some(b'\'') => &current[last..],
                _ => {
                    out.push('$');
                    rest = after;
                    continue;
                }
            };
            out.push_str(meaning);
            rest = &after[1..];
        }
        out.push_str(rest);
    }
    out.push_str(&current[last..]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_replaced_as_javascript_does() {
        for (current, text, by, expected) in [
            ("a.b.c", ".", "-", "a-b-c"),
            ("abc", "", "-", "-a-b-c-"),
            ("xax", "a", "[$&$$$1$`$']", "x[a$$1xx]x"),
            ("abc", "z", "$", "abc"),
        ] {
            assert_eq!(replace_text(current, text, by), expected, "{current} {text} {by}");
        }
    }
}

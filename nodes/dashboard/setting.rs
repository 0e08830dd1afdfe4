//! Properties of a widget that the page is told, bounded whether they come from the flow file or in a message.

use crate::value::{Object, Str, Value};

/// One of them, by its name in the flow file.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    pub name: &'static str,
    pub kind: Kind,
    /// Whether `msg.ui_update` may change it.
    pub live: bool,
}

#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// At most so many characters.
    Text(usize),
    Number,
    Flag,
    /// As CSS writes it; anything else is none.
    Colour,
    /// A list of at most so many objects, with these keys.
    List(usize, &'static [(&'static str, Kind)]),
    Colours(usize),
}

/// A label is for reading at a glance.
pub const LABEL: usize = 200;
/// Units, icons and the names of choices.
pub const WORD: usize = 60;

impl Setting {
    /// One that stays as the flow file has it.
    pub const fn fixed(name: &'static str, kind: Kind) -> Setting {
        Setting { name, kind, live: false }
    }

    pub const fn live(name: &'static str, kind: Kind) -> Setting {
        Setting { name, kind, live: true }
    }
}

impl Kind {
    /// The value as it may be shown; `None` for one that makes no sense here.
    pub fn bounded(self, value: &Value) -> Option<Value> {
        match self {
            Kind::Text(most) => match value {
                Value::Null => Some(Value::str("")),
                Value::Str(_) | Value::Bool(_) | Value::Int(_) | Value::Float(_) => {
                    Some(Value::Str(cut(&value.to_text(), most)))
                }
                _ => None,
            },
            Kind::Number => match value {
                Value::Null => Some(Value::Null),
                Value::Str(text) if text.trim().is_empty() => Some(Value::Null),
                Value::Str(_) | Value::Int(_) | Value::Float(_) => {
                    Some(value.to_number()).filter(|n| n.is_finite()).map(Value::number)
                }
                _ => None,
            },
            Kind::Flag => match value {
                Value::Bool(_) => Some(value.clone()),
                Value::Str(text) => Some(Value::Bool(text == "true")),
                _ => None,
            },
            Kind::Colour => Some(Value::Str(colour(value))),
            Kind::Colours(most) => Some(Value::array(
                value.as_array()?.iter().take(most).map(|one| colour(one).into()).collect(),
            )),
            Kind::List(most, keys) => {
                let item = |item: &Value| Some(Value::Object(object(item.as_object()?, keys)));
                Some(Value::array(value.as_array()?.iter().filter_map(item).take(most).collect()))
            }
        }
    }
}

fn object(object: &Object, keys: &[(&'static str, Kind)]) -> Object {
    let bounded = |(name, kind): &(&'static str, Kind)| Some((*name, kind.bounded(object.get(name)?)?));
    keys.iter().filter_map(bounded).collect()
}

/// The beginning of a text that is too long, with dots behind.
pub fn cut(text: &str, most: usize) -> Str {
    match text.char_indices().nth(most) {
        Some((at, _)) => Str::from(format!("{}…", &text[..at])),
        None => Str::new(text),
    }
}

/// A colour, or nothing: what is no colour would be CSS of somebody else's.
fn colour(value: &Value) -> Str {
    let text = value.as_str().unwrap_or_default().trim();
    let is_name = (1..=30).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphabetic());
    let is_hex = text.strip_prefix('#').is_some_and(|digits| {
        (3..=8).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_hexdigit())
    });
    let is_function = ["rgb(", "rgba(", "hsl(", "hsla("].iter().any(|name| {
        let inside = text.strip_prefix(name).and_then(|rest| rest.strip_suffix(')'));
        inside.is_some_and(|inside| {
            inside.len() <= 40 && inside.bytes().all(|b| b.is_ascii_digit() || b" ,.%/".contains(&b))
        })
    });
    if is_name || is_hex || is_function { Str::new(text) } else { Str::new("") }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;

    fn bounded(kind: Kind, value: Json) -> Option<Json> {
        kind.bounded(&Value::from(&value)).map(|value| serde_json::to_value(&value).unwrap())
    }

    #[test]
    fn what_is_too_long_or_of_another_kind_does_not_reach_the_page() {
        assert_eq!(bounded(Kind::Text(3), json!("éàüx")), Some(json!("éàü…")));
        assert_eq!(bounded(Kind::Text(9), json!(12)), Some(json!("12")));
        assert_eq!(bounded(Kind::Text(9), json!({"a": 1})), None);
        assert_eq!(bounded(Kind::Number, json!("1.5")), Some(json!(1.5)));
        assert_eq!(bounded(Kind::Number, json!("")), Some(json!(null)));
        assert_eq!(bounded(Kind::Number, json!("many")), None);
        assert_eq!(bounded(Kind::Flag, json!("true")), Some(json!(true)));
        assert_eq!(bounded(Kind::Flag, json!(1)), None);
        let list = Kind::List(2, &[("from", Kind::Number), ("color", Kind::Colour)]);
        assert_eq!(
            bounded(list, json!([{"from": "1", "color": "red", "x": 1}, 7, {"from": 2}, {"from": 3}])),
            Some(json!([{"from": 1, "color": "red"}, {"from": 2}]))
        );
    }

    #[test]
    fn only_colours_are_colours() {
        for good in ["red", "#fff", "#00B500", "rgb(1, 2, 3)", "hsla(120 50% 50% / .5)"] {
            assert_eq!(bounded(Kind::Colour, json!(good)), Some(json!(good)));
        }
        for bad in ["url(x)", "#ggg", "red;background:url(x)", "rgb(1,2,3);x", "var(--x)", "#12"] {
            assert_eq!(bounded(Kind::Colour, json!(bad)), Some(json!("")), "{bad}");
        }
    }
}

//! `${NAME}` as the whole text of a property stands for a setting, at any depth of a node's properties.

use serde_json::{Map, Value as Json};
use tidegate_nodes::descriptor::{Field, FieldKind};

use super::env::EnvChain;
use super::text;

/// A `${NAME}` that no setting has.
pub(super) struct Missing {
    pub name: String,
    /// Where it stands in the node.
    pub pointer: String,
}

/// What came of it.
#[derive(Default)]
pub(super) struct Substituted {
    pub missing: Vec<Missing>,
    /// Whether anything was replaced.
    pub any: bool,
    /// About how much larger the properties have become.
    pub bytes: usize,
}

/// Properties that say what the node is and where, not what it does.
const FIXED: &[&str] = &["id", "type", "z", "g", "wires", "x", "y", "info"];

/// Replaces every `${NAME}` that is set. What is not set stays, as in Node-RED, and is reported,
/// except in code, where such a text means something else.
pub(super) fn substitute(
    properties: &mut Map<String, Json>,
    fields: &[Field],
    settings: &EnvChain,
) -> Substituted {
    let mut substituted = Substituted::default();
    for (key, value) in properties.iter_mut().filter(|(key, _)| !FIXED.contains(&key.as_str())) {
        let code = fields.iter().any(|field| field.name == key && matches!(field.kind, FieldKind::Code(_)));
        let before = substituted.missing.len();
        replace(value, &mut format!("/{}", text::escape(key)), settings, &mut substituted);
        if code {
            substituted.missing.truncate(before);
        }
    }
    substituted
}

fn replace(value: &mut Json, pointer: &mut String, settings: &EnvChain, substituted: &mut Substituted) {
    let end = pointer.len();
    match value {
        Json::String(text) => {
            let Some((name, old_form)) = reference(text) else { return };
            match settings.get(name) {
                // Every value can be said in JSON.
                Some(found) => {
                    substituted.bytes += found.weight();
                    *value = serde_json::to_value(found).unwrap_or_default();
                    substituted.any = true;
                }
                // `$(x)` is JSONata as well, and is not taken for a reference when it is none.
                None if old_form => {}
                None => {
                    let name = name.to_string();
                    substituted.missing.push(Missing { name, pointer: pointer.clone() });
                }
            }
        }
        Json::Array(items) => {
            for (at, item) in items.iter_mut().enumerate() {
                pointer.push_str(&format!("/{at}"));
                replace(item, pointer, settings, substituted);
                pointer.truncate(end);
            }
        }
        Json::Object(map) => {
            for (key, item) in map.iter_mut() {
                pointer.push('/');
                pointer.push_str(&text::escape(key));
                replace(item, pointer, settings, substituted);
                pointer.truncate(end);
            }
        }
        Json::Null | Json::Bool(_) | Json::Number(_) => {}
    }
}

/// The name in `${NAME}`, or in `$(NAME)`, the old form.
pub(super) fn reference(text: &str) -> Option<(&str, bool)> {
    let new_form = || Some((text.strip_prefix("${")?.strip_suffix('}')?, false));
    let old_form = || Some((text.strip_prefix("$(")?.strip_suffix(')')?, true));
    new_form().or_else(old_form).filter(|(name, _)| !name.is_empty() && !name.contains(char::is_whitespace))
}

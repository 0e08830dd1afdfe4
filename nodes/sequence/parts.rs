//! What the nodes of this family share: `msg.parts`, and groups of held messages.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value as Json;

use crate::error::NodeError;
use crate::value::{Object, Str, Value};

/// `msg.parts` of a message. Anything but an object there says nothing, as in JavaScript.
pub fn parts(msg: &Object) -> Option<&Object> {
    msg.get("parts").and_then(Value::as_object)
}

/// `msg.parts` to write into, made where it is missing.
pub fn parts_mut(msg: &mut Object) -> &mut Object {
    let slot = msg.entry(Str::new_static("parts"));
    if !matches!(slot, Value::Object(_)) {
        *slot = Value::Object(Object::new());
    }
    match slot {
        Value::Object(parts) => parts,
        _ => unreachable!("the slot was just made an object"),
    }
}

/// Takes the finished level of `msg.parts` off: the one below comes back, or none is left.
pub fn pop(msg: &mut Object) {
    match parts(msg).and_then(|parts| parts.get("parts")).cloned() {
        Some(outer) => msg.insert("parts", outer),
        None => {
            msg.remove("parts");
        }
    }
}

/// The key of a group: ids compare as JavaScript compares the keys of an object.
pub fn group_id(id: Option<&Value>) -> Str {
    id.map_or(Str::new_static("undefined"), Value::to_text)
}

/// The escapes that Node-RED knows in delimiters. A `\e` is a plain `e` there.
pub fn unescape(text: &str) -> String {
    let mut text = text.to_string();
    for (escape, means) in
        [("\\n", "\n"), ("\\r", "\r"), ("\\t", "\t"), ("\\e", "e"), ("\\f", "\u{c}"), ("\\0", "\0")]
    {
        text = text.replace(escape, means);
    }
    text
}

/// A list of bytes as a flow file has it: JSON in text, or the list itself. The numbers come back as they stand, for
/// `parts.ch`, and as the low bytes that JavaScript keeps of them.
pub fn bytes(json: &Json, pointer: &str) -> Result<(Value, Vec<u8>), NodeError> {
    let wrong = || NodeError::config(pointer, "a buffer is a list of numbers from 0 to 255: [13, 10]");
    let list = match json {
        Json::String(text) => serde_json::from_str(text).map_err(|_| wrong())?,
        other => other.clone(),
    };
    let Json::Array(items) = &list else { return Err(wrong()) };
    let bytes = items.iter().map(|n| n.as_f64().map_or(0, |n| (n as i64 & 0xff) as u8)).collect();
    Ok((Value::from(&list), bytes))
}

/// A property as text, or what Node-RED takes instead of nothing.
pub fn or_default(text: String, default: &str) -> String {
    if text.is_empty() { default.to_string() } else { text }
}

/// Groups by id, in the order in which they began. The number of a group is never used again: it names its timer.
#[derive(Debug)]
pub struct Groups<G> {
    numbers: HashMap<Str, u64>,
    groups: BTreeMap<u64, (Str, G)>,
    next: u64,
}

impl<G> Default for Groups<G> {
    fn default() -> Groups<G> {
        Groups { numbers: HashMap::new(), groups: BTreeMap::new(), next: 0 }
    }
}

impl<G> Groups<G> {
    pub fn number(&self, id: &str) -> Option<u64> {
        self.numbers.get(id).copied()
    }

    pub fn get_mut(&mut self, number: u64) -> Option<&mut G> {
        self.groups.get_mut(&number).map(|(_, group)| group)
    }

    /// The group of this id, begun where there is none, and its number.
    pub fn entry(&mut self, id: &Str, begin: impl FnOnce() -> G) -> (u64, &mut G) {
        let number = *self.numbers.entry(id.clone()).or_insert_with(|| {
            self.next += 1;
            self.next
        });
        (number, &mut self.groups.entry(number).or_insert_with(|| (id.clone(), begin())).1)
    }

    pub fn remove(&mut self, number: u64) -> Option<G> {
        let (id, group) = self.groups.remove(&number)?;
        self.numbers.remove(&id);
        Some(group)
    }

    /// The group that began first.
    pub fn first(&self) -> Option<(u64, &G)> {
        self.groups.iter().next().map(|(number, (_, group))| (*number, group))
    }

    pub fn remove_first(&mut self) -> Option<G> {
        self.first().map(|(number, _)| number).and_then(|number| self.remove(number))
    }

    /// The groups, the oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &G> {
        self.groups.values().map(|(_, group)| group)
    }

    /// All groups, the oldest first; none is left.
    pub fn take_all(&mut self) -> impl Iterator<Item = (u64, G)> + use<G> {
        self.numbers.clear();
        std::mem::take(&mut self.groups).into_iter().map(|(number, (_, group))| (number, group))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_node_reds() {
        assert_eq!(unescape(r"a\nb\tc\0\e\x"), "a\nb\tc\0e\\x");
    }

    #[test]
    fn bytes_are_a_list_in_text_or_as_it_is() {
        let (shown, low) = bytes(&Json::from("[52, 300]"), "/splt").unwrap();
        assert_eq!((shown.to_json().as_str(), low.as_slice()), ("[52,300]", &[52, 44][..]));
        assert!(bytes(&serde_json::json!([1]), "/splt").is_ok());
        for wrong in ["", "5", "\"a\"", "[1"] {
            assert!(bytes(&Json::from(wrong), "/splt").is_err(), "{wrong}");
        }
    }

    #[test]
    fn groups_keep_their_order_and_never_reuse_a_number() {
        let mut groups = Groups::default();
        for (id, value) in [("b", 1), ("a", 2), ("b", 3)] {
            *groups.entry(&Str::new(id), || 0).1 += value;
        }
        let first = groups.first().map(|(number, group)| (number, *group));
        assert_eq!(first, Some((1, 4)));
        assert_eq!(groups.remove(1), Some(4));
        assert_eq!(groups.entry(&Str::new("b"), || 5).0, 3);
        assert_eq!(groups.take_all().collect::<Vec<_>>(), [(2, 2), (3, 5)]);
        assert!(groups.first().is_none() && groups.number("a").is_none());
    }
}

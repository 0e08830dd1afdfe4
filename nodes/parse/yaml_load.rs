//! YAML text to a value, as js-yaml's `load` reads it: its types, merge keys, and one document only.
//!
//! On saphyr-parser's events: of the kept YAML crates the one that parses all of YAML 1.2 without unsafe code and leaves
//! the meaning of scalars to us. Those on serde resolve them by rules of their own and build a second tree.

use std::collections::{HashMap, HashSet};

use saphyr_parser::{Event, Parser, Tag};

use super::yaml_scalar::{is_plain, scalar};
use crate::value::{Object, Str, Value};

/// As deep as JSON may be nested.
const MAX_DEPTH: usize = 128;
/// Aliases make much of little ("billion laughs"): what one document may grow to, counted in values.
const MAX_VALUES: usize = 1_000_000;

/// The document; `None` where there is none, which is JavaScript's `undefined`.
pub fn load(text: &str) -> Result<Option<Value>, String> {
    let mut loader = Loader { open: Vec::new(), anchors: HashMap::new(), values: 0, document: None };
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| error.to_string())?;
        loader.event(event).map_err(|what| {
            format!("{what} at line {} column {}", span.start.line(), span.start.col() + 1)
        })?;
    }
    // As js-yaml: a text of comments alone is null, no text at all is undefined.
    Ok(loader.document.or_else(|| (!text.is_empty()).then_some(Value::Null)))
}

struct Loader {
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    values: usize,
    document: Option<Value>,
}

/// A value, and what it counts for where an alias repeats it.
#[derive(Clone)]
struct Node {
    value: Value,
    is_merge: bool,
    depth: usize,
    values: usize,
}

/// A list or mapping that is not closed yet.
struct Open {
    anchor: usize,
    depth: usize,
    values: usize,
    kind: Kind,
}

enum Kind {
    List(Vec<Value>),
    /// `merged`: keys that came by a merge, which the mapping's own may replace.
    Map {
        object: Object,
        key: Option<Key>,
        merged: HashSet<Str>,
    },
}

enum Key {
    Text(Str),
    Merge,
}

impl Loader {
    fn event(&mut self, event: Event<'_>) -> Result<(), String> {
        match event {
            Event::DocumentStart(_) if self.document.is_some() => {
                Err("expected a single document in the stream, but found more".to_string())
            }
            Event::Scalar(text, style, anchor, tag) => {
                let (value, is_merge) = scalar(&text, style, tag.as_deref())?;
                self.add(anchor, Node { value, is_merge, depth: 0, values: 1 })
            }
            Event::SequenceStart(anchor, tag) => {
                known(tag.as_deref(), &["seq", "omap", "pairs"])?;
                self.start(anchor, Kind::List(Vec::new()))
            }
            Event::MappingStart(anchor, tag) => {
                known(tag.as_deref(), &["map", "set"])?;
                self.start(anchor, Kind::Map { object: Object::new(), key: None, merged: HashSet::new() })
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            Event::Alias(anchor) => match self.anchors.get(&anchor).cloned() {
                Some(node) => self.add(0, node),
                None => Err("an alias inside of what it names".to_string()),
            },
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => Ok(()),
        }
    }

    fn start(&mut self, anchor: usize, kind: Kind) -> Result<(), String> {
        if self.open.len() >= MAX_DEPTH {
            return Err(format!("nested deeper than {MAX_DEPTH} levels"));
        }
        self.open.push(Open { anchor, depth: 0, values: 1, kind });
        Ok(())
    }

    fn end(&mut self) -> Result<(), String> {
        let Some(open) = self.open.pop() else { return Ok(()) };
        let value = match open.kind {
            Kind::List(items) => Value::array(items),
            Kind::Map { object, .. } => Value::Object(object),
        };
        self.add(open.anchor, Node { value, is_merge: false, depth: open.depth + 1, values: open.values })
    }

    /// Puts a finished value where it belongs.
    fn add(&mut self, anchor: usize, node: Node) -> Result<(), String> {
        if self.open.len() + node.depth > MAX_DEPTH {
            return Err(format!("nested deeper than {MAX_DEPTH} levels"));
        }
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        let Some(parent) = self.open.last_mut() else {
            self.document = Some(node.value);
            return Ok(());
        };
        parent.depth = parent.depth.max(node.depth);
        parent.values += node.values;
        self.values = self.values.max(parent.values);
        if self.values > MAX_VALUES {
            return Err(format!("more than {MAX_VALUES} values, aliases counted"));
        }
        match &mut parent.kind {
            Kind::List(items) => items.push(node.value),
            Kind::Map { object, key, merged } => match key.take() {
                None if node.is_merge => *key = Some(Key::Merge),
                None => *key = Some(Key::Text(node.value.to_text())),
                Some(Key::Merge) => match &node.value {
                    Value::Array(list) => list.iter().try_for_each(|one| merge(one, object, merged))?,
                    one => merge(one, object, merged)?,
                },
                Some(Key::Text(name)) if object.contains_key(&name) && !merged.contains(&name) => {
                    return Err(format!("duplicated mapping key \"{name}\""));
                }
                Some(Key::Text(name)) => {
                    merged.remove(&name);
                    object.insert(name, node.value);
                }
            },
        }
        Ok(())
    }
}

/// Takes over the keys that are not there yet.
fn merge(source: &Value, object: &mut Object, merged: &mut HashSet<Str>) -> Result<(), String> {
    let Value::Object(source) = source else {
        return Err("cannot merge mappings; the provided source object is unacceptable".to_string());
    };
    for (key, value) in source.iter() {
        if !object.contains_key(key) {
            object.insert(key.clone(), value.clone());
            merged.insert(key.clone());
        }
    }
    Ok(())
}

fn known(tag: Option<&Tag>, names: &[&str]) -> Result<(), String> {
    match tag {
        Some(tag)
            if !(is_plain(tag) || tag.is_yaml_core_schema() && names.contains(&tag.suffix.as_str())) =>
        {
            Err(format!("unknown tag {tag}"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> String {
        load(text).unwrap().unwrap().to_json()
    }

    #[test]
    fn scalars_are_js_yamls() {
        for (text, expected) in [
            ("[~, null, NULL, true, False, yes]", r#"[null,null,null,true,false,"yes"]"#),
            ("[1, +1, -7, 0x1F, 0o17, 0b11, 0123, 1_000]", r#"[1,1,-7,31,15,3,123,"1_000"]"#),
            ("[1.5, 1e3, .5, -.5, 5., 1.e2, .inf, .nan, e5]", r#"[1.5,1000,0.5,"-.5",5,100,null,null,"e5"]"#),
            ("['1', \"true\", !!str 5, !!int '7', ! 5]", r#"["1","true","5",7,"5"]"#),
            (
                "[2001-12-14, 2001-12-14t21:59:43.10-05:00, 2001-12-15 2:59:43.1 Z, 2001-1-1, 2001-13-01]",
                r#"["2001-12-14T00:00:00.000Z","2001-12-15T02:59:43.100Z","2001-12-15T02:59:43.100Z","2001-1-1","2002-01-01T00:00:00.000Z"]"#,
            ),
            ("!!binary aGk=", r#"{"type":"Buffer","data":[104,105]}"#),
            ("a: |\n  x\n  y\nb: >\n  x\n  y\n", r#"{"a":"x\ny\n","b":"x y\n"}"#),
            ("- - 1\n  - 2\n- {x: &q 5, y: *q}", r#"[[1,2],{"x":5,"y":5}]"#),
            ("? [1,2]\n: x", r#"{"1,2":"x"}"#),
            ("!!set {a, b: }", r#"{"a":null,"b":null}"#),
            ("key: value # c\nk2: a#b\nc:\n- 1", r#"{"key":"value","k2":"a#b","c":[1]}"#),
            ("{1: a, true: b, null: c, 1.0x: d}", r#"{"1":"a","true":"b","null":"c","1.0x":"d"}"#),
        ] {
            assert_eq!(json(text), expected, "{text}");
        }
        assert_eq!(load("").unwrap(), None);
        assert_eq!(json("# nothing\n"), "null");
    }

    #[test]
    fn aliases_and_merges() {
        assert_eq!(json("- &a {x: 1}\n- *a\n"), r#"[{"x":1},{"x":1}]"#);
        assert_eq!(
            json("base: &b {x: 1, y: 2}\nd:\n  x: 9\n  <<: *b\n  z: 3\n"),
            r#"{"base":{"x":1,"y":2},"d":{"x":9,"y":2,"z":3}}"#
        );
        assert_eq!(json("d:\n  <<: [{x: 1}, {x: 2, y: 2}]\n"), r#"{"d":{"x":1,"y":2}}"#);
        assert_eq!(json("d:\n  <<: {x: 1}\n  x: 2\n"), r#"{"d":{"x":2}}"#);
    }

    #[test]
    fn bad_text_is_an_error() {
        let mut laughs = "a0: &a0 [1,1,1,1,1,1,1,1,1,1]\n".to_string();
        for n in 1..9 {
            let list = vec![format!("*a{}", n - 1); 10].join(",");
            laughs.push_str(&format!("a{n}: &a{n} [{list}]\n"));
        }
        let deep = format!("{}1{}", "[".repeat(1000), "]".repeat(1000));
        for text in [
            "a: [1",
            "a: b: c",
            "{a: 1, a: 2}",
            "--- 1\n--- 2\n",
            "!x 1",
            "*none",
            "&a [*a]",
            "\"x",
            &laughs,
            &deep,
        ] {
            assert!(load(text).is_err(), "{text}");
        }
    }
}

//! Rendering a mustache template over a message, as mustache.js 4.2 does with Node-RED's context.

use std::borrow::Cow;

use super::mustache::{Name, Outside, Template, Token};
use crate::cx::Cx;
use crate::error::NodeError;
use crate::value::{Object, Str, Value};

/// What one message may render to.
const MAX_OUTPUT: usize = 64 << 20;

impl Template {
    /// `escape`: texts of the message get JSON's backslashes, for a template that becomes JSON.
    pub fn render(&self, msg: &Object, escape: bool, cx: &Cx<'_>) -> Result<String, NodeError> {
        // Lists in lists multiply: the same bound as for a script.
        let budget = cx.settings().script_operations;
        self.fill_in(msg, escape, Some(cx), budget)
    }

    /// From the message alone: names that are not in it render to nothing.
    #[cfg(feature = "http")]
    pub fn render_message(&self, msg: &Object) -> Result<String, NodeError> {
        self.fill_in(msg, false, None, crate::host::Settings::default().script_operations)
    }

    fn fill_in(
        &self,
        msg: &Object,
        escape: bool,
        cx: Option<&Cx<'_>>,
        budget: u64,
    ) -> Result<String, NodeError> {
        let mut render = Render { cx, out: String::new(), budget };
        render.tokens(&self.tokens, &Frame { view: View::Message(msg), parent: None, escape })?;
        Ok(render.out)
    }
}

/// What names are looked up in, the innermost section first.
struct Frame<'a> {
    view: View<'a>,
    parent: Option<&'a Frame<'a>>,
    escape: bool,
}

#[derive(Clone, Copy)]
enum View<'a> {
    Message(&'a Object),
    Value(&'a Value),
}

struct Render<'c, 'h> {
    /// Where to look for what the message has not.
    cx: Option<&'c Cx<'h>>,
    out: String,
    budget: u64,
}

impl Render<'_, '_> {
    fn tokens(&mut self, tokens: &[Token], frame: &Frame<'_>) -> Result<(), NodeError> {
        self.spend()?;
        for token in tokens {
            self.spend()?;
            match token {
                Token::Text(text) => self.out.push_str(text),
                Token::Escaped(name) => match self.look_up(name, frame)? {
                    None => {}
                    Some(value) => match &*value {
                        Value::Null => {}
                        Value::Str(text) => escape_html(text, &mut self.out),
                        number @ (Value::Int(_) | Value::Float(_)) => self.out.push_str(&number.to_text()),
                        other => escape_html(&other.to_text(), &mut self.out),
                    },
                },
                Token::Plain(name) => match self.look_up(name, frame)? {
                    None => {}
                    Some(value) => match &*value {
                        Value::Null => {}
                        Value::Str(text) => self.out.push_str(text),
                        other => self.out.push_str(&other.to_text()),
                    },
                },
                Token::Section(name, inside) => self.section(name, inside, frame)?,
                Token::Inverted(name, inside) => {
                    let value = self.look_up(name, frame)?;
                    let is_there = value.is_some_and(|value| match &*value {
                        Value::Array(items) => !items.is_empty(),
                        value => value.truthy(),
                    });
                    if !is_there {
                        self.tokens(inside, frame)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn section(&mut self, name: &Name, inside: &[Token], frame: &Frame<'_>) -> Result<(), NodeError> {
        let Some(value) = self.look_up(name, frame)? else { return Ok(()) };
        let within = |view| Frame { view: View::Value(view), parent: Some(frame), escape: false };
        match &*value {
            Value::Array(items) => {
                for item in items.iter() {
                    self.tokens(inside, &within(item))?;
                }
                Ok(())
            }
            value if !value.truthy() => Ok(()),
            Value::Bool(_) => self.tokens(inside, frame),
            value => self.tokens(inside, &within(value)),
        }
    }

    fn spend(&mut self) -> Result<(), NodeError> {
        self.budget = self.budget.saturating_sub(1);
        if self.budget == 0 || self.out.len() > MAX_OUTPUT {
            return Err(NodeError::rejected("the template renders to too much for one message"));
        }
        Ok(())
    }

    /// The value of a name; `None` is an empty text or nothing, which render alike.
    fn look_up<'f>(&self, name: &Name, frame: &'f Frame<'f>) -> Result<Option<Cow<'f, Value>>, NodeError> {
        if let Some(value) = in_message(name, frame)? {
            return Ok(Some(match &*value {
                Value::Str(text) if frame.escape => Cow::Owned(Value::Str(escape_json(text))),
                _ => value,
            }));
        }
        let Some(cx) = self.cx else { return Ok(None) };
        match &name.outside {
            Outside::Nowhere => Ok(None),
            Outside::Env(name) => Ok(cx.env(name).map(Cow::Owned)),
            Outside::Context(scope, key) => {
                let key = key.as_ref().map_err(|error| NodeError::rejected(error.message()))?;
                Ok(cx.context_get(*scope, key, &Object::new())?.map(Cow::Owned))
            }
        }
    }
}

fn in_message<'f>(name: &Name, frame: &'f Frame<'f>) -> Result<Option<Cow<'f, Value>>, NodeError> {
    if name.text == "." {
        return Ok(Some(match frame.view {
            View::Message(msg) => Cow::Owned(Value::Object(msg.clone())),
            View::Value(value) => Cow::Borrowed(value),
        }));
    }
    let mut frame = Some(frame);
    while let Some(Frame { view, parent, .. }) = frame {
        let found = match (&name.dotted, view) {
            (None, View::Message(msg)) => msg.get(&name.text).map(Cow::Borrowed),
            // As in JavaScript, nothing can be asked of null.
            (None, View::Value(Value::Null)) => {
                let text = format!("Cannot read properties of null (reading '{}')", name.text);
                return Err(NodeError::rejected(text));
            }
            (None, View::Value(value @ (Value::Object(_) | Value::Array(_) | Value::Bytes(_)))) => {
                property(value, &name.text)
            }
            // The length of a text is no property of a section over it; of a dotted name it is.
            (None, View::Value(_)) => None,
            (Some(keys), view) => descend(*view, keys),
        };
        if found.is_some() {
            return Ok(found);
        }
        frame = *parent;
    }
    Ok(None)
}

fn descend<'f>(view: View<'f>, keys: &[Str]) -> Option<Cow<'f, Value>> {
    let (first, rest) = keys.split_first()?;
    let mut at = match view {
        View::Message(msg) => Cow::Borrowed(msg.get(first)?),
        View::Value(value) => property(value, first)?,
    };
    for key in rest {
        at = match at {
            Cow::Borrowed(value) => property(value, key)?,
            Cow::Owned(value) => Cow::Owned(property(&value, key)?.into_owned()),
        };
    }
    Some(at)
}

/// A property as JavaScript has it: keys, places in lists, and `length`.
fn property<'v>(value: &'v Value, key: &str) -> Option<Cow<'v, Value>> {
    let length = |length: usize| Some(Cow::Owned(Value::from(length)));
    match value {
        Value::Array(items) if key == "length" => length(items.len()),
        Value::Bytes(bytes) if key == "length" => length(bytes.len()),
        Value::Bytes(bytes) => {
            let byte = bytes.get(key.parse::<usize>().ok()?)?;
            Some(Cow::Owned(Value::Int(i64::from(*byte))))
        }
        Value::Str(text) if key == "length" => length(text.encode_utf16().count()),
        Value::Str(text) => {
            let c = text.chars().nth(key.parse().ok()?)?;
            Some(Cow::Owned(Value::str(c.encode_utf8(&mut [0; 4]))))
        }
        value => value.get(key).map(Cow::Borrowed),
    }
}

fn escape_html(text: &str, out: &mut String) {
    let mut from = 0;
    for (at, byte) in text.bytes().enumerate() {
        let entity = match byte {
            b'&' => "&amp;",
            b'<' => "&lt;",
            b'>' => "&gt;",
            b'"' => "&quot;",
            b'\'' => "&#39;",
            b'/' => "&#x2F;",
            b'`' => "&#x60;",
            b'=' => "&#x3D;",
            _ => continue,
        };
        out.push_str(&text[from..at]);
        out.push_str(entity);
        from = at + 1;
    }
    out.push_str(&text[from..]);
}

/// What Node-RED escapes for JSON: quotes are none of it, `{{x}}` makes `&quot;` of them.
fn escape_json(text: &Str) -> Str {
    if !text.bytes().any(|b| matches!(b, b'\\' | b'\n' | b'\t' | b'\r' | 0x0c | 0x08)) {
        return text.clone();
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            '\u{c}' => out.push_str("\\f"),
            '\u{8}' => out.push_str("\\b"),
            c => out.push(c),
        }
    }
    Str::from(out)
}

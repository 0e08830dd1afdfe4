//! Split: makes a sequence of messages from one: of the items of an array, the keys of an object, pieces of a text or buffer.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value as Json;

use crate::cx::Cx;
use crate::descriptor::{Category, Descriptor, Field, Outputs, Role};
use crate::error::NodeError;
use crate::message::Message;
use crate::node::{Built, NodeConfig, NodeType, Transform};
use crate::path::Path;
use crate::read;
use crate::sequence::parts::{bytes, or_default, parts_mut, unescape};
use crate::sequence::split_cut::{Cut, Data, Pieces};
use crate::sequence::split_rest::{How, Rest};
use crate::value::{Object, Str, Value};

pub const NODE: NodeType = NodeType { descriptor: &DESCRIPTOR, build };

static DESCRIPTOR: Descriptor = Descriptor {
    type_name: "split",
    category: Category::Sequence,
    summary: "Makes a sequence of messages from one.",
    help: include_str!("split.md"),
    examples: include_str!("split.examples.json"),
    inputs: 1,
    outputs: Outputs::Fixed(1),
    role: Role::Transform,
    fields: &[
        Field::text("property", "Property", "The property of the message that is split.").default(r#""payload""#),
        Field::typed(
            "splt",
            "spltType",
            &["str", "bin", "len"],
            "Split texts and buffers at",
            "A text (\\n, \\r and \\t are understood), a list of bytes such as [13, 10], or with the type len a fixed length.",
        )
        .default(r#""\\n""#),
        Field::typed(
            "arraySplt",
            "arraySpltType",
            &["len"],
            "Items a message",
            "How many items of an array go into each message. With 1 the item itself is sent, else an array of them.",
        )
        .default("1"),
        Field::bool(
            "stream",
            "Handle as a stream",
            "Texts and buffers go on in the next message: a piece that is not finished waits for its rest.",
        )
        .default("false"),
        Field::text(
            "addname",
            "Copy key to",
            "The property of each message that gets the key, when an object is split. Empty: none.",
        ),
    ],
};

#[derive(Deserialize)]
#[serde(default)]
struct Config {
    #[serde(deserialize_with = "read::text")]
    property: String,
    splt: Json,
    #[serde(rename = "spltType", deserialize_with = "read::text")]
    splt_type: String,
    #[serde(rename = "arraySplt")]
    array_splt: Json,
    #[serde(deserialize_with = "read::boolean")]
    stream: bool,
    #[serde(deserialize_with = "read::text")]
    addname: String,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            property: String::new(),
            splt: Json::Null,
            splt_type: String::new(),
            array_splt: Json::from(1),
            stream: false,
            addname: String::new(),
        }
    }
}

fn build(config: &NodeConfig) -> Result<Built, NodeError> {
    let Config { property, splt, splt_type, array_splt, stream, addname } = config.read()?;
    let path = |text: &str, pointer: &str| {
        Path::parse_msg(text).map_err(|error| NodeError::config(pointer, error.message()))
    };
    let property = or_default(property, "payload");
    let at = |ch: Value, delimiter: Vec<u8>| {
        let delimiter: Arc<[u8]> = delimiter.into();
        How { ch: Some(ch), len: None, text: Cut::At(delimiter.clone()), bytes: Cut::At(delimiter) }
    };
    let how = match or_default(splt_type, "str").as_str() {
        "str" => {
            let text = match &splt {
                Json::String(text) => text.clone(),
                Json::Null => String::new(),
                other => other.to_string(),
            };
            let delimiter = unescape(&or_default(text, "\\n"));
            at(Value::str(&delimiter), delimiter.into_bytes())
        }
        "bin" => match bytes(&splt, "/splt")? {
            (_, bytes) if bytes.is_empty() => {
                let error = "no bytes cut nowhere: name some, or split at a fixed length";
                return Err(NodeError::config("/splt", error));
            }
            (shown, bytes) => {
                // In texts Node-RED looks for what the bytes say as text.
                let text = String::from_utf8_lossy(&bytes).into_owned();
                How { text: Cut::At(text.into_bytes().into()), ..at(shown, bytes) }
            }
        },
        "len" => {
            let len = length(&splt, "/splt")?;
            How { ch: None, len: Some(len), text: Cut::Units(len), bytes: Cut::Bytes(len) }
        }
        other => {
            let error = format!("unknown type {other}: one of str, bin, len");
            return Err(NodeError::config("/spltType", error));
        }
    };
    Ok(Built::transform(Split {
        path: path(&property, "/property")?,
        property: (property != "payload").then(|| Str::new(&property)),
        how,
        items: length(&array_splt, "/arraySplt")?,
        key_to: if addname.is_empty() { None } else { Some(path(&addname, "/addname")?) },
        stream,
        index: 0,
        text: Rest::default(),
        bytes: Rest::default(),
    }))
}

/// A length as JavaScript's `parseInt` reads it: what comes behind the digits is ignored.
fn length(json: &Json, pointer: &str) -> Result<usize, NodeError> {
    let length = match json {
        Json::Number(n) => n.as_f64().map(|n| n as usize),
        Json::String(text) => {
            let text = text.trim_start();
            let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
            text[..end].parse().ok()
        }
        _ => None,
    };
    length
        .filter(|length| *length >= 1)
        .ok_or_else(|| NodeError::config(pointer, format!("invalid length {json}: a whole number from 1")))
}

struct Split {
    path: Path,
    /// `parts.property`, where it is not the payload.
    property: Option<Str>,
    how: How,
    items: usize,
    key_to: Option<Path>,
    stream: bool,
    /// The number of the next piece; in a stream it goes on over messages.
    index: usize,
    text: Rest,
    bytes: Rest,
}

impl Transform for Split {
    fn handle(&mut self, msg: &mut Option<Message>, cx: &mut Cx<'_>) -> Result<(), NodeError> {
        let Some(message) = msg.as_mut() else { return Ok(()) };
        let Some(value) = self.path.get(&message.value, &message.value)? else {
            // As in Node-RED: nothing to split, and the node says nothing.
            cx.not_done();
            return Ok(());
        };
        let mut parts = Object::new();
        if let Some(outer) = message.value.get("parts").cloned() {
            parts.insert("parts", outer);
        }
        parts.insert("id", cx.new_id());
        if let Some(property) = &self.property {
            parts.insert("property", property.clone());
        }
        message.value.insert("parts", parts);
        message.value.remove("_msgid");
        match value {
            Value::Str(text) => self.cut(Data::Text(text), msg, cx),
            Value::Bytes(bytes) => self.cut(Data::Bytes(bytes), msg, cx),
            Value::Array(items) => {
                self.array(items, message, cx);
                Ok(())
            }
            Value::Object(object) => self.object(&object, message, cx),
            Value::Null => Err(NodeError::rejected("null cannot be split")),
            Value::Bool(_) | Value::Int(_) | Value::Float(_) => {
                cx.done_with(message);
                Ok(())
            }
        }
    }
}

impl Split {
    fn array(&self, items: Arc<Vec<Value>>, message: &mut Message, cx: &mut Cx<'_>) {
        let (size, count) = (self.items, items.len().div_ceil(self.items));
        let parts = parts_mut(&mut message.value);
        parts.insert("type", "array");
        parts.insert("count", count);
        parts.insert("len", size);
        cx.done_with(message);
        let mut frame = self.frame(message, cx);
        let pieces = (0..count).map(move |index| {
            let from = index * size;
            let item = match size {
                1 => items[from].clone(),
                _ => Value::array(items[from..items.len().min(from.saturating_add(size))].to_vec()),
            };
            frame.piece(item, |parts| parts.insert("index", index))
        });
        cx.emit_pieces(0, pieces);
    }

    fn object(&self, object: &Object, message: &mut Message, cx: &mut Cx<'_>) -> Result<(), NodeError> {
        parts_mut(&mut message.value).insert("type", "object");
        if let Some(path) = &self.key_to {
            // Asked now, while it can still fail: the pieces are made later.
            path.set(&mut message.value.clone(), &message.value, Value::Null, true)?;
        }
        let mut frame = self.frame(message, cx);
        let key_to = self.key_to.clone();
        let count = object.len();
        let mut make = move |index: usize, key: Str, value: Value| {
            let base = frame.base.clone();
            let mut piece = frame.piece(value, |_| ());
            if let Some(path) = &key_to {
                set(path, &mut piece, &base, Value::from(key.clone()));
            }
            let parts = parts_mut(&mut piece);
            parts.insert("key", key);
            parts.insert("index", index);
            parts.insert("count", count);
            piece
        };
        let entries: Vec<(Str, Value)> = object.iter().map(|(k, v)| (k.clone(), v.clone())).collect();
        if let Some((key, value)) = entries.last() {
            message.value = make(count - 1, key.clone(), value.clone());
        }
        cx.done_with(message);
        let pieces =
            entries.into_iter().enumerate().map(move |(index, (key, value))| make(index, key, value));
        cx.emit_pieces(0, pieces);
        Ok(())
    }

    /// Cuts a text or a buffer, and in a stream keeps what is not finished.
    fn cut(&mut self, new: Data, msg: &mut Option<Message>, cx: &mut Cx<'_>) -> Result<(), NodeError> {
        let Some(message) = msg.as_mut() else { return Ok(()) };
        let (is_text, by_delimiter) = (matches!(new, Data::Text(_)), self.how.ch.is_some());
        let (cut, rest) = match is_text {
            true => (self.how.text.clone(), &mut self.text),
            false => (self.how.bytes.clone(), &mut self.bytes),
        };
        let old = rest.data.len();
        let layout = rest.layout(&new, &cut);
        let keep = self.stream && !layout.full;
        // What Node-RED does with a buffer that ends in the delimiter: the last piece is counted, and not sent.
        let drop_last = !self.stream && !is_text && by_delimiter && layout.last.is_empty();
        let sent = layout.count - usize::from(keep || drop_last);
        // Of nothing at all it makes one piece by a length, and says that there are none.
        let none = layout.last.is_empty() && layout.count == 1 && !by_delimiter;
        let count = (!self.stream).then_some(if none { 0 } else { layout.count });
        let first = if self.stream { self.index } else { 0 };
        self.how.describe(is_text, count, parts_mut(&mut message.value));
        let mut frame = Frame { base: message.value.clone(), path: self.path.clone(), ids: Ids(cx.random()) };
        let late_count = count.filter(|_| is_text && by_delimiter);
        let mut make = move |(value, index): (Value, usize)| {
            frame.piece(value, |parts| {
                parts.insert("index", index);
                if let Some(count) = late_count {
                    parts.insert("count", count);
                }
            })
        };

        let whole = if sent == 0 && old > 0 { None } else { Some(rest.take(new, old)) };
        if let (Some(whole), true) = (&whole, sent > 0) {
            let last = if sent == layout.count { Some(layout.last.clone()) } else { layout.before_last };
            // What the node is done with is the last piece, as Node-RED's is.
            message.value = make((whole.piece(last.unwrap_or_default()), first + sent - 1));
        }
        cx.done_with(message);

        let done_at_once = is_text && by_delimiter;
        let mut earlier = Vec::new();
        if sent > 0 {
            for held in rest.from.drain(..) {
                if !done_at_once {
                    cx.complete(held.message());
                }
                earlier.push(held.into_message());
            }
        }
        let kept = if !keep || (by_delimiter && layout.last.is_empty()) {
            Ok(None)
        } else if done_at_once {
            // Node-RED is done with the message here, though a part of it waits: the copy keeps its source waiting too.
            cx.hold_message(message.clone()).map(Some).map_err(|(error, _)| error)
        } else {
            cx.hold(msg).map(Some)
        };
        if kept.is_err() && sent == 0 {
            // Nothing was sent of it, so nothing stays of it.
            rest.data.truncate(old);
            return kept.map(|_| ());
        }
        if let Some(whole) = whole {
            if keep && kept.is_ok() {
                rest.data.extend_from_slice(&whole.bytes()[layout.last]);
            }
            self.index = first + sent;
            if sent > 0 {
                let pieces = Pieces::new(whole, cut, sent).zip(first..).map(make);
                cx.emit_pieces_from(0, pieces, &earlier);
            }
        }
        rest.from.extend(kept?);
        Ok(())
    }

    fn frame(&self, message: &Message, cx: &mut Cx<'_>) -> Frame {
        Frame { base: message.value.clone(), path: self.path.clone(), ids: Ids(cx.random()) }
    }
}

/// What all pieces of a message have in common.
struct Frame {
    base: Object,
    path: Path,
    ids: Ids,
}

impl Frame {
    fn piece(&mut self, value: Value, fill: impl FnOnce(&mut Object)) -> Object {
        let mut piece = self.base.clone();
        set(&self.path, &mut piece, &self.base, value);
        fill(parts_mut(&mut piece));
        piece.insert("_msgid", self.ids.next());
        piece
    }
}

/// Sets a path that was asked before over the same message, so that it cannot fail now. Where a parent is no object
/// nothing is set, as in Node-RED.
fn set(path: &Path, piece: &mut Object, base: &Object, value: Value) {
    let done = path.set(piece, base, value, true);
    debug_assert!(done.is_ok(), "{done:?}");
}

/// Message ids from one random number: pieces are made when no handler runs that could ask for more.
struct Ids(u64);

impl Ids {
    fn next(&mut self) -> Str {
        // Steps of this size come to every number before one comes again.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        smol_str::format_smolstr!("{:016x}", self.0)
    }
}

#[cfg(test)]
#[path = "split_tests.rs"]
mod tests;

//! How split cuts, and what it has left over in a stream.

use crate::cx::Held;
use crate::sequence::split_cut::{Cut, Data, Layout};
use crate::value::{Object, Str, Value};

/// How texts and buffers are cut, and what `msg.parts` says of it.
#[derive(Debug, Clone)]
pub struct How {
    pub ch: Option<Value>,
    pub len: Option<usize>,
    pub text: Cut,
    pub bytes: Cut,
}

impl How {
    pub fn describe(&self, is_text: bool, count: Option<usize>, parts: &mut Object) {
        parts.insert("type", if is_text { "string" } else { "buffer" });
        if let Some(ch) = &self.ch {
            parts.insert("ch", ch.clone());
        }
        if let Some(len) = self.len {
            if is_text {
                parts.insert("ch", "");
            }
            parts.insert("len", len);
        }
        if let Some(count) = count {
            parts.insert("count", count);
        }
    }
}

/// What a stream has left over: a piece that is not finished, and the messages that it came from.
#[derive(Default)]
pub struct Rest {
    pub data: Vec<u8>,
    pub from: Vec<Held>,
}

impl Rest {
    /// The layout of what is left over and what is new; it is put together only where something is left over.
    pub fn layout(&mut self, new: &Data, cut: &Cut) -> Layout {
        if self.data.is_empty() {
            return cut.layout(new.bytes(), 0);
        }
        // There is no whole delimiter in the old part, but one may begin there.
        let search = match cut {
            Cut::At(delimiter) => self.data.len().saturating_sub(delimiter.len() - 1),
            Cut::Bytes(_) | Cut::Units(_) => 0,
        };
        self.data.extend_from_slice(new.bytes());
        cut.layout(&self.data, search)
    }

    /// All of it, to cut; nothing is left over.
    pub fn take(&mut self, new: Data, old: usize) -> Data {
        let bytes = std::mem::take(&mut self.data);
        match new {
            new if old == 0 => new,
            Data::Text(_) => Data::Text(Str::new(String::from_utf8_lossy(&bytes))),
            Data::Bytes(_) => Data::Bytes(bytes.into()),
        }
    }
}

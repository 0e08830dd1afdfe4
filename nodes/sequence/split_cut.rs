//! Where a text or a buffer is cut into pieces.

use std::ops::Range;
use std::sync::Arc;

use crate::value::{Str, Value};

/// What is cut. Pieces are looked for in its bytes: a delimiter that is text can only be found between characters.
#[derive(Debug, Clone)]
pub enum Data {
    Text(Str),
    Bytes(Arc<[u8]>),
}

impl Data {
    pub fn bytes(&self) -> &[u8] {
        match self {
            Data::Text(text) => text.as_bytes(),
            Data::Bytes(bytes) => bytes,
        }
    }

    pub fn piece(&self, range: Range<usize>) -> Value {
        match self {
            Data::Text(text) => Value::str(text.get(range).unwrap_or_default()),
            Data::Bytes(bytes) => Value::bytes(bytes.get(range).unwrap_or_default()),
        }
    }
}

#[derive(Debug, Clone)]
pub enum Cut {
    /// Behind each of these bytes in a row, which are in no piece.
    At(Arc<[u8]>),
    /// Every so many bytes.
    Bytes(usize),
    /// Every so many units of UTF-16, as JavaScript counts the length of a text. A character is never cut in two.
    Units(usize),
}

impl Cut {
    /// The end of the piece that starts at `from`, and the start of the next one; no next one behind the last.
    /// Nothing is looked for before `search`.
    fn next(&self, data: &[u8], from: usize, search: usize) -> (usize, Option<usize>) {
        let end = match self {
            Cut::At(delimiter) => {
                let found = find(data, delimiter, search.max(from));
                return (found.unwrap_or(data.len()), found.map(|at| at + delimiter.len()));
            }
            Cut::Bytes(length) => from.saturating_add(*length).min(data.len()),
            Cut::Units(length) => end_of_units(data, from, *length),
        };
        (end, (end < data.len()).then_some(end))
    }

    /// Whether a last piece like this is as long as all others: then nothing can follow in it.
    fn is_full(&self, piece: &[u8]) -> bool {
        match self {
            Cut::At(_) => false,
            Cut::Bytes(length) => piece.len() >= *length,
            // Full as well where the next character would not fit any more: no unit is left for a pair.
            Cut::Units(length) => units(piece) >= *length,
        }
    }
}

fn find(data: &[u8], delimiter: &[u8], from: usize) -> Option<usize> {
    let (first, rest) = delimiter.split_first()?;
    let mut at = from;
    loop {
        at += data.get(at..)?.iter().position(|byte| byte == first)?;
        if data[at + 1..].starts_with(rest) {
            return Some(at);
        }
        at += 1;
    }
}

/// Bytes of UTF-8 that start a character; from four-byte ones JavaScript makes two units.
fn unit_count(byte: u8) -> usize {
    match byte {
        0x80..=0xbf => 0,
        0xf0.. => 2,
        _ => 1,
    }
}

fn units(text: &[u8]) -> usize {
    text.iter().map(|byte| unit_count(*byte)).sum()
}

fn end_of_units(text: &[u8], from: usize, length: usize) -> usize {
    let mut left = length;
    for (at, byte) in text.iter().enumerate().skip(from) {
        let count = unit_count(*byte);
        // The first character is taken even if it is longer, or a piece would be empty for ever.
        if count > left && at > from {
            return at;
        }
        left = left.saturating_sub(count);
    }
    text.len()
}

/// How many pieces there are, and the last two of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Layout {
    /// At least 1: nothing at all is one empty piece.
    pub count: usize,
    pub last: Range<usize>,
    pub before_last: Option<Range<usize>>,
    /// The last piece is as long as it can be.
    pub full: bool,
}

impl Cut {
    pub fn layout(&self, data: &[u8], search: usize) -> Layout {
        let (mut count, mut start, mut before_last) = (1, 0, None);
        loop {
            let (end, next) = self.next(data, start, search);
            let piece = start..end;
            let Some(next) = next else {
                let full = self.is_full(&data[piece.clone()]);
                return Layout { count, last: piece, before_last, full };
            };
            (count, start, before_last) = (count + 1, next, Some(piece));
        }
    }
}

/// The pieces one after the other, made when they are asked for.
#[derive(Debug)]
pub struct Pieces {
    data: Data,
    cut: Cut,
    at: usize,
    left: usize,
}

impl Pieces {
    /// The first `count` pieces.
    pub fn new(data: Data, cut: Cut, count: usize) -> Pieces {
        Pieces { data, cut, at: 0, left: count }
    }
}

impl Iterator for Pieces {
    type Item = Value;

    fn next(&mut self) -> Option<Value> {
        self.left = self.left.checked_sub(1)?;
        let (end, next) = self.cut.next(self.data.bytes(), self.at, 0);
        let piece = self.data.piece(self.at..end);
        self.at = next.unwrap_or(end);
        Some(piece)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(cut: &Cut, text: &str) -> (Vec<String>, Layout) {
        let layout = cut.layout(text.as_bytes(), 0);
        let pieces = Pieces::new(Data::Text(text.into()), cut.clone(), layout.count);
        (pieces.map(|piece| piece.as_str().unwrap().to_string()).collect(), layout)
    }

    #[test]
    fn a_delimiter_is_in_no_piece() {
        let cut = Cut::At(Arc::from(*b"ab"));
        for (text, pieces) in [
            ("1ab2aab3", vec!["1", "2a", "3"]),
            ("ab", vec!["", ""]),
            ("", vec![""]),
            ("a", vec!["a"]),
            ("aab", vec!["a", ""]),
        ] {
            assert_eq!(texts(&cut, text).0, pieces, "{text:?}");
        }
    }

    #[test]
    fn lengths_are_javascripts_and_no_character_is_cut() {
        assert_eq!(texts(&Cut::Units(2), "äöü").0, ["äö", "ü"]);
        assert_eq!(texts(&Cut::Units(2), "a😀b").0, ["a", "😀", "b"]);
        assert_eq!(texts(&Cut::Units(1), "😀😀").0, ["😀", "😀"]);
        assert_eq!(texts(&Cut::Units(3), "").0, [""]);
        assert!(texts(&Cut::Units(3), "abcdef").1.full);
        assert!(!texts(&Cut::Units(3), "abcd").1.full);
    }

    #[test]
    fn the_layout_names_the_last_two() {
        let layout = Cut::Bytes(2).layout(b"12345", 0);
        assert_eq!(layout, Layout { count: 3, last: 4..5, before_last: Some(2..4), full: false });
        let layout = Cut::At(Arc::from(*b"5")).layout(b"1234", 0);
        assert_eq!(layout, Layout { count: 1, last: 0..4, before_last: None, full: false });
    }
}

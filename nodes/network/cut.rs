//! Cuts what a connection brings into payloads: piece by piece, at a delimiter, or all of it at the end.

use super::form::DataType;
use crate::value::Value;

#[derive(Debug, Clone)]
pub struct Cutting {
    /// Piece by piece; else all of it when the other side has closed.
    pub stream: bool,
    pub datatype: DataType,
    /// Empty for none.
    pub delimiter: Vec<u8>,
    /// Whether the delimiter stays at the end of what stood before it.
    pub keeps_delimiter: bool,
    /// How many bytes may wait for the delimiter or the end.
    pub max: usize,
}

pub struct Cut {
    how: Cutting,
    waiting: Vec<u8>,
    /// So many bytes of `waiting` hold no start of a delimiter.
    searched: usize,
}

/// More has come than may wait.
#[derive(Debug, PartialEq)]
pub struct TooLong;

impl Cut {
    pub fn new(how: Cutting) -> Cut {
        Cut { how, waiting: Vec::new(), searched: 0 }
    }

    /// Only text is cut at a delimiter, as in Node-RED.
    fn is_delimited(&self) -> bool {
        self.how.datatype == DataType::Utf8 && !self.how.delimiter.is_empty()
    }

    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<Value>) -> Result<(), TooLong> {
        self.waiting.extend_from_slice(bytes);
        if !self.how.stream {
            return self.bounded();
        }
        if self.is_delimited() {
            self.cut_at_delimiters(out);
            return self.bounded();
        }
        // A character that is not whole yet waits for the rest of it.
        let whole = match self.how.datatype {
            DataType::Utf8 => whole_characters(&self.waiting),
            DataType::Buffer | DataType::Base64 => self.waiting.len(),
        };
        if whole > 0 {
            let rest = self.waiting.split_off(whole);
            out.push(self.how.datatype.payload(std::mem::replace(&mut self.waiting, rest)));
        }
        Ok(())
    }

    /// What is left when the other side has closed.
    pub fn end(&mut self) -> Option<Value> {
        let rest = std::mem::take(&mut self.waiting);
        self.searched = 0;
        (!rest.is_empty()).then(|| self.how.datatype.payload(rest))
    }

    fn cut_at_delimiters(&mut self, out: &mut Vec<Value>) {
        let delimiter = &self.how.delimiter;
        let mut start = 0;
        let mut from = self.searched;
        while let Some(at) = find(&self.waiting[from..], delimiter) {
            let (end, next) = (from + at, from + at + delimiter.len());
            let kept = if self.how.keeps_delimiter { next } else { end };
            out.push(self.how.datatype.payload(self.waiting[start..kept].to_vec()));
            (start, from) = (next, next);
        }
        self.waiting.drain(..start);
        self.searched = (self.waiting.len() + 1).saturating_sub(delimiter.len());
    }

    fn bounded(&self) -> Result<(), TooLong> {
        if self.waiting.len() > self.how.max { Err(TooLong) } else { Ok(()) }
    }
}

fn find(bytes: &[u8], delimiter: &[u8]) -> Option<usize> {
    let (first, rest) = delimiter.split_first()?;
    let mut from = 0;
    while let Some(at) = bytes[from..].iter().position(|byte| byte == first) {
        let start = from + at;
        if bytes[start + 1..].starts_with(rest) {
            return Some(start);
        }
        from = start + 1;
    }
    None
}

/// How many bytes there are before a character at the end that has begun and can still become whole.
fn whole_characters(bytes: &[u8]) -> usize {
    let start = bytes.len().saturating_sub(4);
    let Some(tail) = bytes.get(start..) else { return bytes.len() };
    let last = tail.iter().rposition(|byte| byte & 0b1100_0000 != 0b1000_0000);
    let Some(last) = last else { return bytes.len() };
    match std::str::from_utf8(&tail[last..]) {
        Err(error) if error.error_len().is_none() => start + last,
        _ => bytes.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(stream: bool, datatype: DataType, delimiter: &str, keeps_delimiter: bool) -> Cut {
        Cut::new(Cutting { stream, datatype, delimiter: delimiter.into(), keeps_delimiter, max: 20 })
    }

    fn texts(cut: &mut Cut, pieces: &[&[u8]]) -> Vec<String> {
        let mut out = Vec::new();
        for piece in pieces {
            cut.push(piece, &mut out).unwrap();
        }
        out.extend(cut.end());
        out.iter().map(|value| value.as_str().unwrap().to_string()).collect()
    }

    #[test]
    fn text_is_cut_at_the_delimiter_wherever_the_pieces_end() {
        let text = b"a\r\nb\r\n\r\nc\rd";
        for at in 0..text.len() {
            let (one, two) = text.split_at(at);
            let plain = texts(&mut cut(true, DataType::Utf8, "\r\n", false), &[one, two]);
            assert_eq!(plain, ["a", "b", "", "c\rd"], "{at}");
            let kept = texts(&mut cut(true, DataType::Utf8, "\r\n", true), &[one, two]);
            assert_eq!(kept, ["a\r\n", "b\r\n", "\r\n", "c\rd"], "{at}");
        }
        let repeated = texts(&mut cut(true, DataType::Utf8, "aab", false), &[b"xaa", b"aabya", b"ab"]);
        assert_eq!(repeated, ["xaa", "y"]);
    }

    #[test]
    fn pieces_are_handed_on_as_they_come() {
        let mut out = Vec::new();
        let mut buffers = cut(true, DataType::Buffer, "\n", false);
        buffers.push(b"a\nb", &mut out).unwrap();
        assert_eq!((out.pop(), buffers.end()), (Some(Value::bytes(*b"a\nb")), None));
        let e = "é€".as_bytes();
        let halves =
            texts(&mut cut(true, DataType::Utf8, "", false), &[&e[..1], &e[1..3], &e[3..], b"\xff", b"x"]);
        assert_eq!(halves, ["é", "€", "\u{fffd}", "x"]);
        assert_eq!(texts(&mut cut(true, DataType::Base64, "\n", false), &[b"hi"]), ["aGk="]);
    }

    #[test]
    fn all_is_one_payload_at_the_end() {
        assert_eq!(texts(&mut cut(false, DataType::Utf8, "\n", false), &[b"a\n", b"b"]), ["a\nb"]);
        assert_eq!(texts(&mut cut(false, DataType::Base64, "", false), &[b"h", b"i"]), ["aGk="]);
        assert!(texts(&mut cut(false, DataType::Utf8, "", false), &[]).is_empty());
    }

    #[test]
    fn what_never_ends_is_cut_off() {
        let mut out = Vec::new();
        for stream in [true, false] {
            let mut cut = cut(stream, DataType::Utf8, "\n", false);
            assert_eq!(cut.push(&[b'x'; 20], &mut out), Ok(()));
            assert_eq!(cut.push(b"x", &mut out), Err(TooLong));
        }
        assert!(out.is_empty());
    }
}

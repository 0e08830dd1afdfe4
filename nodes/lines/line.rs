//! The protocol without its sockets: what a line means, and what its answer means.

use std::io;

use tokio::io::{AsyncBufRead, AsyncBufReadExt};

use crate::value::{Object, Value};

/// A line as it stands in the stream, read into a buffer of the caller.
#[derive(Debug, PartialEq)]
pub enum Read {
    Line,
    /// Skipped to its end.
    TooLong,
    /// The peer sends no more. What stood behind the last line end is no line.
    End,
}

/// Reads up to the next line end, keeping no more than `max` bytes of it.
pub async fn read_line<R>(reader: &mut R, line: &mut Vec<u8>, max: usize) -> io::Result<Read>
where
    R: AsyncBufRead + Unpin,
{
    line.clear();
    let mut too_long = false;
    loop {
        let chunk = reader.fill_buf().await?;
        if chunk.is_empty() {
            return Ok(Read::End);
        }
        let end = chunk.iter().position(|byte| *byte == b'\n');
        let text = &chunk[..end.unwrap_or(chunk.len())];
        too_long = too_long || line.len() + text.len() > max;
        if too_long {
            // Nor is the memory kept that a long line took.
            *line = Vec::new();
        } else {
            line.extend_from_slice(text);
        }
        let used = text.len() + usize::from(end.is_some());
        reader.consume(used);
        if end.is_some() {
            return Ok(if too_long { Read::TooLong } else { Read::Line });
        }
    }
}

/// The message that a line stands for, or why it can never be one.
pub fn message(line: &[u8]) -> Result<Object, String> {
    let text = std::str::from_utf8(line)
        .map_err(|error| format!("not UTF-8 from byte {} on", error.valid_up_to() + 1))?;
    let value = Value::from_json(text.as_bytes()).map_err(|error| format!("not JSON: {error}"))?;
    Ok(match value.revive_buffer() {
        Value::Object(object) => revived(object),
        payload => [("payload", payload)].into_iter().collect(),
    })
}

/// Buffers among the properties of a message come back as buffers, so that two gateways can hand on bytes.
fn revived(mut object: Object) -> Object {
    let like_buffer = |value: &Value| value.as_object().is_some_and(|object| object.contains_key("data"));
    let keys: Vec<_> = object.iter().filter(|(_, v)| like_buffer(v)).map(|(key, _)| key.clone()).collect();
    for key in keys {
        let value = std::mem::take(object.entry(key.clone()));
        object.insert(key, value.revive_buffer());
    }
    object
}

#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    Ok,
    Again,
    No(String),
}

impl Answer {
    /// Appends the answer to line `number`, on one line whatever the reason says.
    pub fn write(&self, number: u64, out: &mut String) {
        let word = match self {
            Answer::Ok => "ok",
            Answer::Again => "again",
            Answer::No(_) => "no",
        };
        out.push_str(word);
        out.push(' ');
        out.push_str(&number.to_string());
        if let Answer::No(reason) = self {
            out.push(' ');
            out.extend(reason.chars().map(|c| if c.is_control() { ' ' } else { c }));
        }
        out.push('\n');
    }

    /// Reads an answer; `None` where it is none.
    pub fn parse(line: &str) -> Option<(u64, Answer)> {
        let (word, rest) = line.trim_end().split_once(' ')?;
        let (number, reason) = rest.split_once(' ').unwrap_or((rest, ""));
        let answer = match word {
            "ok" => Answer::Ok,
            "again" => Answer::Again,
            "no" => Answer::No(reason.to_string()),
            _ => return None,
        };
        Some((number.parse().ok()?, answer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read_all(bytes: &[u8], max: usize, chunk: usize) -> Vec<(Read, Vec<u8>)> {
        let mut reader = tokio::io::BufReader::with_capacity(chunk, bytes);
        let (mut line, mut all) = (Vec::new(), Vec::new());
        loop {
            match read_line(&mut reader, &mut line, max).await.unwrap() {
                Read::End => return all,
                read => all.push((read, line.clone())),
            }
        }
    }

    #[tokio::test]
    async fn lines_come_out_alike_however_they_are_cut() {
        let expected = [
            (Read::Line, b"12345".to_vec()),
            (Read::TooLong, Vec::new()),
            (Read::Line, Vec::new()),
            (Read::Line, b"1".to_vec()),
        ];
        for chunk in 1..20 {
            assert_eq!(read_all(b"12345\n123456\n\n1\nrest", 5, chunk).await, expected, "chunks of {chunk}");
        }
    }

    #[test]
    fn a_line_is_a_message_or_says_why_not() {
        let json = |line: &[u8]| message(line).map(|object| Value::Object(object).to_json());
        assert_eq!(json(br#"{"topic":"t","payload":1}"#).unwrap(), r#"{"topic":"t","payload":1}"#);
        assert_eq!(json(b" [1] \r").unwrap(), r#"{"payload":[1]}"#);
        let bytes = message(br#"{"payload":{"type":"Buffer","data":[1,255]},"topic":"t"}"#).unwrap();
        assert_eq!(bytes.get("payload"), Some(&Value::bytes(vec![1, 255])));
        let payload = message(br#"{"type":"Buffer","data":[7]}"#).unwrap();
        assert_eq!(payload.get("payload"), Some(&Value::bytes(vec![7])));
        assert!(json(b"").unwrap_err().starts_with("not JSON"));
        assert!(json(b"{} {}").unwrap_err().starts_with("not JSON"));
        assert_eq!(json(b"\"\xff\"").unwrap_err(), "not UTF-8 from byte 2 on");
        assert!(json("[".repeat(1000).as_bytes()).unwrap_err().contains("recursion"));
    }

    #[test]
    fn answers_come_back_as_they_went() {
        for answer in [Answer::Ok, Answer::Again, Answer::No("not JSON: x y".to_string())] {
            let mut text = String::new();
            answer.write(17, &mut text);
            assert_eq!(Answer::parse(&text), Some((17, answer)));
        }
        let mut text = String::new();
        Answer::No("two\nlines".to_string()).write(1, &mut text);
        assert_eq!(text, "no 1 two lines\n");
        for text in ["", "ok", "ok x", "yes 1", "ok 1 2 3x"] {
            let known = Answer::parse(text);
            assert!(known.is_none() || text == "ok 1 2 3x", "{text}");
        }
    }
}

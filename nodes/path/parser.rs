//! From the text of a path to its parts, refusing what Node-RED refuses.

use super::{Part, Path};
use crate::error::NodeError;
use crate::value::Str;

pub(super) fn parse(text: &str) -> Result<Vec<Part>, NodeError> {
    Parser { text, chars: text.char_indices().collect() }.run(0)
}

struct Parser<'t> {
    text: &'t str,
    chars: Vec<(usize, char)>,
}

impl Parser<'_> {
    fn fail<T>(&self, what: impl std::fmt::Display) -> Result<T, NodeError> {
        Err(NodeError::rejected(format!("invalid property expression `{}`: {what}", self.text)))
    }

    fn unexpected<T>(&self, at: usize) -> Result<T, NodeError> {
        match self.chars.get(at) {
            Some((_, c)) => self.fail(format_args!("unexpected {c} at position {at}")),
            None => self.fail("unterminated expression"),
        }
    }

    fn run(&self, depth: usize) -> Result<Vec<Part>, NodeError> {
        if self.chars.is_empty() {
            return self.fail("zero-length");
        }
        if depth > 16 {
            return self.fail("nested too deeply");
        }
        let mut parts = Vec::new();
        let mut at = 0;
        while at < self.chars.len() {
            match self.chars[at].1 {
                '.' => {
                    // A key must stand in front, and a name must follow.
                    if at == 0 {
                        return self.unexpected(at);
                    }
                    match self.chars.get(at + 1) {
                        Some((_, c)) if c.is_ascii_alphanumeric() || matches!(c, '$' | '_') => at += 1,
                        _ => return self.unexpected(at + 1),
                    }
                }
                '[' if at > 0 => at = self.boxed(at + 1, depth, &mut parts)?,
                quote @ ('"' | '\'') if at == 0 || self.chars[at - 1].1 == '.' => {
                    let end = self.quoted(at, quote, &mut parts)?;
                    if end < self.chars.len() && !matches!(self.chars[end].1, '[' | '.') {
                        return self.unexpected(end);
                    }
                    at = end;
                }
                '[' | ']' | ' ' | '"' | '\'' => return self.unexpected(at),
                _ => at = self.name(at, &mut parts)?,
            }
        }
        Ok(parts)
    }

    fn name(&self, start: usize, parts: &mut Vec<Part>) -> Result<usize, NodeError> {
        let mut end = start;
        while let Some((_, c)) = self.chars.get(end) {
            match c {
                '.' | '[' => break,
                ']' | ' ' | '"' | '\'' => return self.unexpected(end),
                _ => end += 1,
            }
        }
        let name = self.slice(start, end);
        // As in Node-RED a number between dots, but not the first or last of them alone, is an index.
        let index =
            name.bytes().all(|b| b.is_ascii_digit()) && self.chars.get(end).is_some_and(|(_, c)| *c == '.');
        match name.parse() {
            Ok(number) if index => parts.push(Part::Index(number)),
            _ => parts.push(Part::Key(Str::new(name))),
        }
        Ok(end)
    }

    /// Behind `[`: a number, a string or a reference into the message; returns the position behind `]`.
    fn boxed(&self, start: usize, depth: usize, parts: &mut Vec<Part>) -> Result<usize, NodeError> {
        let rest = self.slice(start, self.chars.len());
        if rest.starts_with("msg.") || rest.starts_with("msg[") {
            let end = self.closing(start)?;
            let inner = self.slice(start, end);
            let inner = inner.strip_prefix("msg.").unwrap_or(inner);
            let parser = Parser { text: inner, chars: inner.char_indices().collect() };
            parts.push(Part::Nested(Path { parts: parser.run(depth + 1)?, text: inner.into() }));
            return Ok(end + 1);
        }
        let end = match self.chars.get(start) {
            Some((_, quote @ ('"' | '\''))) => self.quoted(start, *quote, parts)?,
            Some((_, c)) if c.is_ascii_digit() => {
                let end = (start..self.chars.len()).find(|&i| !self.chars[i].1.is_ascii_digit());
                let end = end.unwrap_or(self.chars.len());
                match self.slice(start, end).parse() {
                    Ok(number) => parts.push(Part::Index(number)),
                    Err(_) => return self.fail(format_args!("index too large at position {start}")),
                }
                end
            }
            _ => return self.unexpected(start),
        };
        match self.chars.get(end) {
            Some((_, ']')) => Ok(end + 1),
            _ => self.unexpected(end),
        }
    }

    fn quoted(&self, start: usize, quote: char, parts: &mut Vec<Part>) -> Result<usize, NodeError> {
        let end = (start + 1..self.chars.len()).find(|&i| self.chars[i].1 == quote);
        match end {
            None => self.fail("unterminated expression"),
            Some(end) if end == start + 1 => self.fail(format_args!("zero-length string at position {end}")),
            Some(end) => {
                parts.push(Part::Key(Str::new(self.slice(start + 1, end))));
                Ok(end + 1)
            }
        }
    }

    fn closing(&self, start: usize) -> Result<usize, NodeError> {
        let mut depth = 1;
        let mut quote = None;
        for at in start..self.chars.len() {
            match (self.chars[at].1, quote) {
                (c, Some(open)) if c == open => quote = None,
                (_, Some(_)) => {}
                (c @ ('"' | '\''), None) => quote = Some(c),
                ('[', None) => depth += 1,
                (']', None) => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return Ok(at);
            }
        }
        self.fail(format_args!("unmatched '[' at position {}", start - 1))
    }

    fn slice(&self, start: usize, end: usize) -> &str {
        let byte = |at: usize| self.chars.get(at).map_or(self.text.len(), |(byte, _)| *byte);
        &self.text[byte(start)..byte(end)]
    }
}

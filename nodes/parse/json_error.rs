//! Why a text is no JSON, in the words that people know from Node-RED, whose flows compare them in Catch.
//! It runs only when the parser has refused a text, and goes by the same steps as V8's parser does.

/// The message of V8's `JSON.parse` for this text; `None` where V8 would have taken it.
pub fn explain(text: &str) -> Option<String> {
    let mut scan = Scan { text, at: 0 };
    scan.document().err().map(|reason| reason.message(text))
}

/// What is wrong, with the byte position of it.
enum Reason {
    End,
    Token(usize),
    Number(usize),
    At(&'static str, usize),
    /// Something stands behind the end.
    Behind(usize),
}

impl Reason {
    fn message(&self, text: &str) -> String {
        let position = |byte: usize| text[..byte].encode_utf16().count();
        match *self {
            Reason::End => "Unexpected end of JSON input".to_string(),
            Reason::Number(at) => format!("Unexpected number in JSON at position {}", position(at)),
            Reason::At(what, at) => format!("{what} in JSON at position {}", position(at)),
            Reason::Behind(at) => {
                format!("Unexpected non-whitespace character after JSON at position {}", position(at))
            }
            Reason::Token(_) if matches!(text, "NaN" | "Infinity" | "undefined" | "[object Object]") => {
                format!("\"{text}\" is not valid JSON")
            }
            Reason::Token(at) => {
                let token = text[at..].chars().next().unwrap_or(' ');
                format!("Unexpected token '{token}', {} is not valid JSON", around(text, at))
            }
        }
    }
}

/// The text around a place: all of a short one, ten characters to each side in a long one.
fn around(text: &str, at: usize) -> String {
    const SIDE: usize = 10;
    if text.encode_utf16().take(2 * SIDE + 1).count() < 2 * SIDE + 1 {
        return format!("\"{text}\"");
    }
    let start = text[..at].char_indices().rev().nth(SIDE - 1).map_or(0, |(byte, _)| byte);
    let end = text[at..].char_indices().nth(SIDE).map_or(text.len(), |(byte, _)| at + byte);
    let before = if text[..at].chars().take(SIDE).count() < SIDE { "" } else { "..." };
    let behind = if end < text.len() { "..." } else { "" };
    format!("{before}\"{}\"{behind}", &text[start..end])
}

struct Scan<'t> {
    text: &'t str,
    at: usize,
}

type Scanned = Result<(), Reason>;

impl Scan<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// No recursion: the text may be nested as deeply as it is long.
    fn document(&mut self) -> Scanned {
        // One entry an open bracket, true for an object.
        let mut open: Vec<bool> = Vec::new();
        loop {
            self.space();
            match self.peek() {
                Some(b'{') => {
                    self.at += 1;
                    self.space();
                    if self.peek() == Some(b'}') {
                        self.at += 1;
                    } else {
                        self.key("Expected property name or '}'")?;
                        open.push(true);
                        continue;
                    }
                }
                Some(b'[') => {
                    self.at += 1;
                    self.space();
                    if self.peek() == Some(b']') {
                        self.at += 1;
                    } else {
                        open.push(false);
                        continue;
                    }
                }
                _ => self.scalar()?,
            }
            // Behind a value: close what closes, go on with the next item.
            loop {
                self.space();
                match (open.last(), self.peek()) {
                    (None, None) => return Ok(()),
                    (None, Some(_)) => return Err(Reason::Behind(self.at)),
                    (Some(true), Some(b'}')) | (Some(false), Some(b']')) => {
                        self.at += 1;
                        open.pop();
                    }
                    (Some(true), Some(b',')) => {
                        self.at += 1;
                        self.space();
                        self.key("Expected double-quoted property name")?;
                        break;
                    }
                    (Some(false), Some(b',')) => {
                        self.at += 1;
                        break;
                    }
                    (Some(true), _) => {
                        return Err(Reason::At("Expected ',' or '}' after property value", self.at));
                    }
                    (Some(false), _) => {
                        return Err(Reason::At("Expected ',' or ']' after array element", self.at));
                    }
                }
            }
        }
    }

    /// A property's name and the colon behind it.
    fn key(&mut self, expected: &'static str) -> Scanned {
        if self.peek() != Some(b'"') {
            return Err(Reason::At(expected, self.at));
        }
        self.string()?;
        self.space();
        if self.peek() != Some(b':') {
            return Err(Reason::At("Expected ':' after property name", self.at));
        }
        self.at += 1;
        Ok(())
    }

    fn scalar(&mut self) -> Scanned {
        match self.peek() {
            None => Err(Reason::End),
            Some(b'"') => self.string(),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true"),
            Some(b'f') => self.word("false"),
            Some(b'n') => self.word("null"),
            Some(_) => Err(Reason::Token(self.at)),
        }
    }

    fn word(&mut self, word: &str) -> Scanned {
        for expected in word.bytes() {
            match self.peek() {
                Some(byte) if byte == expected => self.at += 1,
                Some(_) => return Err(Reason::Token(self.at)),
                None => return Err(Reason::End),
            }
        }
        Ok(())
    }

    fn string(&mut self) -> Scanned {
        self.at += 1;
        loop {
            match self.peek() {
                None => return Err(Reason::At("Unterminated string", self.at)),
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => {
                    self.at += 1;
                    match self.peek() {
                        None => return Err(Reason::End),
                        Some(b'u') => {
                            for _ in 0..4 {
                                self.at += 1;
                                if !self.peek().is_some_and(|b| b.is_ascii_hexdigit()) {
                                    return Err(Reason::At("Bad Unicode escape", self.at));
                                }
                            }
                            self.at += 1;
                        }
                        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 1,
                        Some(_) => return Err(Reason::At("Bad escaped character", self.at)),
                    }
                }
                Some(0..=31) => return Err(Reason::At("Bad control character in string literal", self.at)),
                Some(_) => self.at += 1,
            }
        }
    }

    fn number(&mut self) -> Scanned {
        if self.peek() == Some(b'-') {
            self.at += 1;
            if !self.digit() {
                return Err(Reason::At("No number after minus sign", self.at));
            }
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
            if self.digit() {
                return Err(Reason::Number(self.at));
            }
        }
        self.digits();
        if self.peek() == Some(b'.') {
            self.at += 1;
            if !self.digit() {
                return Err(Reason::At("Unterminated fractional number", self.at));
            }
            self.digits();
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            if !self.digit() {
                return Err(Reason::At("Exponent part is missing a number", self.at));
            }
            self.digits();
        }
        Ok(())
    }

    fn digit(&self) -> bool {
        self.peek().is_some_and(|b| b.is_ascii_digit())
    }

    fn digits(&mut self) {
        while self.digit() {
            self.at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::explain;

    /// Recorded from Node.js 20.
    #[test]
    fn speaks_as_v8_does() {
        for (text, message) in [
            ("", "Unexpected end of JSON input"),
            ("  ", "Unexpected end of JSON input"),
            ("{", "Expected property name or '}' in JSON at position 1"),
            ("foo", "Unexpected token 'o', \"foo\" is not valid JSON"),
            (r#"{"name":foo}"#, r#"Unexpected token 'o', "{"name":foo}" is not valid JSON"#),
            (r#"{"a""#, "Expected ':' after property name in JSON at position 4"),
            (r#"{"a":"#, "Unexpected end of JSON input"),
            (r#"{"a":1"#, "Expected ',' or '}' after property value in JSON at position 6"),
            (r#"{"a":1,}"#, "Expected double-quoted property name in JSON at position 7"),
            ("[1,]", "Unexpected token ']', \"[1,]\" is not valid JSON"),
            ("[1 2]", "Expected ',' or ']' after array element in JSON at position 3"),
            ("[1}", "Expected ',' or ']' after array element in JSON at position 2"),
            ("\"abc", "Unterminated string in JSON at position 4"),
            ("\"\\", "Unexpected end of JSON input"),
            ("\"ü\n\"", "Bad control character in string literal in JSON at position 2"),
            (r#""\x""#, "Bad escaped character in JSON at position 2"),
            (r#""\u12""#, "Bad Unicode escape in JSON at position 5"),
            ("-a", "No number after minus sign in JSON at position 1"),
            ("1.", "Unterminated fractional number in JSON at position 2"),
            ("1e+", "Exponent part is missing a number in JSON at position 3"),
            ("-01", "Unexpected number in JSON at position 2"),
            ("[1]]", "Unexpected non-whitespace character after JSON at position 3"),
            ("1.5.5", "Unexpected non-whitespace character after JSON at position 3"),
            ("tru", "Unexpected end of JSON input"),
            ("trux", "Unexpected token 'x', \"trux\" is not valid JSON"),
            ("NaN", "\"NaN\" is not valid JSON"),
            ("[object Object]", "\"[object Object]\" is not valid JSON"),
            ("aaaaaaaaaaaaaaaaaaaaaaaa", "Unexpected token 'a', \"aaaaaaaaaa\"... is not valid JSON"),
            (
                r#"{"aaaaaaaaaaaaaaaaaaaaaaaa":foo}"#,
                r#"Unexpected token 'o', ..."aaaaaaa":foo}" is not valid JSON"#,
            ),
            (
                r#"{"aaaaaaaaaaaaaaaaaaaaaaaaaaaaa":1,"b":bar, "cccccccccccccccccccccccc":1}"#,
                r#"Unexpected token 'b', ..."aa":1,"b":bar, "cccc"... is not valid JSON"#,
            ),
        ] {
            assert_eq!(explain(text).as_deref(), Some(message), "{text}");
        }
        for text in ["1", " [1, {\"a\": [], \"b\": {}}] ", "-0.5e-3", "\"\\u00e4\""] {
            assert_eq!(explain(text), None, "{text}");
        }
        assert!(explain(&"[".repeat(1_000_000)).is_some());
    }
}

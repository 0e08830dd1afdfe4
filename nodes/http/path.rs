//! Paths with parameters, as Express 4 reads them: `/a/:b`, `/a/:b?`, `/:id(\d+)`, `/files/*`.

use crate::error::NodeError;
use crate::pattern::Pattern;
use crate::value::{Object, Str};

/// A pattern of a path. Capitals do not matter, and neither does a slash at the end.
#[derive(Debug)]
pub struct Path {
    pattern: Pattern,
    /// The names of its groups: those of parameters, and numbers.
    keys: Vec<Str>,
}

impl Path {
    /// The pattern of a url property. The pointer is where it stands.
    pub fn parse(pointer: &str, text: &str) -> Result<Path, NodeError> {
        let text = if text.starts_with('/') { text.to_string() } else { format!("/{text}") };
        let (expression, keys) = translate(&text);
        let pattern = Pattern::new(&expression, true).map_err(|_| {
            NodeError::config(pointer, format!("{text} is no path: use /name, /:parameter or /*"))
        })?;
        Ok(Path { pattern, keys })
    }

    /// The parameters, where a path matches.
    pub fn matches(&self, path: &str) -> Option<Object> {
        // A pattern that is too hard for this path does not serve it.
        let groups = self.pattern.captures(path).ok()??;
        let mut params = Object::new();
        for (key, group) in self.keys.iter().zip(groups.iter().skip(1)) {
            if let Some(text) = group {
                params.insert(key.clone(), decoded(text)?);
            }
        }
        Some(params)
    }
}

/// As JavaScript's `decodeURIComponent`; nothing where it would throw.
pub fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || rest.next().and_then(|byte| char::from(byte).to_digit(16));
        bytes.push((digit()? * 16 + digit()?) as u8);
    }
    String::from_utf8(bytes).ok()
}

/// The regular expression of path-to-regexp 0.1, and the names of its groups.
fn translate(text: &str) -> (String, Vec<Str>) {
    let mut out = String::from("^");
    // Where the groups of named parameters open, so that the others can be numbered.
    let mut named: Vec<(usize, Str)> = Vec::new();
    // What stands before a parameter within its segment must not be taken by it.
    let mut before = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if let Some(parameter) = Parameter::at(rest) {
            rest = &rest[parameter.length..];
            if !parameter.lead.is_empty() {
                before.clear();
            }
            out.push_str("(?:");
            out.push_str(if parameter.lead.ends_with('.') { r"\." } else { "" });
            out.push_str(if parameter.lead.starts_with('/') { "/" } else { "" });
            named.push((out.len(), Str::new(parameter.name)));
            let dot = if parameter.lead.ends_with('.') { "." } else { "" };
            match parameter.capture {
                Some(capture) => out.push_str(&capture.replace('*', "(.*)").replace(r"\(.*)", r"\*")),
                None if before.is_empty() => out.push_str(&format!("([^/{dot}]+?)")),
                None => out.push_str(&format!("((?:(?!/|{before}).)+?)")),
            }
            if parameter.star {
                out.push_str(&format!("((?:[/{dot}].+?)?)"));
            }
            out.push(')');
            out.push_str(if parameter.optional { "?" } else { "" });
            continue;
        }
        let (taken, becomes) = match first {
            '\\' => {
                let length = 1 + rest.chars().nth(1).map_or(0, char::len_utf8);
                (length, rest[..length].to_string())
            }
            '.' => (1, r"\.".to_string()),
            '*' => (1, "(.*)".to_string()),
            '/' if rest.starts_with("/(") => (2, "/(?:".to_string()),
            other => (other.len_utf8(), other.to_string()),
        };
        out.push_str(&becomes);
        match first {
            '/' => before.clear(),
            '*' => {}
            _ => before.push_str(&becomes),
        }
        rest = &rest[taken..];
    }
    let keys = keys(&out, &named);
    out.push_str(if text.ends_with('/') { "?$" } else { "/?$" });
    (out, keys)
}

struct Parameter<'t> {
    length: usize,
    /// A slash, a dot, both or nothing.
    lead: &'t str,
    name: &'t str,
    /// The expression in parentheses behind it.
    capture: Option<&'t str>,
    star: bool,
    optional: bool,
}

impl<'t> Parameter<'t> {
    fn at(text: &'t str) -> Option<Parameter<'t>> {
        let colon = ["/.:", "/:", ".:", ":"].iter().find(|lead| text.starts_with(**lead))?.len();
        let name_end = text[colon..]
            .find(|char: char| !(char.is_ascii_alphanumeric() || char == '_'))
            .map_or(text.len(), |end| colon + end);
        let name = text.get(colon..name_end).filter(|name| !name.is_empty())?;
        let mut length = name_end;
        let capture = text[length..].strip_prefix('(').and_then(|rest| rest.find(')'));
        let capture = capture.map(|end| &text[length..length + end + 2]);
        length += capture.map_or(0, str::len);
        let star = text[length..].starts_with('*');
        length += usize::from(star);
        let optional = text[length..].starts_with('?');
        length += usize::from(optional);
        Some(Parameter { length, lead: &text[..colon - 1], name, capture, star, optional })
    }
}

/// The names of the groups of an expression in their order.
fn keys(expression: &str, named: &[(usize, Str)]) -> Vec<Str> {
    let bytes = expression.as_bytes();
    let (mut keys, mut number, mut at) = (Vec::new(), 0, 0);
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 1,
            b'(' if bytes.get(at + 1) != Some(&b'?') => {
                let name = named.iter().find(|(place, _)| *place == at).map(|(_, name)| name.clone());
                keys.push(name.unwrap_or_else(|| {
                    number += 1;
                    Str::from((number - 1).to_string())
                }));
            }
            _ => {}
        }
        at += 1;
    }
    keys
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;

    fn params(pattern: &str, path: &str) -> Option<Json> {
        let params = Path::parse("/url", pattern).unwrap().matches(path)?;
        Some(serde_json::to_value(&params).unwrap())
    }

    #[test]
    fn paths_match_as_in_express() {
        for (pattern, path, expected) in [
            ("/a", "/a", Some(json!({}))),
            ("a", "/A/", Some(json!({}))),
            ("/a", "/ab", None),
            ("/a", "/a/b", None),
            ("/a.b", "/axb", None),
            ("/a/:b", "/a/x%20y", Some(json!({"b": "x y"}))),
            ("/a/:b", "/a/", None),
            ("/a/:b", "/a/x/y", None),
            ("/a/:b?", "/a", Some(json!({}))),
            ("/a/:b?", "/a/1", Some(json!({"b": "1"}))),
            ("/:a/:b", "/1/2", Some(json!({"a": "1", "b": "2"}))),
            ("/:from-:to", "/x-y", Some(json!({"from": "x", "to": "y"}))),
            ("/f/:name.:ext", "/f/a.txt", Some(json!({"name": "a", "ext": "txt"}))),
            (r"/:id(\d+)", "/17", Some(json!({"id": "17"}))),
            (r"/:id(\d+)", "/x", None),
            ("/*", "/", Some(json!({"0": ""}))),
            ("/*", "/x/y", Some(json!({"0": "x/y"}))),
            ("/files/*/:last", "/files/a/b/c", Some(json!({"0": "a/b", "last": "c"}))),
            ("/ab?cd", "/acd", Some(json!({}))),
            ("/a/:b", "/a/%ff", None),
            ("/a/:b", "/a/%zz", None),
            ("/", "/", Some(json!({}))),
            ("/", "//", None),
        ] {
            assert_eq!(params(pattern, path), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn what_is_no_path_is_refused_and_a_hard_one_serves_nothing() {
        assert!(
            matches!(Path::parse("/url", "/a("), Err(NodeError::Config { pointer, .. }) if pointer == "/url")
        );
        let hard = Path::parse("/url", r"/:a((x+x+)+y)").unwrap();
        assert_eq!(hard.matches(&format!("/{}", "x".repeat(5000))), None);
    }
}

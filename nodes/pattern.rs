//! Regular expressions as JavaScript writes them, with a bound on back-tracking.

use fancy_regex::{Regex, RegexBuilder};

use crate::error::NodeError;

/// A regular expression that was written for JavaScript.
#[derive(Debug, Clone)]
pub struct Pattern(Regex);

impl Pattern {
    pub fn new(text: &str, ignore_case: bool) -> Result<Pattern, NodeError> {
        RegexBuilder::new(&translate(text))
            .case_insensitive(ignore_case)
            // Steps, not time: the same message fails everywhere or nowhere.
            .backtrack_limit(1_000_000)
            .build()
            .map(Pattern)
            .map_err(|error| NodeError::rejected(format!("invalid regular expression /{text}/: {error}")))
    }

    pub fn is_match(&self, text: &str) -> Result<bool, NodeError> {
        self.0.is_match(text).map_err(too_hard)
    }

    /// The first match and its groups, `None` for a group that took no part; nothing when it does not match.
    pub fn captures<'t>(&self, text: &'t str) -> Result<Option<Vec<Option<&'t str>>>, NodeError> {
        let captures = self.0.captures(text).map_err(too_hard)?;
        Ok(captures.map(|captures| captures.iter().map(|group| group.map(|m| m.as_str())).collect()))
    }

    /// Replaces every match. `$1`, `$&` and `$<name>` in the replacement mean what they mean in JavaScript.
    pub fn replace_all(&self, text: &str, replacement: &str) -> Result<String, NodeError> {
        let mut out = String::with_capacity(text.len());
        let mut last = 0;
        for captures in self.0.captures_iter(text) {
            let captures = captures.map_err(too_hard)?;
            let Some(whole) = captures.get(0) else { continue };
            out.push_str(&text[last..whole.start()]);
            expand(replacement, &captures, text, &mut out);
            last = whole.end();
        }
        out.push_str(&text[last..]);
        Ok(out)
    }

    /// The pieces between matches, as `String.split` gives them.
    pub fn split<'t>(&self, text: &'t str) -> Result<Vec<&'t str>, NodeError> {
        self.0.split(text).map(|piece| piece.map_err(too_hard)).collect()
    }
}

fn too_hard(error: fancy_regex::Error) -> NodeError {
    NodeError::rejected(format!("the regular expression takes too long on this text: {error}"))
}

/// Where JavaScript's syntax differs from the crate's: `\/`, `\cX`, `[^]`, `(?<name>` and a digit that is ASCII only.
fn translate(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    let mut chars = text.chars().peekable();
    let mut in_class = false;
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('/') => out.push('/'),
                Some('d') if in_class => out.push_str("0-9"),
                Some('d') => out.push_str("[0-9]"),
                Some('D') if !in_class => out.push_str("[^0-9]"),
                Some('w') if in_class => out.push_str("A-Za-z0-9_"),
                Some('w') => out.push_str("[A-Za-z0-9_]"),
                Some('W') if !in_class => out.push_str("[^A-Za-z0-9_]"),
                Some('u') => unicode(&mut chars, &mut out),
                // JavaScript takes an escaped letter that means nothing as the letter.
                Some(c)
                    if matches!(
                        c,
                        '-' | '"'
                            | '\''
                            | '#'
                            | '%'
                            | '&'
                            | ','
                            | ':'
                            | ';'
                            | '<'
                            | '='
                            | '>'
                            | '@'
                            | '_'
                            | '`'
                            | '~'
                            | '!'
                    ) =>
                {
                    if matches!(c, '-' | '#' | '&' | '~') {
                        out.push('\\');
                    }
                    out.push(c);
                }
                Some(c) => {
                    out.push('\\');
                    out.push(c);
                }
                None => out.push('\\'),
            },
            '[' if in_class => out.push_str("\\["),
            '[' => {
                in_class = true;
                out.push('[');
                if chars.peek() == Some(&'^') {
                    chars.next();
                    out.push('^');
                    if chars.peek() == Some(&']') {
                        // `[^]` is any character at all.
                        chars.next();
                        out.truncate(out.len() - 2);
                        out.push_str("[\\s\\S]");
                        in_class = false;
                    }
                }
            }
            ']' if in_class => {
                in_class = false;
                out.push(']');
            }
            '&' | '~' if in_class => {
                out.push('\\');
                out.push(c);
            }
            _ => out.push(c),
        }
    }
    out
}

fn unicode(chars: &mut std::iter::Peekable<std::str::Chars<'_>>, out: &mut String) {
    let digits: String = chars.clone().take(4).collect();
    if digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        out.push_str(&format!("\\x{{{digits}}}"));
        for _ in 0..4 {
            chars.next();
        }
    } else {
        out.push('u');
    }
}

fn expand(replacement: &str, captures: &fancy_regex::Captures<'_, str>, text: &str, out: &mut String) {
    let mut rest = replacement;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        let group = |n: usize| captures.get(n).map_or("", |m| m.as_str());
        let bytes = after.as_bytes();
        let digit = |at: usize| bytes.get(at).filter(|b| b.is_ascii_digit()).map(|b| usize::from(b - b'0'));
        let whole = captures.get(0);
        let used = match (bytes.first(), digit(0), digit(1)) {
            (Some(b'$'), ..) => {
                out.push('$');
                1
            }
            (Some(b'&'), ..) => {
                out.push_str(group(0));
                1
            }
            (Some(b'`'), ..) => {
                out.push_str(whole.map_or("", |m| &text[..m.start()]));
                1
            }
            (Some(b'\''), ..) => {
                out.push_str(whole.map_or("", |m| &text[m.end()..]));
                1
            }
            (_, Some(tens), Some(ones)) if (1..captures.len()).contains(&(tens * 10 + ones)) => {
                out.push_str(group(tens * 10 + ones));
                2
            }
            (_, Some(n), _) if (1..captures.len()).contains(&n) => {
                out.push_str(group(n));
                1
            }
            (Some(b'<'), ..) => match after[1..].split_once('>') {
                Some((name, _)) if captures.name(name).is_some() => {
                    out.push_str(captures.name(name).map_or("", |m| m.as_str()));
                    name.len() + 2
                }
                _ => {
                    out.push('$');
                    0
                }
            },
            _ => {
                out.push('$');
                0
            }
        };
        rest = &after[used..];
    }
    out.push_str(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn javascripts_patterns_work() {
        for (pattern, text, matches) in [
            (r"^\/a\/\d+$", "/a/12", true),
            (r"^\d$", "٣", false),
            (r"(?<=x)y", "xy", true),
            (r"(a)\1", "aa", true),
            (r"[^]b", "\nb", true),
            (r"[[]x", "[x", true),
            (r"\u0041", "A", true),
            (r"[\w-]+@", "a-b@", true),
            (r"\-\_\:", "-_:", true),
        ] {
            assert_eq!(Pattern::new(pattern, false).unwrap().is_match(text).unwrap(), matches, "{pattern}");
        }
        assert!(Pattern::new("a(b", false).is_err());
    }

    #[test]
    fn replacements_are_javascripts() {
        let replace = |pattern: &str, text: &str, by: &str| {
            Pattern::new(pattern, false).unwrap().replace_all(text, by).unwrap()
        };
        assert_eq!(replace("(a)(b)", "xaby", "$2$1$$$&$9"), "xba$ab$9y");
        assert_eq!(replace("(?<n>\\d+)", "t12", "<$<n>>"), "t<12>");
    }

    #[test]
    fn a_pattern_that_explodes_is_an_error() {
        let pattern = Pattern::new("(?=(a+)+$)\\1x|(a|aa)+(?!b)$(?=c)", false).unwrap();
        assert!(pattern.is_match(&"a".repeat(60)).is_err());
    }
}

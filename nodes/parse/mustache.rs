//! Mustache templates, parsed as mustache.js 4.2 parses them.
//!
//! Own code, because flows hang on what mustache.js does to the letter (white space around tags that stand alone, look-ups
//! through the sections around, what counts as false, its error texts), and Rust's crates follow other dialects.

use super::is_js_space;
use crate::error::NodeError;
use crate::host::Scope;
use crate::path::{ContextKey, Path};
use crate::value::Str;

/// Sections in sections: what rendering may recurse.
const MAX_DEPTH: usize = 100;

/// A template, parsed once.
#[derive(Debug)]
pub struct Template {
    pub(super) tokens: Vec<Token>,
}

#[derive(Debug)]
pub(super) enum Token {
    Text(String),
    Escaped(Name),
    Plain(Name),
    Section(Name, Vec<Token>),
    Inverted(Name, Vec<Token>),
}

/// What a tag names.
#[derive(Debug)]
pub(super) struct Name {
    pub text: Str,
    /// The keys of a dotted name.
    pub dotted: Option<Vec<Str>>,
    /// Where to look when the message has no such property.
    pub outside: Outside,
}

/// Node-RED's additions: `{{env.X}}`, `{{flow.x}}`, `{{global[store].x}}`.
#[derive(Debug)]
pub(super) enum Outside {
    Nowhere,
    Env(Str),
    Context(Scope, Result<ContextKey, NodeError>),
}

impl Name {
    fn new(text: &str) -> Name {
        // As mustache.js: a dot in front does not make a dotted name.
        let dotted = text.find('.').is_some_and(|at| at > 0);
        Name {
            text: Str::new(text),
            dotted: dotted.then(|| text.split('.').map(Str::new).collect()),
            outside: outside(text),
        }
    }
}

fn outside(name: &str) -> Outside {
    if let Some(setting) = name.strip_prefix("env.").filter(|rest| !rest.is_empty()) {
        return Outside::Env(Str::new(setting));
    }
    let (scope, rest) = match (name.strip_prefix("flow"), name.strip_prefix("global")) {
        (Some(rest), _) => (Scope::Flow, rest),
        (_, Some(rest)) => (Scope::Global, rest),
        _ => return Outside::Nowhere,
    };
    let (store, key) = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((store, rest)) => (Some(store), rest),
        None => (None, rest),
    };
    let is_word =
        |store: &str| !store.is_empty() && store.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    match key.strip_prefix('.') {
        Some(key) if !key.is_empty() && store.is_none_or(is_word) => {
            let key = Path::parse(key).map(|path| ContextKey { store: store.map(Str::new), path });
            Outside::Context(scope, key)
        }
        _ => Outside::Nowhere,
    }
}

/// A token before sections are nested.
enum Flat<'t> {
    Text(&'t str),
    Tag(Tag, &'t str),
    /// White space of a line that holds nothing but tags without output.
    Gone,
}

#[derive(Clone, Copy, PartialEq)]
enum Tag {
    Escaped,
    Plain,
    Open,
    OpenInverted,
    Close,
    /// Comments, partials (Node-RED has none) and changes of the delimiters: no output.
    Silent,
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
    opening: String,
    closing: String,
    flat: Vec<Flat<'t>>,
    /// Where in `flat` the white space of the current line stands.
    spaces: Vec<usize>,
    has_tag: bool,
    has_output: bool,
    open: Vec<&'t str>,
}

impl Template {
    pub fn parse(text: &str) -> Result<Template, String> {
        let mut parser = Parser {
            text,
            at: 0,
            opening: "{{".to_string(),
            closing: "}}".to_string(),
            flat: Vec::new(),
            spaces: Vec::new(),
            has_tag: false,
            has_output: false,
            open: Vec::new(),
        };
        parser.run()?;
        Ok(Template { tokens: nest(parser.flat) })
    }
}

impl<'t> Parser<'t> {
    fn run(&mut self) -> Result<(), String> {
        while self.at < self.text.len() {
            let until = self.rest().find(&self.opening).map_or(self.text.len(), |at| self.at + at);
            self.literal(until);
            if self.at == self.text.len() {
                break;
            }
            let start = self.at;
            self.at += self.opening.len();
            self.skip_space();
            self.tag(start)?;
        }
        self.end_line();
        match self.open.pop() {
            Some(name) => Err(format!("Unclosed section \"{name}\" at {}", self.position(self.at))),
            None => Ok(()),
        }
    }

    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    /// JavaScript counts UTF-16 units.
    fn position(&self, byte: usize) -> usize {
        self.text[..byte].encode_utf16().count()
    }

    fn skip_space(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start_matches(is_js_space).len();
    }

    /// Text up to a tag, in runs of white space and of the rest, so that the white space of a line can go.
    fn literal(&mut self, until: usize) {
        while self.at < until {
            let rest = &self.text[self.at..until];
            let space = rest.starts_with(is_js_space);
            let end = match rest.find(|c| c == '\n' || is_js_space(c) != space) {
                Some(at) if space && rest[at..].starts_with('\n') => at + 1,
                Some(at) => at,
                None => rest.len(),
            };
            let run = &rest[..end];
            if space {
                self.spaces.push(self.flat.len());
            } else {
                self.has_output = true;
            }
            self.flat.push(Flat::Text(run));
            self.at += end;
            if run.ends_with('\n') {
                self.end_line();
            }
        }
    }

    fn end_line(&mut self) {
        if self.has_tag && !self.has_output {
            for &at in &self.spaces {
                self.flat[at] = Flat::Gone;
            }
        }
        self.spaces.clear();
        self.has_tag = false;
        self.has_output = false;
    }

    fn tag(&mut self, start: usize) -> Result<(), String> {
        self.has_tag = true;
        let sigil = self.rest().chars().next().filter(|c| "#^/>{&=!".contains(*c));
        if let Some(sigil) = sigil {
            self.at += sigil.len_utf8();
            self.skip_space();
        }
        let value = match sigil {
            Some('=') => {
                let value = self.until("=");
                self.take_spaced("=");
                let closing = self.closing.clone();
                self.until(&closing);
                value
            }
            Some('{') => {
                let closing = format!("}}{}", self.closing);
                let value = self.until(&closing);
                self.take_spaced("}");
                let closing = self.closing.clone();
                self.until(&closing);
                value
            }
            _ => {
                let closing = self.closing.clone();
                self.until(&closing)
            }
        };
        let closing = self.closing.clone();
        if !self.take_spaced(&closing) {
            return Err(format!("Unclosed tag at {}", self.position(self.at)));
        }
        let tag = match sigil {
            None => Tag::Escaped,
            Some('{' | '&') => Tag::Plain,
            Some('#') => Tag::Open,
            Some('^') => Tag::OpenInverted,
            Some('/') => Tag::Close,
            _ => Tag::Silent,
        };
        self.flat.push(Flat::Tag(tag, value));
        match tag {
            Tag::Escaped | Tag::Plain => self.has_output = true,
            Tag::Open | Tag::OpenInverted => {
                if self.open.len() == MAX_DEPTH {
                    return Err(format!("sections nested deeper than {MAX_DEPTH} levels"));
                }
                self.open.push(value);
            }
            Tag::Close => match self.open.pop() {
                None => {
                    return Err(format!("Unopened section \"{value}\" at {}", self.position(start)));
                }
                Some(opened) if opened != value => {
                    return Err(format!("Unclosed section \"{opened}\" at {}", self.position(start)));
                }
                Some(_) => {}
            },
            Tag::Silent if sigil == Some('=') => self.set_delimiters(value)?,
            Tag::Silent => {}
        }
        Ok(())
    }

    fn set_delimiters(&mut self, value: &str) -> Result<(), String> {
        let mut parts = value.split(is_js_space).filter(|part| !part.is_empty());
        match (parts.next(), parts.next()) {
            (Some(opening), Some(closing)) => {
                self.opening = opening.to_string();
                self.closing = closing.to_string();
                Ok(())
            }
            _ => Err(format!("Invalid tags: {value}")),
        }
    }

    /// The text up to a mark, without the white space in front of the mark; all the rest where there is no mark.
    fn until(&mut self, mark: &str) -> &'t str {
        let rest = self.rest();
        let taken = match rest.find(mark) {
            Some(at) => rest[..at].trim_end_matches(is_js_space),
            None => rest,
        };
        self.at += taken.len();
        taken
    }

    /// Takes a mark with the white space in front of it.
    fn take_spaced(&mut self, mark: &str) -> bool {
        let rest = self.rest().trim_start_matches(is_js_space);
        let found = rest.starts_with(mark);
        if found {
            self.at = self.text.len() - rest.len() + mark.len();
        }
        found
    }
}

/// A section that is not closed yet, and what is in it so far.
struct Level<'t> {
    inverted: bool,
    name: &'t str,
    tokens: Vec<Token>,
}

/// Sections around what is in them. The parser has seen to it that they are closed in order.
fn nest(flat: Vec<Flat<'_>>) -> Vec<Token> {
    let mut outer: Vec<Level<'_>> = Vec::new();
    let mut level = Level { inverted: false, name: "", tokens: Vec::new() };
    for token in flat {
        let token = match token {
            Flat::Gone | Flat::Tag(Tag::Silent, _) => continue,
            Flat::Tag(tag @ (Tag::Open | Tag::OpenInverted), name) => {
                let inside = Level { inverted: tag == Tag::OpenInverted, name, tokens: Vec::new() };
                outer.push(std::mem::replace(&mut level, inside));
                continue;
            }
            Flat::Tag(Tag::Close, _) => {
                let Some(around) = outer.pop() else { continue };
                let closed = std::mem::replace(&mut level, around);
                let section = if closed.inverted { Token::Inverted } else { Token::Section };
                section(Name::new(closed.name), closed.tokens)
            }
            Flat::Tag(Tag::Escaped, name) => Token::Escaped(Name::new(name)),
            Flat::Tag(Tag::Plain, name) => Token::Plain(Name::new(name)),
            Flat::Text(text) => Token::Text(text.to_string()),
        };
        match (level.tokens.last_mut(), token) {
            (Some(Token::Text(before)), Token::Text(text)) => before.push_str(&text),
            (_, token) => level.tokens.push(token),
        }
    }
    level.tokens
}

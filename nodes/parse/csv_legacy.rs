//! CSV as Node-RED has read and written it since before RFC 4180: quotes only toggle, names are trimmed.

use super::csv_common::{
    CellOptions, Options, Parts, Written, ensure_text, is_object, keys_of, null_error, rows_of,
};
use super::is_js_space;
use crate::value::{Object, Str, Value};

/// The names of the columns, which texts and objects leave behind for each other, as in Node-RED.
pub struct Legacy {
    names: Vec<Str>,
    /// Whether the last names read were more than one empty text; else columns are numbered.
    good: bool,
    /// What names were split by last; names without a separator of their own are split by it.
    split_by: String,
    no_names: bool,
}

impl Legacy {
    pub fn new(options: &Options) -> Legacy {
        let mut legacy =
            Legacy { names: Vec::new(), good: true, split_by: options.sep.clone(), no_names: false };
        legacy.names = legacy.split(&options.temp, Some(","));
        legacy.no_names = legacy.is_blank();
        legacy
    }

    fn is_blank(&self) -> bool {
        matches!(self.names.as_slice(), [only] if only.is_empty())
    }

    /// Names in a text: split outside of quotes, without quotes and outer space.
    fn split(&mut self, text: &str, sep: Option<&str>) -> Vec<Str> {
        if let Some(sep) = sep {
            self.split_by = sep.to_string();
        }
        let text = text.trim_matches(is_js_space);
        let quotes = text.matches('"').count();
        let mut names = Vec::new();
        let mut from = 0;
        let mut before = 0;
        let mut counted = 0;
        for (at, sep) in text.match_indices(self.split_by.as_str()) {
            before += text[counted..at].matches('"').count();
            counted = at;
            // Outside of quotes: an even number of them follows.
            if (quotes - before).is_multiple_of(2) {
                names.push(&text[from..at]);
                from = at + sep.len();
            }
        }
        names.push(&text[from..]);
        let clean = |name: &str| Str::new(name.replace('"', "").trim_matches(is_js_space));
        let names: Vec<Str> = names.into_iter().map(clean).collect();
        self.good = !matches!(names.as_slice(), [only] if only.is_empty());
        names
    }

    // --- text to objects -----------------------------------------------------------------------------------------

    /// The rows of a text, and how many line breaks are in it.
    pub fn read(&mut self, text: Str, parts: Option<&Parts>, options: &Options) -> (LegacyRows, usize) {
        let breaks = text.bytes().filter(|b| matches!(b, b'\n' | b'\r')).count();
        let mut line = parts.map_or(0.0, |parts| parts.index);
        let mut first = parts.is_none_or(|parts| !parts.is_behind(options.skip));
        first |= parts.is_some() && options.mult && breaks > 1;
        let mut at = 0;
        if first {
            while at < text.len() && line < options.skip {
                line += if text.as_bytes()[at] == b'\n' { 1.0 } else { 0.0 };
                at += 1;
            }
        }
        if first && options.names_in && at < text.len() {
            let rest = &text[at..];
            let end = rest.find(['\n', '\r']).unwrap_or(rest.len());
            self.names = self.split(&rest[..end], Some(&options.sep));
            at = (at + end + 1).min(text.len());
        }
        let rows = LegacyRows {
            prev: text[..at].chars().next_back(),
            text,
            at,
            options: options.cells,
            names: self.names.clone(),
            numbered: (!self.good).then_some(0),
            column: 0,
            cell: Some(String::new()),
            row: Object::new(),
            outside: true,
            ended: false,
        };
        (rows, breaks)
    }

    /// Takes over the names that a text has left, and gives them as `msg.columns`.
    pub fn learn(&mut self, rows: LegacyRows) -> String {
        self.names = rows.names;
        let names = self.names.iter().filter(|name| !name.is_empty());
        names.map(|name| quote_if(name, ",")).collect::<Vec<_>>().join(",")
    }

    // --- objects to text -----------------------------------------------------------------------------------------

    pub fn write(
        &mut self,
        msg: &Object,
        options: &Options,
        header: bool,
        no_columns: &mut bool,
    ) -> Result<Written, String> {
        let later_part = Parts::of(msg).is_some_and(|parts| parts.is_behind(0.0));
        if !(self.no_names && later_part) {
            self.names = self.split(&options.temp, None);
        }
        let rows = rows_of(msg);
        let mut lines: Vec<String> = Vec::new();
        if header {
            if self.is_blank() && !self.names_of_message(msg) {
                self.names = keys_of(rows.first())?;
            }
            let names = self.names.iter().map(|name| quote_if(name, &options.sep));
            lines.push(names.collect::<Vec<_>>().join(&options.sep));
        }
        for (at, row) in rows.iter().enumerate() {
            match row {
                Value::Array(cells) => lines.push(line_of(cells, &options.sep)?),
                row if is_object(row) => {
                    if self.is_blank() {
                        self.names_of_message(msg);
                    }
                    if self.is_blank() {
                        *no_columns = true;
                        lines.push(line_without_names(rows.first(), row, &options.sep)?);
                    } else {
                        lines.push(self.line(row, &options.sep)?);
                    }
                }
                // A list of plain values is one row.
                _ if at == 0 => {
                    lines.push(line_of(rows, &options.sep)?);
                    break;
                }
                _ => return Err("TypeError: Cannot read properties of undefined (reading 'length')".into()),
            }
        }
        let columns: Vec<_> = self.names.iter().map(|name| quote_if(name, ",")).collect();
        Ok(Written { text: lines.join(&options.ret) + options.ret.as_str(), columns: columns.join(",") })
    }

    fn names_of_message(&mut self, msg: &Object) -> bool {
        let Some(columns) = msg.get("columns") else { return false };
        let columns = if columns.truthy() { columns.to_text() } else { Str::default() };
        self.names = self.split(&columns, Some(","));
        true
    }

    fn line(&self, row: &Value, sep: &str) -> Result<String, String> {
        let mut cells = Vec::with_capacity(self.names.len());
        for name in &self.names {
            if name.is_empty() {
                cells.push(String::new());
                continue;
            }
            if row.is_null() {
                return Err(null_error(name));
            }
            let text = row.get(name).map(ensure_text).unwrap_or_default();
            let quoted = text.contains(sep) || text.contains('\n');
            cells.push(quote(&text, quoted));
        }
        Ok(cells.join(sep))
    }
}

/// A row of a list: every cell as JavaScript makes text of it.
fn line_of(cells: &[Value], sep: &str) -> Result<String, String> {
    let mut line = Vec::with_capacity(cells.len());
    for cell in cells {
        if cell.is_null() {
            return Err(null_error("toString"));
        }
        let text = cell.to_text();
        let quoted = text.contains(sep) || text.contains('\n');
        line.push(quote(&text, quoted));
    }
    Ok(line.join(sep))
}

/// A row by the keys that the first row has; what holds more than one value is left out.
fn line_without_names(first: Option<&Value>, row: &Value, sep: &str) -> Result<String, String> {
    let mut cells = Vec::new();
    let Some(Value::Object(first)) = first else { return Ok(String::new()) };
    for key in first.keys() {
        if row.is_null() {
            return Err(null_error("hasOwnProperty"));
        }
        if let Some(cell) = row.get(key).filter(|cell| !is_object(cell)) {
            let text = cell.to_text();
            let quoted = text.contains(sep) || key.contains('\n');
            cells.push(quote(&text, quoted));
        }
    }
    Ok(cells.join(sep))
}

fn quote(text: &str, quoted: bool) -> String {
    if text.contains('"') {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else if quoted {
        format!("\"{text}\"")
    } else {
        text.to_string()
    }
}

fn quote_if(name: &str, contains: &str) -> String {
    if name.contains(contains) { format!("\"{name}\"") } else { name.to_string() }
}

/// Goes through a text row by row.
#[derive(Clone)]
pub struct LegacyRows {
    text: Str,
    at: usize,
    prev: Option<char>,
    options: CellOptions,
    names: Vec<Str>,
    /// How many columns have got their number as a name; `None` where they have names.
    numbered: Option<usize>,
    column: usize,
    /// `None` where the cell is missing, which is not the same as empty.
    cell: Option<String>,
    row: Object,
    /// Outside of quotes.
    outside: bool,
    ended: bool,
}

impl Iterator for LegacyRows {
    type Item = Object;

    fn next(&mut self) -> Option<Object> {
        while let Some(c) = self.text[self.at..].chars().next() {
            let mut prev = c;
            let mut len = c.len_utf8();
            match c {
                '"' => {
                    self.outside = !self.outside;
                    if self.prev == Some('"') && !self.outside {
                        self.push("\"");
                    }
                }
                _ if self.outside && Some(c) == self.options.sep => {
                    let missing = matches!(self.prev, None | Some('\n')) || self.prev == Some(c);
                    self.end_cell(missing);
                    self.column += 1;
                    let is_last = self.at + len == self.text.len();
                    self.cell = (!is_last).then(String::new);
                }
                '\n' | '\r' if self.outside => {
                    let missing = self.prev.is_some() && self.prev == self.options.sep;
                    self.end_cell(missing);
                    self.column = 0;
                    self.cell = Some(String::new());
                    if !self.row.is_empty() {
                        self.step(c, len);
                        return Some(std::mem::take(&mut self.row));
                    }
                }
                _ => {
                    let (sep, outside) = (self.options.sep, self.outside);
                    let rest = &self.text[self.at + len..];
                    let ends = |c| c == '"' || outside && (Some(c) == sep || c == '\n' || c == '\r');
                    len += rest.find(ends).unwrap_or(rest.len());
                    let text = self.text.clone();
                    let run = &text[self.at..self.at + len];
                    prev = run.chars().next_back().unwrap_or(c);
                    self.push(run);
                }
            }
            self.step(prev, len);
        }
        if self.ended {
            return None;
        }
        self.ended = true;
        self.end_cell(false);
        let row = std::mem::take(&mut self.row);
        (!row.is_empty()).then_some(row)
    }
}

impl LegacyRows {
    /// A quote was left open at the end.
    pub fn is_corrupt(&self) -> bool {
        !self.outside
    }

    fn step(&mut self, prev: char, len: usize) {
        self.prev = Some(prev);
        self.at += len;
    }

    fn push(&mut self, text: &str) {
        self.cell.get_or_insert_default().push_str(text);
    }

    fn end_cell(&mut self, missing: bool) {
        if let Some(numbered) = self.numbered.filter(|numbered| self.column >= *numbered) {
            let name = Str::from(format!("col{}", self.column + 1));
            match self.names.get_mut(numbered) {
                Some(known) => *known = name,
                None => self.names.push(name),
            }
            self.numbered = Some(numbered + 1);
        }
        let Some(name) = self.names.get(self.column).filter(|name| !name.is_empty()) else { return };
        let cell = if missing { None } else { self.cell.as_deref() };
        match cell {
            None if self.options.nulls => self.row.insert(name.clone(), Value::Null),
            None => {}
            Some("") if !self.options.empty_strings => {}
            Some(text) => {
                let number = if self.options.numbers { number(text.trim_matches(is_js_space)) } else { None };
                self.row.insert(name.clone(), number.unwrap_or_else(|| Value::str(text)));
            }
        }
    }
}

/// A text that Node-RED takes for a number: no leading zero or plus, so that telephone numbers stay what they are.
fn number(text: &str) -> Option<Value> {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let bytes = unsigned.as_bytes();
    if bytes.first() == Some(&b'0') && bytes.get(1).is_some_and(u8::is_ascii_digit) {
        return None;
    }
    let whole = digits(unsigned);
    let mut at = whole;
    if unsigned[at..].starts_with('.') {
        at += 1 + digits(&unsigned[at + 1..]);
    }
    let mantissa = at;
    if at > 0 && unsigned[at..].starts_with(['e', 'E']) {
        at += 1;
        at += usize::from(unsigned[at..].starts_with('-'));
        at += usize::from(unsigned[at..].starts_with('+'));
        if digits(&unsigned[at..]) == 0 {
            return None;
        }
        at += digits(&unsigned[at..]);
    }
    // The last character is a digit: `5.` is no number.
    if at == 0 || at != bytes.len() || !bytes[at - 1].is_ascii_digit() {
        return None;
    }
    // What parseFloat reads: `1e-+3` is one, and `.e5` is nothing.
    let read = if unsigned.contains("-+") { &unsigned[..mantissa] } else { unsigned };
    let n: f64 = read.parse().unwrap_or(f64::NAN);
    Some(Value::number(if text.starts_with('-') { -n } else { n }))
}

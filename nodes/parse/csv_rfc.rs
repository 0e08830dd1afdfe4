//! CSV by RFC 4180, with the liberties that Node-RED takes: any separator, and quotes in unquoted cells of data.

use super::csv_common::{
    BadNames, CellOptions, Options, Parts, Written, ensure_text, is_object, keys_of, null_error, rows_of,
};
use crate::value::{Object, Str, Value};

/// The cell of a name or a row: `None` where nothing at all stands between two separators.
type Cell = Option<Str>;

pub struct Rfc {
    names: Vec<Cell>,
    no_names: bool,
    /// The configured names break the rules for quotes.
    bad: bool,
}

fn is_blank(names: &[Cell]) -> bool {
    names.is_empty() || matches!(names, [Some(only)] if only.is_empty())
}

fn blank() -> Vec<Cell> {
    vec![Some(Str::default())]
}

/// Names in a text: one row, quoted by the rules.
fn parse_names(text: &str) -> Result<Vec<Cell>, String> {
    let mut cells = Cells { text, at: 0, sep: Some(','), strict: true };
    let mut found = None;
    let mut row = Vec::new();
    while cells.row(&mut row)? {
        if found.is_some() {
            return Ok(blank());
        }
        found = Some(std::mem::take(&mut row));
    }
    Ok(found.unwrap_or_else(blank))
}

fn names_of_message(msg: &Object) -> Option<Result<Vec<Cell>, String>> {
    let columns = msg.get("columns")?;
    let columns = if columns.truthy() { columns.to_text() } else { Str::default() };
    Some(parse_names(&columns))
}

/// The names that are not empty, as `msg.columns` has them.
fn columns_text(names: &[Cell]) -> String {
    let names = names.iter().flatten().filter(|name| !name.is_empty());
    names.map(|name| quote(name, ",")).collect::<Vec<_>>().join(",")
}

fn quote(cell: &str, sep: &str) -> String {
    if cell.contains('"') {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else if cell.contains(sep) || cell.contains(['\n', '\r']) {
        format!("\"{cell}\"")
    } else {
        cell.to_string()
    }
}

impl Rfc {
    pub fn new(options: &Options) -> Rfc {
        let names = parse_names(&options.temp);
        let bad = names.is_err();
        let names = names.unwrap_or_else(|_| blank());
        Rfc { no_names: is_blank(&names), names, bad }
    }

    pub fn is_bad(&self) -> bool {
        self.bad
    }

    // --- text to objects -----------------------------------------------------------------------------------------

    /// The rows of a text, and how many line breaks are in it; `None` where all of it is skipped.
    pub fn read(
        &mut self,
        text: Str,
        parts: Option<&Parts>,
        options: &Options,
    ) -> Result<Option<(RfcRows, usize)>, BadNames> {
        let mut line = parts.map_or(0.0, |parts| parts.index);
        let mut first = parts.is_none_or(|parts| !parts.is_behind(options.skip));
        let mut at = 0;
        if options.skip > 0.0 && line < options.skip {
            while at < text.len() && line < options.skip {
                line += if matches!(text.as_bytes()[at], b'\n' | b'\r') { 1.0 } else { 0.0 };
                at += 1;
            }
            if at >= text.len() {
                return Ok(None);
            }
        }
        let breaks = text.as_bytes()[at..].iter().filter(|b| matches!(b, b'\n' | b'\r')).count();
        first |= parts.is_some() && options.mult && breaks > 1;
        if first && options.names_in {
            let mut cells = Cells { text: &text, at, sep: options.cells.sep, strict: true };
            let mut names = Vec::new();
            cells.line(&mut names).map_err(BadNames)?;
            at = cells.at;
            self.names = names;
        }
        let names = if is_blank(&self.names) { None } else { Some(self.names.clone()) };
        Ok(Some((RfcRows { text, at, options: options.cells, names, row: Vec::new() }, breaks)))
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
            self.names = parse_names(&options.temp)?;
        }
        let sep = options.sep.as_str();
        let rows = rows_of(msg);
        // The first item tells what the list is of: rows as objects, rows as lists, or the cells of one row.
        let is_list = matches!(msg.get("payload"), Some(Value::Array(_)));
        let as_one = [Value::array(rows.to_vec())];
        let (rows, lists) = match rows.first() {
            Some(first) if is_list && !is_object(first) => (&as_one[..], true),
            Some(Value::Array(_)) => (rows, true),
            _ => (rows, false),
        };
        let mut lines: Vec<String> = Vec::new();
        if header {
            if is_blank(&self.names) {
                self.names = match names_of_message(msg) {
                    Some(names) => names?,
                    None => keys_of(rows.first())?.into_iter().map(Some).collect(),
                };
            }
            let names = self.names.iter().map(|name| quote(name.as_deref().unwrap_or_default(), sep));
            lines.push(names.collect::<Vec<_>>().join(sep));
        }
        for row in rows {
            if lists {
                lines.push(self.line_of_list(row, sep)?);
                continue;
            }
            if is_blank(&self.names)
                && let Some(names) = names_of_message(msg)
            {
                self.names = names?;
            }
            if is_blank(&self.names) {
                *no_columns = true;
                self.names = keys_of(Some(row))?.into_iter().map(Some).collect();
                lines.push(line_without_names(rows.first(), row, sep));
            } else {
                lines.push(self.line(row, sep)?);
            }
        }
        let text = lines.join(&options.ret) + options.ret.as_str();
        Ok(Written { text, columns: columns_text(&self.names) })
    }

    fn line(&self, row: &Value, sep: &str) -> Result<String, String> {
        let mut cells = Vec::with_capacity(self.names.len());
        for name in &self.names {
            match name.as_deref() {
                None | Some("") => cells.push(String::new()),
                Some(name) if row.is_null() => return Err(null_error(name)),
                Some(name) => {
                    cells.push(quote(&row.get(name).map(ensure_text).unwrap_or_default(), sep));
                }
            }
        }
        Ok(cells.join(sep))
    }

    fn line_of_list(&self, row: &Value, sep: &str) -> Result<String, String> {
        if row.is_null() {
            return Err(null_error("length"));
        }
        // A text among lists is a list of its characters, as in JavaScript.
        let characters: Vec<Value>;
        let items = match row {
            Value::Str(text) => {
                characters = text.chars().map(|c| Value::str(c.encode_utf8(&mut [0; 4]))).collect();
                &characters
            }
            row => row.as_array().unwrap_or_default(),
        };
        let cell = |at: usize| quote(&items.get(at).map(ensure_text).unwrap_or_default(), sep);
        if is_blank(&self.names) {
            return Ok((0..items.len()).map(cell).collect::<Vec<_>>().join(sep));
        }
        // Columns without a name stay empty, and behind the last one with a name nothing is written.
        let named = |at: &usize| self.names[*at].as_deref().is_some_and(|name| !name.is_empty());
        let end = (0..self.names.len()).rev().find(named).map_or(0, |last| last + 1);
        let cells = (0..end).map(|at| if named(&at) { cell(at) } else { String::new() });
        Ok(cells.collect::<Vec<_>>().join(sep))
    }
}

/// A row by the keys that the first row has; what holds more than one value is left out.
fn line_without_names(first: Option<&Value>, row: &Value, sep: &str) -> String {
    let Some(Value::Object(first)) = first else { return String::new() };
    let cells = first.keys().filter_map(|key| row.get(key)).filter(|cell| !is_object(cell));
    cells.map(|cell| quote(&cell.to_text(), sep)).collect::<Vec<_>>().join(sep)
}

/// Goes through a text row by row.
#[derive(Clone)]
pub struct RfcRows {
    text: Str,
    at: usize,
    options: CellOptions,
    /// `None` until the first row says how many columns to number.
    names: Option<Vec<Cell>>,
    row: Vec<Cell>,
}

impl RfcRows {
    /// The names as `msg.columns` has them, when the text has been gone through.
    pub fn columns(&self) -> String {
        columns_text(self.names.as_deref().unwrap_or_default())
    }
}

impl Iterator for RfcRows {
    type Item = Object;

    fn next(&mut self) -> Option<Object> {
        loop {
            let mut cells = Cells { text: &self.text, at: self.at, sep: self.options.sep, strict: false };
            self.row.clear();
            // Only strict reading has errors.
            let found = cells.row(&mut self.row).unwrap_or(false);
            self.at = cells.at;
            if !found {
                return None;
            }
            let count = self.row.len();
            let number = |n: usize| Some(Str::from(format!("col{}", n + 1)));
            let names = self.names.get_or_insert_with(|| (0..count).map(number).collect());
            let mut object = Object::with_capacity(names.len());
            for (at, name) in names.iter().enumerate() {
                let Some(name) = name.as_ref().filter(|name| !name.is_empty()) else { continue };
                match self.row.get(at).and_then(Option::as_ref) {
                    None if self.options.nulls => object.insert(name.clone(), Value::Null),
                    Some(text) if !text.is_empty() || self.options.empty_strings => {
                        object.insert(name.clone(), cell_value(text, self.options.numbers));
                    }
                    None | Some(_) => {}
                }
            }
            if !object.is_empty() {
                return Some(object);
            }
        }
    }
}

fn cell_value(text: &Str, numbers: bool) -> Value {
    let value = Value::Str(text.clone());
    let unsigned = text.trim_start_matches(' ');
    let digits = unsigned.strip_prefix('-').unwrap_or(unsigned).as_bytes();
    let leading_zero = digits.first() == Some(&b'0') && digits.get(1).is_some_and(u8::is_ascii_digit);
    if !numbers || text.is_empty() || unsigned.starts_with('+') || leading_zero {
        return value;
    }
    let number = value.to_number();
    if number.is_nan() { value } else { Value::number(number) }
}

/// Reads the cells of a text.
struct Cells<'t> {
    text: &'t str,
    at: usize,
    sep: Option<char>,
    /// Quotes by the rules only; else a quote in the middle is a character like others.
    strict: bool,
}

impl Cells<'_> {
    /// The next row that has a cell; `false` at the end. A last cell that is empty is none.
    fn row(&mut self, row: &mut Vec<Cell>) -> Result<bool, String> {
        while row.is_empty() && self.at < self.text.len() {
            self.line(row)?;
        }
        Ok(!row.is_empty())
    }

    /// The cells up to the end of the line.
    fn line(&mut self, row: &mut Vec<Cell>) -> Result<(), String> {
        let mut cell = String::new();
        // Nothing of this cell has come yet; its closing quote was the last character.
        let (mut fresh, mut closed) = (true, false);
        while let Some(c) = self.text[self.at..].chars().next() {
            match c {
                _ if Some(c) == self.sep => {
                    row.push((!fresh || !cell.is_empty()).then(|| Str::new(&cell)));
                    cell.clear();
                    (fresh, closed) = (true, false);
                    self.at += c.len_utf8();
                }
                '"' if fresh => {
                    self.at += 1;
                    fresh = false;
                    closed = self.quoted(&mut cell)?;
                }
                '"' if self.strict => {
                    return Err(
                        "UnquotedQuoteError: Quote found in the middle of an unquoted field".to_string()
                    );
                }
                '"' => {
                    self.at += 1;
                    let next = self.text[self.at..].chars().next();
                    if next.is_some_and(|c| c != '\n' && c != '\r' && Some(c) != self.sep) {
                        cell.push('"');
                        self.at += usize::from(next == Some('"'));
                    }
                }
                '\n' | '\r' => {
                    self.at += 1;
                    self.at += usize::from(self.text[self.at..].starts_with('\n'));
                    break;
                }
                _ if closed && self.strict => {
                    return Err("DataAfterCloseError: Data found after closing quote".to_string());
                }
                _ if closed => {
                    // Text behind the closing quote: that quote was a character too, and is read again as one.
                    self.at -= 1;
                    closed = false;
                }
                _ => {
                    let rest = &self.text[self.at..];
                    let ends = |c| c == '"' || Some(c) == self.sep || c == '\n' || c == '\r';
                    let end = rest.find(ends).unwrap_or(rest.len());
                    cell.push_str(&rest[..end]);
                    fresh = false;
                    self.at += end;
                }
            }
        }
        if !cell.is_empty() {
            row.push(Some(Str::from(cell)));
        }
        Ok(())
    }

    /// The inside of quotes; whether they were closed.
    fn quoted(&mut self, cell: &mut String) -> Result<bool, String> {
        loop {
            let rest = &self.text[self.at..];
            let Some(end) = rest.find('"') else {
                cell.push_str(rest);
                self.at = self.text.len();
                if self.strict {
                    return Err("ParseError: Missing quote, unclosed cell".to_string());
                }
                return Ok(false);
            };
            cell.push_str(&rest[..end]);
            self.at += end + 1;
            if !rest[end + 1..].starts_with('"') {
                return Ok(true);
            }
            cell.push('"');
            self.at += 1;
        }
    }
}

//! csv: CSV text to objects and back, in the older way of Node-RED and by RFC 4180.

use serde::Deserialize;
use serde_json::Value as Json;

use super::csv_common::{BadNames, CellOptions, NamesOut, Options, Parts};
use super::csv_legacy::Legacy;
use super::csv_rfc::Rfc;
use super::csv_rows::{Rows, row_messages};
use crate::cx::{Cx, Held};
use crate::descriptor::{Category, Descriptor, Field, Outputs, Role};
use crate::error::NodeError;
use crate::host::Status;
use crate::message::{Message, Token};
use crate::node::{Built, NodeConfig, NodeType, Transform};
use crate::read;
use crate::value::{Object, Str, Value};

pub const NODE: NodeType = NodeType { descriptor: &DESCRIPTOR, build };

static DESCRIPTOR: Descriptor = Descriptor {
    type_name: "csv",
    category: Category::Parser,
    summary: "Turns CSV text into objects, and objects into CSV text.",
    help: include_str!("csv.md"),
    examples: include_str!("csv.examples.json"),
    inputs: 1,
    outputs: Outputs::Fixed(1),
    role: Role::Transform,
    fields: &[
        Field::choice(
            "spec",
            &[("rfc", "RFC 4180"), ("", "Legacy")],
            "Parser",
            "RFC 4180 reads quotes strictly and ends lines with CR LF. Legacy is how Node-RED read CSV before version 4.",
        )
        .default("\"rfc\""),
        Field::text("temp", "Columns", "The names of the columns, separated by commas. A column without a name is left out.")
            .default("\"\""),
        Field::text("sep", "Separator", "The character between columns; \\t is the tabulator.").default("\",\""),
        Field::integer("skip", "Skip lines", "So many lines at the start of a text are left out.")
            .default("\"0\"")
            .at_least(0.0),
        Field::bool("hdrin", "First row has the names", "Take the names of the columns from the first row of the text.")
            .default("false"),
        Field::bool("strings", "Numbers", "Turn texts that are numbers into numbers.").default("true"),
        Field::bool("include_empty_strings", "Keep empty texts", "Keep columns that hold an empty text.").default("false"),
        Field::bool("include_null_values", "Keep missing values", "Keep columns without a value, as null.")
            .default("false"),
        Field::choice(
            "multi",
            &[("one", "A message for each row"), ("mult", "One message with all rows")],
            "Output",
            "Whether each row becomes a message, or all rows become a list in one.",
        )
        .default("\"one\""),
        Field::choice(
            "hdrout",
            &[
                ("none", "Never send the names"),
                ("all", "Send the names each time"),
                ("once", "Send the names once, until msg.reset"),
            ],
            "Names in the text",
            "Whether text that is made starts with a row of column names.",
        )
        .default("\"none\""),
        Field::text("ret", "Line ending", "What ends each line of text that is made: \\n, \\r\\n or \\r.")
            .default("\"\\\\r\\\\n\""),
    ],
};

#[derive(Deserialize)]
struct Config {
    #[serde(default, deserialize_with = "read::text")]
    spec: String,
    #[serde(default, deserialize_with = "read::text")]
    temp: String,
    #[serde(default, deserialize_with = "read::text")]
    sep: String,
    #[serde(default, deserialize_with = "read::maybe_number")]
    skip: Option<f64>,
    #[serde(default, deserialize_with = "read::boolean")]
    hdrin: bool,
    #[serde(default = "read::yes", deserialize_with = "read::boolean")]
    strings: bool,
    #[serde(default, deserialize_with = "read::boolean")]
    include_empty_strings: bool,
    #[serde(default, deserialize_with = "read::boolean")]
    include_null_values: bool,
    #[serde(default, deserialize_with = "read::text")]
    multi: String,
    #[serde(default)]
    hdrout: Json,
    #[serde(default, deserialize_with = "read::text")]
    ret: String,
}

fn build(config: &NodeConfig) -> Result<Built, NodeError> {
    let config: Config = config.read()?;
    let unescape = |text: &str| text.replace("\\t", "\t").replace("\\n", "\n").replace("\\r", "\r");
    let rfc = config.spec == "rfc";
    let sep = unescape(if config.sep.is_empty() { "," } else { &config.sep });
    let mut chars = sep.chars();
    let single = chars.next().filter(|c| chars.next().is_none() && c.len_utf16() == 1);
    let ret = match (config.ret.as_str(), rfc) {
        ("", true) => "\r\n".to_string(),
        ("", false) => "\n".to_string(),
        (ret, _) => unescape(ret),
    };
    let options = Options {
        names_out: match &config.hdrout {
            Json::Bool(true) => NamesOut::Always,
            Json::String(when) if when == "all" => NamesOut::Always,
            Json::String(when) if when == "once" => NamesOut::Once,
            _ => NamesOut::Never,
        },
        many: !matches!(config.multi.as_str(), "" | "one"),
        mult: config.multi == "mult",
        skip: config.skip.unwrap_or(0.0).trunc(),
        names_in: config.hdrin,
        cells: CellOptions {
            sep: single,
            numbers: config.strings,
            empty_strings: config.include_empty_strings,
            nulls: config.include_null_values,
        },
        temp: config.temp,
        sep,
        ret,
    };
    let dialect = if rfc { Dialect::Rfc(Rfc::new(&options)) } else { Dialect::Legacy(Legacy::new(&options)) };
    Ok(Built::transform(Csv { options, dialect, names_sent: false, warned: false, rows: Vec::new() }))
}

enum Dialect {
    Legacy(Legacy),
    Rfc(Rfc),
}

/// Above this many bytes the rows of a text are made when the flow has room for them.
const LARGE: usize = 64 << 10;

const NOT_CSV: &str = "This node only handles CSV strings or js objects.";
const BAD_COLUMNS: &str = "Malformed columns template.";

struct Csv {
    options: Options,
    dialect: Dialect,
    names_sent: bool,
    warned: bool,
    /// Rows of the parts that came so far, until the last part comes.
    rows: Vec<Held>,
}

impl Transform for Csv {
    fn start(&mut self, cx: &mut Cx<'_>) -> Result<(), NodeError> {
        cx.status(Status::clear());
        if self.has_bad_columns() {
            cx.warn(BAD_COLUMNS);
            cx.status(Status::new("red", "dot", BAD_COLUMNS));
        }
        Ok(())
    }

    fn handle(&mut self, msg: &mut Option<Message>, cx: &mut Cx<'_>) -> Result<(), NodeError> {
        let Some(message) = msg.as_ref() else { return Ok(()) };
        if self.has_bad_columns() {
            return Err(NodeError::rejected(BAD_COLUMNS));
        }
        if matches!(self.dialect, Dialect::Rfc(_)) {
            cx.status(Status::clear());
        }
        let reset = message.value.contains_key("reset");
        self.names_sent &= !reset;
        match message.get("payload") {
            None if reset => Ok(()),
            None => {
                if let Some(message) = msg.take() {
                    cx.send(0, message);
                }
                Ok(())
            }
            Some(Value::Str(text)) => self.read(text.clone(), msg, cx),
            Some(Value::Array(_) | Value::Object(_) | Value::Null) => self.write(msg, cx),
            Some(_) if matches!(self.dialect, Dialect::Rfc(_)) => {
                cx.status(Status::new("red", "dot", NOT_CSV));
                Err(NodeError::rejected(format!("Error: {NOT_CSV}")))
            }
            Some(_) => {
                cx.warn(NOT_CSV);
                Ok(())
            }
        }
    }
}

impl Csv {
    fn has_bad_columns(&self) -> bool {
        matches!(&self.dialect, Dialect::Rfc(rfc) if rfc.is_bad())
    }

    fn write(&mut self, msg: &mut Option<Message>, cx: &mut Cx<'_>) -> Result<(), NodeError> {
        let Some(message) = msg.as_mut() else { return Ok(()) };
        let names = self.options.names_out != NamesOut::Never && !self.names_sent;
        // Objects came, and nothing says which columns to write.
        let mut no_columns = false;
        let written = match &mut self.dialect {
            Dialect::Legacy(legacy) => legacy.write(&message.value, &self.options, names, &mut no_columns),
            Dialect::Rfc(rfc) => rfc.write(&message.value, &self.options, names, &mut no_columns),
        };
        if no_columns && !self.warned {
            self.warned = true;
            cx.warn("No columns template specified for object -> CSV.");
        }
        let written = written.map_err(NodeError::rejected)?;
        self.names_sent |= names && self.options.names_out == NamesOut::Once;
        message.set("payload", written.text);
        message.set("columns", written.columns);
        if let Some(message) = msg.take() {
            cx.done_with(&message);
            cx.send(0, message);
        }
        Ok(())
    }

    fn read(&mut self, text: Str, msg: &mut Option<Message>, cx: &mut Cx<'_>) -> Result<(), NodeError> {
        let Some(message) = msg.as_mut() else { return Ok(()) };
        let parts = Parts::of(&message.value);
        let large = text.len() > LARGE && !self.options.many;
        let (rows, breaks) = match &mut self.dialect {
            Dialect::Legacy(legacy) => {
                let (rows, breaks) = legacy.read(text, parts.as_ref(), &self.options);
                (Rows::Legacy(rows), breaks)
            }
            Dialect::Rfc(rfc) => match rfc.read(text, parts.as_ref(), &self.options) {
                Ok(Some((rows, breaks))) => (Rows::Rfc(rows), breaks),
                Ok(None) => {
                    // As in Node-RED, a text that is skipped whole is never done.
                    cx.not_done();
                    return Ok(());
                }
                Err(BadNames(error)) => {
                    cx.status(Status::new("red", "dot", BAD_COLUMNS));
                    return Err(NodeError::rejected(error));
                }
            },
        };
        // Columns and number of rows stand in every message, so a large text is gone through twice.
        let mut scan = rows.clone();
        let mut list: Vec<Object> = Vec::new();
        let mut count = 0;
        for row in scan.by_ref() {
            count += 1;
            if !large {
                list.push(row);
            }
        }
        let columns = self.finish(scan, cx);
        if self.options.many {
            return self.send_list(list, columns, parts, breaks, msg, cx);
        }
        let Some(message) = msg.as_ref() else { return Ok(()) };
        let to_message = row_messages(&self.options, message, columns, parts.as_ref(), count, cx);
        if large {
            cx.emit_pieces(0, rows.enumerate().map(to_message));
        } else {
            for object in list.into_iter().enumerate().map(to_message) {
                cx.send(0, message.with(object));
            }
        }
        if count == 0 && parts.is_some_and(|parts| parts.is_last()) {
            let id = cx.new_id();
            let end = [("complete", Value::Bool(true)), ("_msgid", Value::Str(id))].into_iter().collect();
            cx.send(0, cx.message(end));
        }
        Ok(())
    }

    /// What the end of a text tells: the columns, and whether a quote was left open.
    fn finish(&mut self, rows: Rows, cx: &mut Cx<'_>) -> String {
        match (rows, &mut self.dialect) {
            (Rows::Legacy(rows), Dialect::Legacy(legacy)) => {
                if rows.is_corrupt() {
                    cx.warn("Malformed CSV data - output probably corrupt.");
                }
                legacy.learn(rows)
            }
            (Rows::Rfc(rows), _) => rows.columns(),
            (Rows::Legacy(_), Dialect::Rfc(_)) => String::new(),
        }
    }

    /// All rows in one message; where each part is a line, when the last has come.
    fn send_list(
        &mut self,
        list: Vec<Object>,
        columns: String,
        parts: Option<Parts>,
        breaks: usize,
        msg: &mut Option<Message>,
        cx: &mut Cx<'_>,
    ) -> Result<(), NodeError> {
        let mut list: Vec<Value> = list.into_iter().map(Value::Object).collect();
        let Some(message) = msg.as_mut() else { return Ok(()) };
        if let Some(parts) = parts.filter(|_| breaks <= 1) {
            if parts.count != Some(parts.index + 1.0) {
                if !list.is_empty() {
                    let rows = [("payload", Value::array(list))].into_iter().collect();
                    // Node-RED is done with each part at once; its source hears of it when the rows have gone out.
                    let rows = cx.message(rows);
                    self.rows.push(cx.hold_message(rows).map_err(|(error, _)| error)?);
                }
                return Ok(());
            }
            let held = std::mem::take(&mut self.rows);
            let mut all = Vec::new();
            for rows in &held {
                all.extend_from_slice(rows.message().payload().as_array().unwrap_or_default());
            }
            all.append(&mut list);
            list = all;
            let held: Vec<Message> = held.into_iter().map(Held::into_message).collect();
            message.token =
                Token::merge(std::iter::once(&message.token).chain(held.iter().map(|m| &m.token)));
            message.value.remove("parts");
        }
        message.set("payload", list);
        message.set("columns", columns);
        if let Some(message) = msg.take() {
            cx.done_with(&message);
            cx.send(0, message);
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "csv_tests.rs"]
mod tests;

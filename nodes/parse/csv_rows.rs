//! Rows of a CSV text on their way into messages.

use super::csv_common::{Options, Parts};
use super::csv_legacy::LegacyRows;
use super::csv_rfc::RfcRows;
use crate::cx::Cx;
use crate::message::Message;
use crate::value::{Object, Value};

/// The rows of a text, one at a time, so that a large text never stands in memory as objects.
#[derive(Clone)]
pub enum Rows {
    Legacy(LegacyRows),
    Rfc(RfcRows),
}

impl Iterator for Rows {
    type Item = Object;

    fn next(&mut self) -> Option<Object> {
        match self {
            Rows::Legacy(rows) => rows.next(),
            Rows::Rfc(rows) => rows.next(),
        }
    }
}

/// What makes a message of a row and its number.
pub fn row_messages(
    options: &Options,
    message: &Message,
    columns: String,
    parts: Option<&Parts>,
    count: usize,
    cx: &mut Cx<'_>,
) -> impl FnMut((usize, Object)) -> Object + Send + 'static + use<> {
    let mut base = message.value.clone();
    base.insert("columns", columns);
    if parts.is_some_and(Parts::is_last) {
        base.insert("complete", true);
    }
    let of_parts = parts.is_some();
    if of_parts {
        // The lines that gave no message do not count.
        let gone = options.skip + if options.names_in { 1.0 } else { 0.0 };
        if let Some(Value::Object(parts)) = base.get_mut("parts") {
            for key in ["index", "count"] {
                let number = parts.get(key).map_or(f64::NAN, Value::to_number);
                parts.insert(key, Value::number(number - gone));
            }
        }
    }
    let id = match message.get("_msgid") {
        Some(id) => id.clone(),
        None => Value::Str(cx.new_id()),
    };
    move |(index, row)| {
        let mut object = base.clone();
        object.insert("payload", row);
        if !of_parts {
            let parts: [(&str, Value); 3] =
                [("id", id.clone()), ("index", index.into()), ("count", count.into())];
            object.insert("parts", parts.into_iter().collect::<Object>());
        }
        object
    }
}

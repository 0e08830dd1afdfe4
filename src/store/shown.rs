//! A record as it is shown.

use tidegate_nodes::value::{Object, Value};

use super::Record;

/// A record as JSON, one line: what `export` writes and `import` reads.
pub fn record_json(sequence: u64, record: &Record) -> String {
    let text = |text: &str| Value::from(text);
    let mut line = Object::with_capacity(7);
    line.insert("sequence", sequence as i64);
    line.insert("wall_ms", record.wall_ms);
    if let Some(event_ms) = record.event_ms {
        line.insert("event_ms", event_ms);
    }
    line.insert("key", record.key.as_deref().map_or(Value::Null, text));
    line.insert("source", text(&record.source));
    line.insert("value", record.value.clone());
    if !record.about.is_empty() {
        line.insert("about", record.about.clone());
    }
    Value::Object(line).to_json()
}

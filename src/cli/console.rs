//! What debug nodes show, on standard output; everything else goes to the log.

use std::time::Duration;

use serde_json::json;
use tidegate_nodes::value::Value;

use crate::engine::{Event, LogObserver, NodeRef, Observer};

pub struct Console {
    /// One object a line.
    json: bool,
    log: LogObserver,
}

impl Console {
    pub fn new(json: bool) -> Console {
        Console { json, log: LogObserver::default() }
    }
}

impl Observer for Console {
    fn event(&self, at: Duration, node: &NodeRef, event: Event) {
        let Event::Debug(record) = &event else { return self.log.event(at, node, event) };
        if !record.to_sidebar && !record.to_console {
            return;
        }
        let value = record.value.as_ref();
        if self.json {
            let line = json!({
                "node": node.id, "name": node.name, "flow": node.flow, "property": record.property,
                "topic": record.topic, "msgid": record.message_id, "value": value,
            });
            show(format_args!("{line}"));
            return;
        }
        let name = if node.name.is_empty() { node.id.as_str() } else { node.name.as_str() };
        let text = match value {
            None => "undefined".to_string(),
            Some(Value::Str(text)) => text.to_string(),
            Some(value) => value.to_json(),
        };
        let topic = record.topic.as_deref().map(|topic| format!(" {topic}")).unwrap_or_default();
        show(format_args!("[{name}]{topic} {text}"));
    }
}

/// A line for whoever looks on. The flow runs on when nobody does.
fn show(line: std::fmt::Arguments<'_>) {
    use std::io::Write;
    let _ = writeln!(std::io::stdout(), "{line}");
}

//! Flows to measure, as flow JSON: the same for Tidegate and for Node-RED, the language of functions aside.

use serde_json::{Value as Json, json};
use tidegate_nodes::value::{Object, Value};

/// A flow that is put together node by node.
#[derive(Default)]
pub struct Flow(Vec<Json>);

impl Flow {
    pub fn new() -> Flow {
        Flow(vec![json!({"id": "t", "type": "tab", "label": "bench"})])
    }

    /// Adds a node of this kind: `{"type": .., its properties}`.
    pub fn add(&mut self, id: &str, kind: &Json, wires: &[&[&str]]) {
        let mut node = kind.clone();
        node["id"] = json!(id);
        node["z"] = json!("t");
        // Without a place on the tab Node-RED would take it for a config node.
        (node["x"], node["y"]) = (json!(100), json!(100));
        node["wires"] = json!(wires);
        self.0.push(node);
    }

    /// Adds nodes `<name>0`, `<name>1`, ... in a row, by all the outputs that each has; what comes out of the last goes
    /// to `then`.
    pub fn add_chain(&mut self, name: &str, kinds: &[Json], then: &[&str]) {
        for (at, kind) in kinds.iter().enumerate() {
            let next = format!("{name}{}", at + 1);
            let next: &[&str] = if at + 1 == kinds.len() { then } else { &[&next] };
            let outputs = kind["outputs"].as_u64().unwrap_or(1) as usize;
            self.add(&format!("{name}{at}"), kind, &vec![next; outputs]);
        }
    }

    pub fn to_json(&self) -> Json {
        Json::Array(self.0.clone())
    }
}

/// So many nodes of a kind.
pub fn many(kind: &Json, count: usize) -> Vec<Json> {
    vec![kind.clone(); count]
}

pub fn junction() -> Json {
    json!({"type": "junction"})
}

/// Cuts an array up.
pub fn split() -> Json {
    json!({"type": "split", "splt": "\\n", "spltType": "str", "arraySplt": 1, "arraySpltType": "len",
        "stream": false, "addname": "", "property": "payload"})
}

/// Sets a property inside the payload to a fixed text.
pub fn change() -> Json {
    json!({"type": "change", "rules": [{"t": "set", "p": "payload.area", "pt": "msg", "to": "north", "tot": "str"}]})
}

/// Copies a property of the payload to the topic.
pub fn change_from_message() -> Json {
    json!({"type": "change", "rules": [{"t": "set", "p": "topic", "pt": "msg", "to": "payload.site", "tot": "msg"}]})
}

/// Lets pass the alarms 312, which all messages here are.
pub fn switch() -> Json {
    json!({"type": "switch", "property": "payload.alarm_id", "propertyType": "msg", "checkall": "false",
        "rules": [{"t": "eq", "v": "312", "vt": "num"}], "repair": false, "outputs": 1})
}

/// Five rules of which the last matches; all their wires lead to the next node.
pub fn switch_of_five() -> Json {
    let rule = |t: &str, v: &str| json!({"t": t, "v": v, "vt": "str"});
    json!({"type": "switch", "property": "payload.text", "propertyType": "msg", "checkall": "false", "repair": false,
        "rules": [rule("eq", ""), rule("eq", "door open"), rule("cont", "smoke"), rule("null", ""),
            rule("cont", "mains failure")], "outputs": 5})
}

/// A function in the language that is asked for.
pub fn function(rhai: bool, in_rhai: &str, in_javascript: &str) -> Json {
    let mut node = json!({"type": "function", "outputs": 1, "timeout": 0, "noerr": 0, "initialize": "",
        "finalize": "", "libs": []});
    if rhai {
        node["lang"] = json!("rhai");
    }
    node["func"] = json!(if rhai { in_rhai } else { in_javascript });
    node
}

/// Reads four fields, compares two of them, and builds an object.
pub fn function_that_builds(rhai: bool) -> Json {
    function(
        rhai,
        "let alarm = msg.payload;\n\
         if alarm.alarm_id == 312 && alarm.severity >= 2 {\n\
             msg.payload = #{site: alarm.site, alarm: alarm.alarm_id, severity: alarm.severity, since: alarm.time};\n\
             msg\n\
         }",
        "const alarm = msg.payload;\n\
         if (alarm.alarm_id === 312 && alarm.severity >= 2) {\n\
             msg.payload = {site: alarm.site, alarm: alarm.alarm_id, severity: alarm.severity, since: alarm.time};\n\
             return msg;\n\
         }",
    )
}

/// Lets the alarm 312 pass.
pub fn function_that_filters(rhai: bool) -> Json {
    function(
        rhai,
        "if msg.payload.alarm_id == 312 { msg }",
        "if (msg.payload.alarm_id === 312) { return msg; }",
    )
}

/// An alarm of a base station, 200 bytes of JSON.
pub fn alarm_text(number: u64, alarm_id: u32) -> String {
    let text = format!(
        "{{\"site\":\"bs-{:04}\",\"area\":\"south\",\"alarm_id\":{alarm_id},\"severity\":{},\"time\":{},\
         \"text\":\"mains failure of the site\",\"value\":{}.5,\"unit\":\"V\",\"active\":true,\"pad\":\"",
        number % 10_000,
        2 + number % 3,
        1_763_640_000_000_u64 + number,
        40 + number % 10,
    );
    let pad = "x".repeat(198_usize.saturating_sub(text.len()));
    format!("{text}{pad}\"}}")
}

/// A message with an alarm as its payload.
pub fn alarm_message(number: u64) -> Object {
    let payload = Value::from_json(alarm_text(number, 312).as_bytes()).expect("the text above is JSON");
    message(number, payload)
}

/// A message with an alarm that has so many more properties of 100 bytes.
pub fn large_message(number: u64, more: usize) -> Object {
    let mut message = alarm_message(number);
    let payload = message.get_mut("payload").and_then(Value::as_object_mut).expect("the payload is an alarm");
    for n in 0..more {
        payload.insert(format!("field{n}"), "0123456789".repeat(9));
    }
    message
}

pub fn message(number: u64, payload: Value) -> Object {
    let mut message = Object::with_capacity(4);
    message.insert("_msgid", format!("{number:016x}"));
    message.insert("topic", "site/alarm");
    message.insert("payload", payload);
    message
}

use serde_json::json;
use tidegate_nodes::descriptor::{Field, FieldKind};

use super::super::super::model::{Document, Limits};
use super::super::Report;
use super::{Check, Json};

const FIELDS: &[Field] = &[
    Field::text("host", "Host", "The broker's host name.").required(),
    Field::integer("port", "Port", "The broker's port.").range(1.0, 65535.0).default("1883"),
    Field::bool("tls", "TLS", "Encrypt."),
    Field::choice("qos", &[("0", "At most once"), ("1", "At least once")], "QoS", "Delivery."),
    Field::new("broker", FieldKind::Resource("mqtt-broker"), "Broker", "The broker."),
    Field::new("links", FieldKind::Nodes, "Links", "Where to."),
    Field::list("rules", RULES, "Rules", "What to look for.").range(1.0, 3.0),
    Field::text("ca", "CA", "Certificate.").required().visible_if("tls", &["true"]),
    Field::integer("pin", "Pin", "The SIM's.").secret(),
];

const RULES: &[Field] = &[
    Field::typed("v", "vt", &["str", "num", "json", "msg"], "Value", "What it is."),
    Field::number("limit", "Limit", "At most."),
];

/// What is found in a node with these properties, as `severity pointer: message`, errors first.
fn found(properties: Json) -> Vec<String> {
    let mut node = json!({"id": "n", "type": "x", "host": "h", "z": "t"});
    node.as_object_mut().unwrap().extend(properties.as_object().unwrap().clone());
    let nodes = json!([
        node,
        {"id": "b1", "type": "mqtt-broker"},
        {"id": "t", "type": "tab"}
    ]);
    let document = Document::from_json(nodes, &Limits::default()).unwrap();
    let mut report = Report::new(&document);
    let node = &document.nodes[0];
    let mut check = Check { report: &mut report, node, instance: None };
    check.object(&node.properties, FIELDS, "");
    let all = report.problems.into_iter().chain(report.doubts);
    all.map(|p| {
        let message = p.message.strip_prefix("x (n): ").unwrap();
        format!(
            "{} {}: {message}{}",
            p.severity.name(),
            p.pointer,
            p.hint.map(|h| format!("; {h}")).unwrap_or_default()
        )
    })
    .collect()
}

#[test]
fn as_node_red_writes_it() {
    for properties in [
        json!({}),
        json!({"port": "1883", "tls": "true", "ca": "x", "qos": 0, "broker": "b1", "rules": [{"v": "1", "vt": "num"}]}),
        json!({"port": "", "tls": false, "qos": "", "broker": "", "rules": null}),
        json!({"port": "${PORT}", "tls": "${TLS}", "qos": "$(QOS)", "broker": "${BROKER}"}),
        json!({"broker": "_ADD_", "links": ["b1"], "rules": [{"limit": "7.5"}, {"v": {"a": 1}, "vt": "json"}]}),
        json!({"links": "group", "tls": 0}),
    ] {
        assert_eq!(found(properties.clone()), Vec::<String>::new(), "{properties}");
    }
}

#[test]
fn wrong_kinds() {
    assert_eq!(
        found(json!({"port": "mqtt", "tls": [], "rules": {}, "links": 7})),
        [
            "error /0/port: port: expected a number, found \"mqtt\"",
            "error /0/tls: tls: expected true or false, found a list",
            "error /0/links: links: expected a list of ids, found 7",
            "error /0/rules: rules: expected a list, found an object",
        ]
    );
    assert_eq!(
        found(json!({"rules": [{"limit": "x"}, 7], "links": [7, "gone"]})),
        [
            "error /0/links/0: links/0: expected the id of a node, found 7",
            "warning /0/links/1: links/1: \"gone\" is not in the document",
            "error /0/rules/0/limit: rules/0/limit: expected a number, found \"x\"",
            "error /0/rules/1: rules/1: expected an object, found 7",
        ]
    );
    assert_eq!(found(json!({"pin": "hidden"})), ["error /0/pin: pin: expected a number, found text"]);
}

#[test]
fn resources() {
    assert_eq!(
        found(json!({"broker": "b2"})),
        ["error /0/broker: broker: the mqtt-broker \"b2\" is not in the document; there is mqtt-broker (b1)"]
    );
    assert_eq!(
        found(json!({"broker": "t"})),
        ["error /0/broker: broker: expected a mqtt-broker, and \"t\" is a tab"]
    );
}

#[test]
fn what_the_node_has_the_last_word_on() {
    assert_eq!(
        found(json!({"host": "", "port": 70000.5, "tls": true, "qos": "11", "rules": [
            {"v": "{", "vt": "json"}, {"v": "a[", "vt": "msg"}, {"v": 1, "vt": "nummm"}, {}
        ]})),
        [
            "warning /0/host: host is missing; Host: The broker's host name.",
            "warning /0/port: port: expected a whole number, found 70000.5",
            "warning /0/port: port: expected at most 65535, found 70000.5",
            "warning /0/qos: qos: there is no choice \"11\"; the choices are \"0\", \"1\"",
            "warning /0/rules: rules: expected at most 3 items, found 4",
            "warning /0/rules/0/v: rules/0/v: \"{\": not JSON: EOF while parsing an object at line 1 column 1",
            "warning /0/rules/1/v: rules/1/v: \"a[\": invalid property expression `a[`: unterminated expression",
            "warning /0/rules/2/vt: rules/2/vt: there is no choice \"nummm\"; did you mean \"num\"?",
            "warning /0/ca: ca is missing; CA: Certificate.",
        ]
    );
}

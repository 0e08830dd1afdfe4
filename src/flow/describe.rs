//! What a node says about itself, as JSON: what palettes and forms are made from.

use serde_json::{Value as Json, json};
use tidegate_nodes::descriptor::{Descriptor, Field, FieldKind, Outputs};

/// A descriptor as JSON: what the editor's forms are made from.
pub fn describe(descriptor: &Descriptor) -> Json {
    let outputs = match descriptor.outputs {
        Outputs::Fixed(n) => json!(n),
        Outputs::Field(name) => json!({ "field": name }),
        Outputs::ItemsOf(name) => json!({ "items_of": name }),
        Outputs::Wires => json!("wires"),
    };
    json!({
        "type": descriptor.type_name,
        "category": descriptor.category.name(),
        "summary": descriptor.summary,
        "help": descriptor.help,
        "inputs": descriptor.inputs,
        "outputs": outputs,
        "fields": descriptor.fields.iter().map(describe_field).collect::<Vec<_>>(),
    })
}

fn describe_field(field: &Field) -> Json {
    let mut json = json!({
        "name": field.name,
        "label": field.label,
        "help": field.help,
        "required": field.required,
        "secret": field.secret,
    });
    let (kind, detail) = match field.kind {
        FieldKind::Text => ("text", Json::Null),
        FieldKind::Code(language) => ("code", json!({ "language": language })),
        FieldKind::Number => ("number", Json::Null),
        FieldKind::Integer => ("integer", Json::Null),
        FieldKind::Bool => ("bool", Json::Null),
        FieldKind::Choice(options) => {
            let options: Vec<Json> =
                options.iter().map(|(value, label)| json!({ "value": value, "label": label })).collect();
            ("choice", json!({ "options": options }))
        }
        FieldKind::Typed { type_field, types } => {
            ("typed", json!({ "type_field": type_field, "types": types }))
        }
        FieldKind::Resource(of) => ("resource", json!({ "of": of })),
        FieldKind::Nodes => ("nodes", Json::Null),
        FieldKind::List(fields) => {
            ("list", json!({ "fields": fields.iter().map(describe_field).collect::<Vec<_>>() }))
        }
        FieldKind::Group(fields) => {
            ("group", json!({ "fields": fields.iter().map(describe_field).collect::<Vec<_>>() }))
        }
        FieldKind::Json => ("json", Json::Null),
    };
    json["kind"] = json!(kind);
    let default = field.default.and_then(|text| serde_json::from_str::<Json>(text).ok());
    let visible = field.visible_if.map(|(name, values)| json!({ "field": name, "values": values }));
    let more = [
        ("default", default),
        ("min", field.min.map(Json::from)),
        ("max", field.max.map(Json::from)),
        ("visible_if", visible),
    ];
    for (key, value) in more {
        if let Some(value) = value {
            json[key] = value;
        }
    }
    if let Json::Object(detail) = detail {
        for (key, value) in detail {
            json[key.as_str()] = value;
        }
    }
    json
}

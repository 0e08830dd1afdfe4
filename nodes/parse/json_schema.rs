//! Checking a value against a JSON schema, and saying what is wrong as Ajv does, whose words Node-RED hands on.

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{Draft, ValidationError, Validator};

use crate::value::{Object, Value};

/// A schema, compiled.
pub struct Schema {
    source: Value,
    validator: Validator,
}

impl Schema {
    /// `None` where it is no schema.
    pub fn compile(source: &Value) -> Option<Schema> {
        let json = serde_json::to_value(source).ok()?;
        let mut options = jsonschema::options().should_validate_formats(true);
        if json.get("$schema").is_none() {
            // What Ajv takes a schema for that does not say.
            options = options.with_draft(Draft::Draft7);
        }
        Some(Schema { source: source.clone(), validator: options.build(&json).ok()? })
    }

    pub fn is(&self, source: &Value) -> bool {
        self.source == *source
    }

    /// What is wrong with the value, as Ajv lists it; empty when nothing is.
    pub fn check(&self, value: &Value) -> Vec<Value> {
        // The validator reads serde_json's tree. One is made here, for messages that carry a schema only.
        let Ok(json) = serde_json::to_value(value) else {
            return vec![violation("", "", "type", Object::new(), "must be JSON")];
        };
        let mut list = Vec::new();
        for error in self.validator.iter_errors(&json) {
            add(&error, &mut list);
        }
        list
    }
}

/// The violations in one line.
pub fn text(violations: &[Value]) -> String {
    let part = |violation: &Value, key| violation.get(key).map(Value::to_text).unwrap_or_default();
    let lines: Vec<String> = violations
        .iter()
        .map(|v| format!("data{} {}", part(v, "instancePath"), part(v, "message")))
        .collect();
    lines.join(", ")
}

fn violation(instance: &str, schema: &str, keyword: &str, params: Object, message: &str) -> Value {
    let fields: [(&str, Value); 5] = [
        ("instancePath", instance.into()),
        ("schemaPath", format!("#{schema}").into()),
        ("keyword", keyword.into()),
        ("params", params.into()),
        ("message", message.into()),
    ];
    Value::Object(fields.into_iter().collect())
}

fn add(error: &ValidationError<'_>, list: &mut Vec<Value>) {
    use ValidationErrorKind as Kind;

    let (instance, schema) = (error.instance_path().as_str(), error.schema_path().as_str());
    let mut put = |keyword: &str, params: Vec<(&str, Value)>, message: String| {
        list.push(violation(instance, schema, keyword, params.into_iter().collect(), &message));
    };
    let compared = |sign: &str, limit: &serde_json::Value| {
        let limit = Value::from(limit);
        let message = format!("must be {sign} {}", limit.to_text());
        (vec![("comparison", sign.into()), ("limit", limit)], message)
    };
    let counted = |word: &str, limit: u64, unit: &str| {
        let limit = Value::number(limit as f64);
        let message = format!("must NOT have {word} than {} {unit}", limit.to_text());
        (vec![("limit", limit)], message)
    };
    let keyword = error.kind().keyword();
    let (params, message) = match error.kind() {
        Kind::Type { kind } => {
            let names: Vec<String> = match kind {
                TypeKind::Single(one) => vec![one.to_string()],
                TypeKind::Multiple(set) => set.iter().map(|one| one.to_string()).collect(),
            };
            let expected = match names.as_slice() {
                [one] => Value::str(one),
                several => Value::array(several.iter().map(Value::str).collect()),
            };
            (vec![("type", expected)], format!("must be {}", names.join(",")))
        }
        Kind::Required { property } => {
            let property = Value::from(property);
            let message = format!("must have required property '{}'", property.to_text());
            (vec![("missingProperty", property)], message)
        }
        Kind::AdditionalProperties { unexpected } => {
            for name in unexpected {
                let params = vec![("additionalProperty", Value::str(name))];
                put(keyword, params, "must NOT have additional properties".to_string());
            }
            return;
        }
        Kind::Enum { options } => (
            vec![("allowedValues", Value::from(&**options))],
            "must be equal to one of the allowed values".to_string(),
        ),
        Kind::Constant { expected_value } => {
            (vec![("allowedValue", Value::from(&**expected_value))], "must be equal to constant".to_string())
        }
        Kind::Minimum { limit } => compared(">=", limit),
        Kind::Maximum { limit } => compared("<=", limit),
        Kind::ExclusiveMinimum { limit } => compared(">", limit),
        Kind::ExclusiveMaximum { limit } => compared("<", limit),
        Kind::MultipleOf { multiple_of } => {
            let of = Value::number(*multiple_of);
            let message = format!("must be multiple of {}", of.to_text());
            (vec![("multipleOf", of)], message)
        }
        Kind::MaxLength { limit } => counted("more", *limit, "characters"),
        Kind::MinLength { limit } => counted("fewer", *limit, "characters"),
        Kind::MaxItems { limit } => counted("more", *limit, "items"),
        Kind::MinItems { limit } => counted("fewer", *limit, "items"),
        Kind::AdditionalItems { limit } => counted("more", *limit as u64, "items"),
        Kind::MaxProperties { limit } => counted("more", *limit, "properties"),
        Kind::MinProperties { limit } => counted("fewer", *limit, "properties"),
        Kind::Pattern { pattern } => {
            (vec![("pattern", Value::str(pattern))], format!("must match pattern \"{pattern}\""))
        }
        Kind::Format { format } => {
            (vec![("format", Value::str(format))], format!("must match format \"{format}\""))
        }
        Kind::UniqueItems => (vec![], "must NOT have duplicate items".to_string()),
        Kind::Contains => {
            (vec![("minContains", Value::Int(1))], "must contain at least 1 valid item(s)".to_string())
        }
        Kind::Not { .. } => (vec![], "must NOT be valid".to_string()),
        Kind::FalseSchema => {
            put("false schema", vec![], "boolean schema is false".to_string());
            return;
        }
        Kind::PropertyNames { error: inner } => {
            add(inner, list);
            let name = inner.instance().as_str().unwrap_or_default().to_string();
            let params = [("propertyName", Value::from(name))].into_iter().collect();
            list.push(violation(instance, schema, keyword, params, "property name must be valid"));
            return;
        }
        // Ajv lists what is wrong with each alternative before it says that none fits.
        Kind::AnyOf { context } | Kind::OneOfNotValid { context } => {
            for inner in context.iter().flatten() {
                add(inner, list);
            }
            let (params, message) = match error.kind() {
                Kind::AnyOf { .. } => (Object::new(), "must match a schema in anyOf"),
                _ => {
                    let none = [("passingSchemas", Value::Null)].into_iter().collect();
                    (none, "must match exactly one schema in oneOf")
                }
            };
            list.push(violation(instance, schema, keyword, params, message));
            return;
        }
        Kind::OneOfMultipleValid { context } => {
            let passing = context.iter().enumerate().filter(|(_, errors)| errors.is_empty());
            let passing: Vec<Value> = passing.map(|(at, _)| Value::from(at)).collect();
            let message = "must match exactly one schema in oneOf".to_string();
            (vec![("passingSchemas", Value::array(passing))], message)
        }
        _ => (vec![], error.to_string()),
    };
    put(keyword, params, message);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(schema: serde_json::Value, value: serde_json::Value) -> String {
        text(&Schema::compile(&Value::from(&schema)).unwrap().check(&Value::from(&value)))
    }

    #[test]
    fn says_what_ajv_says() {
        let object = json!({"type": "object", "properties": {"n": {"type": "number", "minimum": 3},
            "s": {"type": ["string", "null"], "maxLength": 2}}, "required": ["n"], "additionalProperties": false});
        for (value, expected) in [
            (json!({"n": 3, "s": null}), ""),
            (json!({"n": "x", "s": 1}), "data/n must be number, data/s must be null,string"),
            (json!({"n": 1, "s": "abc"}), "data/n must be >= 3, data/s must NOT have more than 2 characters"),
            (json!({}), "data must have required property 'n'"),
            (json!({"n": 4, "x": 1}), "data must NOT have additional properties"),
            (json!(5), "data must be object"),
        ] {
            let mut said: Vec<String> =
                check(object.clone(), value.clone()).split(", ").map(String::from).collect();
            said.sort();
            assert_eq!(said.join(", "), expected, "{value}");
        }
        let any = json!({"anyOf": [{"type": "string"}, {"type": "array", "items": {"enum": [1]}}]});
        assert_eq!(
            check(any, json!([2])),
            "data must be string, data/0 must be equal to one of the allowed values, data must match a schema in anyOf"
        );
        assert_eq!(check(json!({"pattern": "^a"}), json!("b")), "data must match pattern \"^a\"");
    }

    #[test]
    fn violations_are_objects_as_ajvs() {
        let schema = json!({"properties": {"a": {"type": "number"}}});
        let list = Schema::compile(&Value::from(&schema)).unwrap().check(&Value::from(&json!({"a": "x"})));
        assert_eq!(
            serde_json::to_value(&list).unwrap(),
            json!([{"instancePath": "/a", "schemaPath": "#/properties/a/type", "keyword": "type",
                "params": {"type": "number"}, "message": "must be number"}])
        );
    }

    #[test]
    fn garbage_is_no_schema() {
        for source in [json!("garbage"), json!({"type": "nonsense"}), json!({"$ref": "http://example.com/x"})]
        {
            assert!(Schema::compile(&Value::from(&source)).is_none(), "{source}");
        }
    }
}

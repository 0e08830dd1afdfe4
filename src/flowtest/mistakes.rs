//! What is wrong with a piece of code, before it is in a flow: as the node would say that has it.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value as Json, json};
use tidegate_nodes::host::Settings;
use tidegate_nodes::jsonata::Expression;
use tidegate_nodes::pattern::Pattern;
use utoipa::ToSchema;

use super::preview::{Mistake, errors, preview};
use crate::flow::{Document, Limits, ProcessEnv, check};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Lang {
    Rhai,
    Json,
    Jsonata,
    Mustache,
    Regex,
}

/// `field` and `node`: of a function's script, which one it is, and the node with its modules.
pub fn mistakes(lang: Lang, code: &str, field: &str, node: &Map<String, Json>) -> Vec<Mistake> {
    match lang {
        Lang::Rhai => script(code, field, node),
        Lang::Json => match serde_json::from_str::<Json>(code) {
            Ok(_) => Vec::new(),
            Err(error) => {
                let text = error.to_string();
                let message = text.split(" at line ").next().unwrap_or(&text).to_string();
                let place = |number: usize| u32::try_from(number).ok().filter(|number| *number > 0);
                vec![Mistake {
                    line: place(error.line()),
                    column: place(error.column()),
                    ..Mistake::plain(message)
                }]
            }
        },
        Lang::Jsonata => told(Expression::parse(code).map(drop).map_err(|error| error.message().to_string())),
        Lang::Regex => match Pattern::new(code, false) {
            Ok(_) => Vec::new(),
            Err(error) => vec![in_pattern(code, error.message())],
        },
        // A template is read when it is filled in.
        Lang::Mustache => {
            let node =
                json!({ "type": "template", "syntax": "mustache", "template": code, "field": "payload" });
            let node = node.as_object().cloned().unwrap_or_default();
            preview(&node, &[Map::new()]).map(|preview| errors(&preview)).unwrap_or_default()
        }
    }
}

fn script(code: &str, field: &str, node: &Map<String, Json>) -> Vec<Mistake> {
    let mut function = json!({ "id": "check", "type": "function", "z": "t", "lang": "rhai", "wires": [] });
    for name in ["modules", "libs", "outputs"] {
        if let Some(value) = node.get(name) {
            function[name] = value.clone();
        }
    }
    function[field] = json!(code);
    let nodes = json!([{ "id": "t", "type": "tab" }, function]);
    let Ok(document) = Document::from_json(nodes, &Limits::default()) else { return Vec::new() };
    let (_, problems) = check(&document, &ProcessEnv::default(), &Arc::new(Settings::default()));
    let mistakes = problems.iter().filter(|problem| problem.is_error()).map(|problem| {
        let message = problem.message.strip_prefix("function (check): ").unwrap_or(&problem.message);
        Mistake { hint: problem.hint.clone(), ..Mistake::of(message) }
    });
    mistakes.collect()
}

fn told(parsed: Result<(), String>) -> Vec<Mistake> {
    parsed.err().map(|text| Mistake::of(&text)).into_iter().collect()
}

/// `Parsing error at position 2: ...`, in bytes.
fn in_pattern(code: &str, text: &str) -> Mistake {
    let at =
        text.split_once(" at position ").and_then(|(_, rest)| rest.split(':').next()?.parse::<usize>().ok());
    let before = at.and_then(|at| code.get(..at));
    let mistake = Mistake::plain(text.to_string());
    let Some(before) = before else { return mistake };
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    Mistake { line: u32::try_from(line).ok(), column: u32::try_from(column).ok(), ..mistake }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(lang: Lang, code: &str) -> Option<(String, Option<u32>, Option<u32>)> {
        let mistake = mistakes(lang, code, "func", &Map::new()).into_iter().next()?;
        Some((mistake.message, mistake.line, mistake.column))
    }

    #[test]
    fn what_is_right_has_no_mistakes() {
        for (lang, code) in [
            (Lang::Rhai, "let x = 1;\nmsg.payload = x;\nmsg"),
            (Lang::Json, "{\"a\": [1, 2]}"),
            (Lang::Jsonata, "$sum(payload.n)"),
            (Lang::Regex, "^a(b|c)+$"),
            (Lang::Mustache, "{{#list}}{{.}}{{/list}} {{payload}}"),
        ] {
            assert_eq!(first(lang, code), None, "{code}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        for (lang, code, message, line, column) in [
            (Lang::Rhai, "let x = 1;\nmsg.payload = (x +;\nmsg", "unexpected ';'", Some(2), Some(19)),
            (Lang::Rhai, "msg.payload = y; msg", "undefined variable: y", Some(1), Some(15)),
            (Lang::Json, "{\"a\":\n1,}", "trailing comma", Some(2), Some(3)),
            (Lang::Json, "", "EOF while parsing a value", Some(1), None),
            (Lang::Jsonata, "$sum(payload.", "S0207", None, None),
            (Lang::Regex, "x\n(a", "closing parenthesis", Some(2), None),
            (Lang::Mustache, "{{#a}} x", "a", None, None),
        ] {
            let (told, at_line, at_column) = first(lang, code).unwrap_or_else(|| panic!("{code} is wrong"));
            assert!(told.contains(message), "{told}");
            assert_eq!(at_line, line, "{told}");
            assert!(column.is_none() || at_column == column, "{told} {at_column:?}");
        }
    }

    #[test]
    fn a_script_is_checked_in_its_place() {
        let node = json!({"modules": {"units": "fn kelvin(c) { c + 273.15 }"}, "libs": [{"var": "units", "module": "units"}]});
        let node = node.as_object().unwrap();
        assert_eq!(mistakes(Lang::Rhai, "msg.payload = units::kelvin(1.0); msg", "func", node), []);
        assert_eq!(mistakes(Lang::Rhai, "context.set(\"n\", 0);", "initialize", &Map::new()), []);
        let told = mistakes(Lang::Rhai, "msg", "initialize", &Map::new());
        assert!(told[0].message.contains("msg"), "{told:?}");
    }
}

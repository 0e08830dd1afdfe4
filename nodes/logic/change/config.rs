//! Reading the rules of a change node, those of old flows too.

use serde::Deserialize;
use serde_json::Value as Json;

use super::replace::{From, Search};
use super::rule::{Place, Rule, To};
use crate::error::NodeError;
use crate::node::NodeConfig;
use crate::read;
use crate::typed::Typed;
use crate::value::Value;

#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    rules: Option<Vec<RuleConfig>>,
    #[serde(default)]
    action: Option<String>,
    #[serde(default)]
    property: Option<String>,
    #[serde(default)]
    from: Option<Json>,
    #[serde(default)]
    to: Option<Json>,
    /// Null means yes, absence no.
    #[serde(default = "no")]
    reg: Json,
}

#[derive(Deserialize, Default)]
struct RuleConfig {
    #[serde(default)]
    t: String,
    #[serde(default)]
    p: String,
    #[serde(default)]
    pt: Option<String>,
    #[serde(default)]
    from: Option<Json>,
    #[serde(default)]
    fromt: Option<String>,
    #[serde(default)]
    to: Option<Json>,
    #[serde(default)]
    tot: Option<String>,
    #[serde(default, deserialize_with = "read::boolean")]
    re: bool,
}

fn no() -> Json {
    Json::Bool(false)
}

pub fn rules(config: &NodeConfig) -> Result<Vec<Rule>, NodeError> {
    let config: Config = config.read()?;
    let Some(rules) = config.rules else { return old(config) };
    rules.iter().enumerate().map(|(at, rule)| parse(rule, &format!("/rules/{at}"), "p")).collect()
}

/// The single rule of flows from before there were lists of them; a node without an action does nothing.
fn old(config: Config) -> Result<Vec<Rule>, NodeError> {
    let action = match config.action.as_deref() {
        None | Some("") => return Ok(Vec::new()),
        Some("replace") => "set",
        Some(action) => action,
    };
    let empty = || Some(Json::from(""));
    let rule = RuleConfig {
        t: action.to_string(),
        p: config.property.unwrap_or_default(),
        from: config.from.filter(|from| !from.is_null()).or_else(empty),
        to: config.to.filter(|to| !to.is_null()).or_else(empty),
        re: config.reg.is_null() || config.reg == true,
        ..RuleConfig::default()
    };
    Ok(vec![parse(&rule, "", "property")?])
}

fn parse(rule: &RuleConfig, pointer: &str, property: &str) -> Result<Rule, NodeError> {
    let place = place(&rule.p, given(&rule.pt).unwrap_or("msg"), &format!("{pointer}/{property}"))?;
    let to = format!("{pointer}/to");
    match rule.t.as_str() {
        "set" => Ok(Rule::Set { place, to: value(rule, &to)? }),
        "change" => Ok(Rule::Change {
            place,
            from: from(rule, &format!("{pointer}/from"))?,
            to: value(rule, &to)?,
            to_bool: given(&rule.tot) == Some("bool"),
        }),
        "delete" => Ok(Rule::Delete { place }),
        "move" => {
            let target = rule.to.as_ref().map(text).unwrap_or_default();
            let (kind, target_kind) = (given(&rule.pt).unwrap_or("msg"), given(&rule.tot).unwrap_or("msg"));
            // A property cannot be moved into itself directly, nor where it is looked for.
            let direct = kind != target_kind || (rule.p.contains(&target) && rule.p != target);
            Ok(Rule::Move { place, to: self::place(&target, target_kind, &to)?, direct })
        }
        other => Err(NodeError::config(
            format!("{pointer}/t"),
            format!("unknown action \"{other}\": there are set, change, delete and move"),
        )),
    }
}

/// An empty type is as good as none.
fn given(kind: &Option<String>) -> Option<&str> {
    kind.as_deref().filter(|kind| !kind.is_empty())
}

fn place(path: &str, kind: &str, pointer: &str) -> Result<Place, NodeError> {
    match Typed::parse(&Json::from(path), kind, pointer)? {
        Typed::Msg(path) => Ok(Place::Msg(path)),
        Typed::Context(scope, key) => Ok(Place::Context(scope, key)),
        _ => Err(NodeError::config(
            pointer,
            format!("a property is one of msg, flow or global, not of \"{kind}\""),
        )),
    }
}

fn value(rule: &RuleConfig, pointer: &str) -> Result<To, NodeError> {
    let Some(value) = &rule.to else { return Ok(To::Nothing) };
    let typed = match (given(&rule.tot), value) {
        (Some(kind), value) => Typed::parse(value, kind, pointer)?,
        // From before values had types.
        (None, Json::String(text)) if rule.t == "set" && text.starts_with("msg.") => {
            Typed::parse(value, "msg", pointer)?
        }
        (None, value) => Typed::parse(value, "str", pointer)?,
    };
    Ok(To::Typed(typed))
}

fn from(rule: &RuleConfig, pointer: &str) -> Result<From, NodeError> {
    let json = rule.from.clone().unwrap_or_else(|| Json::from(""));
    let kind = if rule.re { "re" } else { given(&rule.fromt).unwrap_or("str") };
    let text = text(&json);
    let fixed = match kind {
        "msg" | "flow" | "global" => return Ok(From::Looked(place(&text, kind, pointer)?)),
        "re" => Search::pattern(&text).map_err(|error| {
            NodeError::config(pointer, format!("Invalid 'from' property: {}", error.message()))
        })?,
        "num" => Search::Number { number: Value::from(&json).to_number(), text },
        "bool" => Search::Bool(text),
        "str" => Search::Text(text),
        // As in Node-RED any other type is text that never stands for all of a property: the name of a setting too.
        _ => Search::Part(text),
    };
    Ok(From::Fixed(fixed))
}

fn text(json: &Json) -> String {
    match json {
        Json::String(text) => text.clone(),
        Json::Null => String::new(),
        other => other.to_string(),
    }
}

//! One rule of a switch: what it compares with, and the test.

use std::borrow::Cow;
use std::cell::RefCell;
use std::cmp::Ordering;

use serde_json::Value as Json;

use super::RuleConfig;
use crate::cx::Cx;
use crate::error::NodeError;
use crate::logic::loose;
use crate::pattern::Pattern;
use crate::typed::Typed;
use crate::value::{Object, Str, Value};

pub struct Rule {
    test: Test,
    v: Operand,
    v2: Operand,
}

enum Test {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Between,
    Contains,
    Regex {
        ignore_case: bool,
        pattern: Box<RefCell<Option<(Str, Pattern)>>>,
    },
    True,
    False,
    Null,
    NotNull,
    Empty,
    NotEmpty,
    IsType,
    HasKey,
    Head,
    Tail,
    Index,
    /// `with_parts`: the expression has `$I` or `$N` in it, where the message stands in its sequence.
    Expression {
        with_parts: bool,
    },
    Else,
}

/// What a value is compared with.
enum Operand {
    /// `undefined`.
    Nothing,
    /// What the property was in the message before.
    Previous,
    Typed(Typed),
}

/// What a rule looks at beside its own configuration.
pub struct Input<'a> {
    pub msg: &'a Object,
    pub property: Option<&'a Value>,
    pub previous: Option<&'a Value>,
    /// No rule has matched since the last `otherwise`.
    pub no_match: bool,
}

impl Rule {
    pub fn parse(config: &RuleConfig, pointer: &str) -> Result<Rule, NodeError> {
        let test = match config.t.as_str() {
            "eq" => Test::Equal,
            "neq" => Test::NotEqual,
            "lt" => Test::Less,
            "lte" => Test::LessOrEqual,
            "gt" => Test::Greater,
            "gte" => Test::GreaterOrEqual,
            "btwn" => Test::Between,
            "cont" => Test::Contains,
            "regex" => Test::Regex { ignore_case: config.case, pattern: Box::default() },
            "true" => Test::True,
            "false" => Test::False,
            "null" => Test::Null,
            "nnull" => Test::NotNull,
            "empty" => Test::Empty,
            "nempty" => Test::NotEmpty,
            "istype" => Test::IsType,
            "hask" => Test::HasKey,
            "head" => Test::Head,
            "tail" => Test::Tail,
            "index" => Test::Index,
            "jsonata_exp" => {
                let text = config.v.as_ref().and_then(Json::as_str).unwrap_or_default();
                Test::Expression { with_parts: text.contains("$I") || text.contains("$N") }
            }
            "else" => Test::Else,
            other => {
                return Err(NodeError::config(
                    format!("{pointer}/t"),
                    format!("unknown rule \"{other}\": see the node's help for those there are"),
                ));
            }
        };
        let v = match test.operands() {
            0 => Operand::Nothing,
            _ => Operand::parse(config.v.as_ref(), config.vt.as_deref(), &format!("{pointer}/v"))?,
        };
        let v2 = match (&config.v2, test.operands()) {
            (Some(v2), 2) => Operand::parse(Some(v2), config.v2t.as_deref(), &format!("{pointer}/v2"))?,
            _ => Operand::Nothing,
        };
        let rule = Rule { test, v, v2 };
        rule.compile().map_err(|error| NodeError::config(format!("{pointer}/v"), error.message()))?;
        Ok(rule)
    }

    /// A pattern that does not come from messages is compiled now, and refused now if it is wrong.
    fn compile(&self) -> Result<(), NodeError> {
        match (&self.test, &self.v) {
            (Test::Regex { .. }, Operand::Typed(Typed::Constant(value))) => {
                self.matches("", Some(value)).map(|_| ())
            }
            _ => Ok(()),
        }
    }

    pub fn uses_previous(&self) -> bool {
        matches!(self.v, Operand::Previous) || matches!(self.v2, Operand::Previous)
    }

    pub fn is_tail(&self) -> bool {
        matches!(self.test, Test::Tail)
    }

    pub fn is_else(&self) -> bool {
        matches!(self.test, Test::Else)
    }

    pub fn test(&self, input: &Input<'_>, cx: &Cx<'_>) -> Result<bool, NodeError> {
        let a = input.property;
        let v;
        let b = if let Test::Expression { with_parts: true } = self.test {
            v = self.expression_with_parts(input, cx)?;
            v.as_deref()
        } else {
            v = self.v.look(input, cx)?;
            v.as_deref()
        };
        Ok(match &self.test {
            Test::Equal => loose::equal(a, b),
            Test::NotEqual => !loose::equal(a, b),
            Test::Less => loose::order(a, b) == Some(Ordering::Less),
            Test::LessOrEqual => at_most(a, b),
            Test::Greater => loose::order(a, b) == Some(Ordering::Greater),
            Test::GreaterOrEqual => at_most(b, a),
            Test::Between => {
                let c = self.v2.look(input, cx)?;
                let c = c.as_deref();
                (at_most(b, a) && at_most(a, c)) || (at_most(a, b) && at_most(c, a))
            }
            Test::Contains => loose::text(a).contains(loose::text(b).as_ref()),
            Test::Regex { .. } => self.matches(&loose::text(a), b)?,
            Test::True => matches!(a, Some(Value::Bool(true))),
            Test::False => matches!(a, Some(Value::Bool(false))),
            Test::Null => a.is_none_or(Value::is_null),
            Test::NotNull => !a.is_none_or(Value::is_null),
            Test::Empty => is_empty(a) == Some(true),
            Test::NotEmpty => is_empty(a) == Some(false),
            Test::IsType => b.and_then(Value::as_str).is_some_and(|kind| is_type(a, kind)),
            Test::HasKey => has_key(a, b),
            Test::Head => {
                let count = Value::Float(loose::number(b));
                loose::order(part(input, "index")?, Some(&count)) == Some(Ordering::Less)
            }
            Test::Tail => {
                let first = loose::number(part(input, "count")?) - loose::number(b);
                at_most(Some(&Value::Float(first)), part(input, "index")?)
            }
            Test::Index => {
                let c = self.v2.look(input, cx)?;
                let (min, max) = (loose::number(b), loose::number(c.as_deref()));
                let index = part(input, "index")?;
                at_most(Some(&Value::Float(min)), index) && at_most(index, Some(&Value::Float(max)))
            }
            Test::Expression { .. } => matches!(b, Some(Value::Bool(true))),
            Test::Else => input.no_match,
        })
    }

    fn matches(&self, text: &str, pattern: Option<&Value>) -> Result<bool, NodeError> {
        let Test::Regex { ignore_case, pattern: compiled } = &self.test else { return Ok(false) };
        // `new RegExp(undefined)` matches everything.
        let source = pattern.map_or(Cow::Borrowed(""), |value| loose::text(Some(value)));
        let mut compiled = compiled.borrow_mut();
        match &*compiled {
            Some((known, pattern)) if known.as_str() == source => pattern.is_match(text),
            _ => {
                let pattern = Pattern::new(&source, *ignore_case)?;
                let found = pattern.is_match(text);
                *compiled = Some((Str::new(source), pattern));
                found
            }
        }
    }

    /// `$I` and `$N` are the message's index and the number of messages in its sequence.
    fn expression_with_parts<'a>(
        &'a self,
        input: &Input<'a>,
        cx: &Cx<'_>,
    ) -> Result<Option<Cow<'a, Value>>, NodeError> {
        let (Operand::Typed(Typed::Jsonata(expression)), Some(parts)) = (&self.v, super::parts(input.msg))
        else {
            return self.v.look(input, cx);
        };
        let variables = [("I", parts.get("index")), ("N", parts.get("count"))];
        let variables: Vec<(&str, Value)> =
            variables.into_iter().filter_map(|(name, value)| Some((name, value?.clone()))).collect();
        let msg = Value::Object(input.msg.clone());
        let result = expression.eval_with(&msg, &variables, cx).map_err(invalid_expression)?;
        Ok(result.map(Cow::Owned))
    }
}

impl Test {
    fn operands(&self) -> usize {
        match self {
            Test::True | Test::False | Test::Null | Test::NotNull => 0,
            Test::Empty | Test::NotEmpty | Test::Else => 0,
            Test::Between | Test::Index => 2,
            _ => 1,
        }
    }
}

impl Operand {
    fn parse(value: Option<&Json>, kind: Option<&str>, pointer: &str) -> Result<Operand, NodeError> {
        let constant = |value: Value| Ok(Operand::Typed(Typed::Constant(value)));
        match (kind.filter(|kind| !kind.is_empty()), value) {
            (Some("prev"), _) => Ok(Operand::Previous),
            // As the value of `is of type`, where the type is the value too.
            (Some("json"), _) => constant(Value::str("json")),
            (Some("null"), _) => constant(Value::str("null")),
            (Some(kind), Some(value)) => Typed::parse(value, kind, pointer).map(Operand::Typed),
            // From before values had types: a number where it reads as one.
            (None, Some(value)) => {
                let number = Value::from(value).to_number();
                if number.is_nan() {
                    Typed::parse(value, "str", pointer).map(Operand::Typed)
                } else {
                    constant(Value::number(number))
                }
            }
            (None | Some("str"), None) => constant(Value::str("undefined")),
            (Some("jsonata"), None) => Err(NodeError::config(pointer, "the expression is missing")),
            (Some(_), None) => Ok(Operand::Nothing),
        }
    }

    /// Its value for a message. As in Node-RED only an expression can fail; what cannot be found is `undefined`.
    fn look<'a>(&'a self, input: &Input<'a>, cx: &Cx<'_>) -> Result<Option<Cow<'a, Value>>, NodeError> {
        match self {
            Operand::Nothing => Ok(None),
            Operand::Previous => Ok(input.previous.map(Cow::Borrowed)),
            Operand::Typed(typed) => look(typed, input.msg, cx),
        }
    }
}

/// A typed value for a message, borrowed where it can be; an error only from an expression.
pub fn look<'a>(typed: &'a Typed, msg: &'a Object, cx: &Cx<'_>) -> Result<Option<Cow<'a, Value>>, NodeError> {
    match typed {
        Typed::Constant(value) => Ok(Some(Cow::Borrowed(value))),
        Typed::Msg(path) => Ok(path.look(msg, msg)),
        Typed::Jsonata(expression) => {
            Ok(expression.eval(msg, cx).map_err(invalid_expression)?.map(Cow::Owned))
        }
        other => Ok(other.eval(msg, cx).ok().flatten().map(Cow::Owned)),
    }
}

fn invalid_expression(error: NodeError) -> NodeError {
    NodeError::rejected(format!("Invalid JSONata expression: {}", error.message()))
}

fn at_most(a: Option<&Value>, b: Option<&Value>) -> bool {
    loose::order(a, b).is_some_and(Ordering::is_le)
}

/// `None` for what has no length.
fn is_empty(value: Option<&Value>) -> Option<bool> {
    match value? {
        Value::Str(text) => Some(text.is_empty()),
        Value::Array(items) => Some(items.is_empty()),
        Value::Bytes(bytes) => Some(bytes.is_empty()),
        Value::Object(object) => Some(object.is_empty()),
        _ => None,
    }
}

fn is_type(value: Option<&Value>, kind: &str) -> bool {
    let Some(value) = value else { return kind == "undefined" };
    match kind {
        // What `JSON.parse` takes, which reads everything as text first.
        "json" => serde_json::from_str::<serde::de::IgnoredAny>(&loose::text(Some(value))).is_ok(),
        "number" => value.as_f64().is_some_and(|n| !n.is_nan()),
        _ => value.kind() == kind,
    }
}

/// `value.hasOwnProperty(key)`.
fn has_key(value: Option<&Value>, key: Option<&Value>) -> bool {
    if key.is_some_and(|key| !matches!(key, Value::Str(_) | Value::Int(_) | Value::Float(_) | Value::Bool(_)))
    {
        return false;
    }
    let key = loose::text(key);
    let below = |length: usize| {
        // Only a number as JavaScript writes it: not "01", not "+1".
        key.parse::<usize>().is_ok_and(|at| at < length && at.to_string() == *key)
    };
    match value {
        Some(Value::Object(object)) => object.contains_key(&key),
        Some(Value::Array(items)) => key == "length" || below(items.len()),
        Some(Value::Str(text)) => key == "length" || below(text.encode_utf16().count()),
        Some(Value::Bytes(bytes)) => below(bytes.len()),
        _ => false,
    }
}

fn part<'a>(input: &Input<'a>, name: &str) -> Result<Option<&'a Value>, NodeError> {
    match input.msg.get("parts") {
        None | Some(Value::Null) => Err(NodeError::rejected(format!(
            "the message has no parts.{name}: the rules head, tail and index are for messages of a sequence"
        ))),
        Some(parts) => Ok(parts.get(name)),
    }
}

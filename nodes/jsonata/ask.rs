//! What an expression can ask the gateway: context, environment, clock, chance.
//!
//! A function of an expression outlives the call in which the gateway is at hand, so it cannot look things up itself.
//! It notes the question and answers `undefined`; when the evaluation ends, the questions are answered and it starts
//! again. Expressions have no side effects, so that is the same as having known. What was asked is remembered for
//! the next message, so that nearly all evaluations run once.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use jsonata_core::evaluator::{Context, Evaluator, EvaluatorError, EvaluatorOptions};
use jsonata_core::parser;
use jsonata_core::value::JValue;

use super::convert::Buffers;
use crate::cx::Cx;
use crate::host::Scope;
use crate::path::ContextKey;
use crate::testing::splitmix;
use crate::value::{Object, Str, Value};

/// The functions for which the expression needs the gateway, or that would take clock and chance from elsewhere.
const NAMES: &[&str] =
    &["flowContext", "globalContext", "env", "clone", "now", "millis", "random", "shuffle", "eval"];

/// How many different questions one evaluation may ask.
const MOST_QUESTIONS: usize = 10_000;

/// Whether an expression calls one of these functions. Too often yes (in a text) costs time only.
pub(super) fn asks(text: &str) -> bool {
    NAMES.iter().any(|name| mentions(text, name))
}

pub(super) fn mentions(text: &str, function: &str) -> bool {
    text.match_indices('$').any(|(at, _)| {
        let rest = text[at + 1..].strip_prefix(function);
        rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
    })
}

#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) enum Question {
    Context { scope: Scope, key: String, store: Option<String> },
    Env(String),
}

impl Question {
    fn answer(&self, msg: &Object, cx: &Cx<'_>) -> Answer {
        match self {
            Question::Env(name) => Ok(Some(cx.env(name).unwrap_or_else(|| Value::str("")))),
            Question::Context { scope, key, store } => {
                let text = |error: crate::error::NodeError| error.message().to_string();
                let mut key = ContextKey::parse(key).map_err(text)?;
                if let Some(store) = store {
                    key.store = Some(Str::new(store));
                }
                cx.context_get(*scope, &key, msg).map_err(text)
            }
        }
    }
}

type Answer = Result<Option<Value>, String>;

/// What the functions share with the evaluation that is running.
#[derive(Default)]
pub(super) struct Lent {
    pub now_ms: i64,
    pub seed: u64,
    pub buffers: Buffers,
    answers: HashMap<Question, Answer>,
    asked: Vec<Question>,
}

impl Lent {
    /// Forgets the evaluation before. `known` is what it asked: those are answered before they are asked.
    pub fn begin(&mut self, known: &[Question], msg: &Object, cx: &Cx<'_>) {
        self.now_ms = cx.wall_ms();
        self.buffers.clear();
        self.asked.clear();
        self.answers.clear();
        self.answers.extend(known.iter().map(|question| (question.clone(), question.answer(msg, cx))));
    }

    /// Answers what was asked; `false` when nothing was, so that the result stands.
    pub fn answer(&mut self, msg: &Object, cx: &Cx<'_>) -> bool {
        let asked = std::mem::take(&mut self.asked);
        let any = !asked.is_empty();
        for question in asked {
            let answer = question.answer(msg, cx);
            self.answers.insert(question, answer);
        }
        any
    }

    pub fn known(&self) -> Vec<Question> {
        self.answers.keys().cloned().collect()
    }

    fn ask(&mut self, question: Question) -> Result<JValue, EvaluatorError> {
        match self.answers.get(&question) {
            Some(Ok(Some(value))) => self.buffers.enter(value).map_err(failed),
            Some(Ok(None)) => Ok(JValue::Undefined),
            Some(Err(text)) => Err(failed(text)),
            // Asked before in this run: a loop may wait for the answer, so the run ends here.
            None if self.asked.contains(&question) => Err(failed("the answer comes in the next run")),
            None if self.answers.len() + self.asked.len() >= MOST_QUESTIONS => Err(failed(format!(
                "it asks for more than {MOST_QUESTIONS} values of contexts or environment"
            ))),
            None => {
                self.asked.push(question);
                Ok(JValue::Undefined)
            }
        }
    }

    fn random(&mut self) -> f64 {
        (splitmix(&mut self.seed) >> 11) as f64 / (1u64 << 53) as f64
    }
}

fn failed(text: impl ToString) -> EvaluatorError {
    EvaluatorError::EvaluationError(text.to_string())
}

/// An interpreter whose functions ask the gateway.
pub(super) fn evaluator(
    lent: &Rc<RefCell<Lent>>,
    variables: &[(&str, JValue)],
    options: EvaluatorOptions,
) -> Result<Evaluator, EvaluatorError> {
    let mut context = Context::new();
    // In JSONata itself, because only there it can take the context for a missing argument.
    let clone = parser::parse("function($value)<(oa)-:o>{ $value }").map_err(failed)?;
    context.bind("clone".to_string(), Evaluator::new().evaluate(&clone, &JValue::Undefined)?);
    for (name, value) in variables {
        context.bind((*name).to_string(), value.clone());
    }
    let mut evaluator = Evaluator::with_options(context, options);
    for (name, scope) in [("flowContext", Scope::Flow), ("globalContext", Scope::Global)] {
        let lent = lent.clone();
        evaluator.register_fn(name, move |args: &[JValue]| {
            let key = args.first().and_then(JValue::as_str).ok_or_else(|| failed("invalid context key"))?;
            let store = args.get(1).and_then(JValue::as_str).map(str::to_string);
            lent.borrow_mut().ask(Question::Context { scope, key: key.to_string(), store })
        })?;
    }
    let env = lent.clone();
    evaluator.register_fn("env", move |args: &[JValue]| {
        let name = args.first().and_then(JValue::as_str).unwrap_or_default();
        env.borrow_mut().ask(Question::Env(name.to_string()))
    })?;
    let clock = lent.clone();
    evaluator.register_fn_override("millis", move |_: &[JValue]| {
        Ok(JValue::Number(clock.borrow().now_ms as f64))
    })?;
    let clock = lent.clone();
    evaluator.register_fn_override("now", move |args: &[JValue]| now(clock.borrow().now_ms, args))?;
    let chance = lent.clone();
    evaluator.register_fn_override("random", move |_: &[JValue]| {
        Ok(JValue::Number(chance.borrow_mut().random()))
    })?;
    let chance = lent.clone();
    evaluator.register_fn_override("shuffle", move |args: &[JValue]| {
        let mut items = match args.first() {
            Some(JValue::Array(items)) => items.to_vec(),
            Some(JValue::Undefined) | None => return Ok(JValue::Undefined),
            Some(one) => vec![one.clone()],
        };
        let mut lent = chance.borrow_mut();
        for last in (1..items.len()).rev() {
            items.swap(last, (lent.random() * (last + 1) as f64) as usize);
        }
        Ok(JValue::array(items))
    })?;
    Ok(evaluator)
}

/// `$now(picture, timezone)`: what `$fromMillis` makes of the engine's clock.
fn now(ms: i64, args: &[JValue]) -> Result<JValue, EvaluatorError> {
    if args.is_empty() {
        return Ok(JValue::string(crate::date::iso(ms)));
    }
    let mut context = Context::new();
    context.bind("ms".to_string(), JValue::Number(ms as f64));
    for (at, name) in ["picture", "zone"].into_iter().enumerate() {
        context.bind(name.to_string(), args.get(at).cloned().unwrap_or(JValue::Undefined));
    }
    let format = parser::parse("$fromMillis($ms, $picture, $zone)").map_err(failed)?;
    Evaluator::with_context(context).evaluate(&format, &JValue::Undefined)
}

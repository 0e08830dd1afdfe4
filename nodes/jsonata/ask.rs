//! What an expression can ask the gateway: context, environment, clock, chance.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use jsonata_core::evaluator::{Context, Evaluator, EvaluatorError, EvaluatorOptions};
use jsonata_core::parser;
use jsonata_core::value::JValue;

use super::convert::Buffers;
use crate::error::NodeError;
use crate::host::{Scope, Surroundings};
use crate::path::ContextKey;
use crate::testing::splitmix;
use crate::value::{Object, Str};

/// The functions for which the expression needs the gateway, or that would take clock and chance from elsewhere.
const NAMES: &[&str] =
    &["flowContext", "globalContext", "env", "clone", "now", "millis", "random", "shuffle", "eval"];

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

/// What the functions of an expression share with the evaluation that is running: they outlive it, so the gateway is
/// lent to them for its time.
#[derive(Default)]
pub(super) struct Lent {
    pub around: Option<Arc<dyn Surroundings>>,
    pub msg: Object,
    pub now_ms: i64,
    pub seed: u64,
    pub buffers: Buffers,
}

impl Lent {
    /// The evaluation is over.
    pub fn take_back(&mut self) {
        self.around = None;
        self.msg = Object::new();
        self.buffers.clear();
    }

    fn context(&mut self, scope: Scope, args: &[JValue]) -> Result<JValue, EvaluatorError> {
        let key = args.first().and_then(JValue::as_str).ok_or_else(|| failed("invalid context key"))?;
        let mut key = ContextKey::parse(key).map_err(refused)?;
        if let Some(store) = args.get(1).and_then(JValue::as_str).filter(|store| !store.is_empty()) {
            key.store = Some(Str::new(store));
        }
        let Some(around) = &self.around else { return Ok(JValue::Undefined) };
        match around.context_get(scope, &key, &self.msg).map_err(refused)? {
            Some(value) => self.buffers.enter(&value).map_err(failed),
            None => Ok(JValue::Undefined),
        }
    }

    fn env(&mut self, args: &[JValue]) -> Result<JValue, EvaluatorError> {
        let name = args.first().and_then(JValue::as_str).unwrap_or_default();
        match self.around.as_ref().and_then(|around| around.env(name)) {
            Some(value) => self.buffers.enter(&value).map_err(failed),
            None => Ok(JValue::string("")),
        }
    }

    fn random(&mut self) -> f64 {
        (splitmix(&mut self.seed) >> 11) as f64 / (1u64 << 53) as f64
    }
}

fn refused(error: NodeError) -> EvaluatorError {
    failed(error.message())
}

fn failed(text: impl ToString) -> EvaluatorError {
    EvaluatorError::EvaluationError(text.to_string())
}

/// What an interpreter knows from the start. Variables can be bound only now.
pub(super) fn context(variables: &[(&str, JValue)]) -> Context {
    let mut context = Context::new();
    for (name, value) in variables {
        context.bind((*name).to_string(), value.clone());
    }
    context
}

/// An interpreter whose functions ask the gateway.
pub(super) fn evaluator(
    lent: &Rc<RefCell<Lent>>,
    mut context: Context,
    options: EvaluatorOptions,
) -> Result<Evaluator, EvaluatorError> {
    // In JSONata itself, because only there it can take the context for a missing argument.
    let clone = parser::parse("function($value)<(oa)-:o>{ $value }").map_err(failed)?;
    context.bind("clone".to_string(), Evaluator::new().evaluate(&clone, &JValue::Undefined)?);
    let mut evaluator = Evaluator::with_options(context, options);
    for (name, scope) in [("flowContext", Scope::Flow), ("globalContext", Scope::Global)] {
        let lent = lent.clone();
        evaluator.register_fn(name, move |args: &[JValue]| lent.borrow_mut().context(scope, args))?;
    }
    let env = lent.clone();
    evaluator.register_fn("env", move |args: &[JValue]| env.borrow_mut().env(args))?;
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

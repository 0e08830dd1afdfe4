//! An expression: what is kept of it, and how it is run.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jsonata_core::ast::AstNode;
use jsonata_core::evaluator::{Evaluator, EvaluatorError, EvaluatorOptions};
use jsonata_core::parser;
use jsonata_core::value::{JMap, JValue};

use super::ask::{self, Lent};
use super::convert::Buffers;
use super::shown;
use crate::cx::Cx;
use crate::error::NodeError;
use crate::value::{Object, Value};

/// Nested calls take about 3 KB of stack each, on the heap: this is about 18 MB, and some 2,000 calls of a function.
const DEEPEST: usize = 6_000;

/// The longest sequence an expression may build.
const LONGEST: usize = 1_000_000;

/// How many expressions a thread keeps prepared.
const MOST_PREPARED: usize = 4_096;

/// A JSONata expression, parsed once.
#[derive(Clone)]
pub struct Expression(Arc<Parsed>);

struct Parsed {
    /// Finds what a thread has prepared for it.
    id: u64,
    text: String,
    /// It sees `{msg: message}` instead of the message.
    names_msg: bool,
    /// It calls functions that need the gateway.
    asks: bool,
    ast: AstNode,
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Expression({:?})", self.0.text)
    }
}

impl Expression {
    pub fn parse(text: &str) -> Result<Expression, NodeError> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let ast = parser::parse(text)
            .map_err(|error| NodeError::rejected(format!("{error}, in the expression {}", shown(text))))?;
        if ask::mentions(text, "moment") {
            return Err(NodeError::rejected(format!(
                "$moment is not supported: use $now, $fromMillis and $toMillis, in the expression {}",
                shown(text)
            )));
        }
        Ok(Expression(Arc::new(Parsed {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            text: text.to_string(),
            names_msg: names_msg(text),
            asks: ask::asks(text),
            ast,
        })))
    }

    /// What it is for this message; `None` is `undefined`.
    pub fn eval(&self, msg: &Object, cx: &Cx<'_>) -> Result<Option<Value>, NodeError> {
        self.run(&Value::Object(msg.clone()), msg, &[], cx)
    }

    /// The same over any value, with variables beside the usual ones: `("A", x)` is `$A` in the expression.
    pub fn eval_with(
        &self,
        root: &Value,
        variables: &[(&str, Value)],
        cx: &Cx<'_>,
    ) -> Result<Option<Value>, NodeError> {
        match root {
            Value::Object(msg) => self.run(root, msg, variables, cx),
            other => self.run(other, &Object::new(), variables, cx),
        }
    }

    fn run(
        &self,
        root: &Value,
        msg: &Object,
        variables: &[(&str, Value)],
        cx: &Cx<'_>,
    ) -> Result<Option<Value>, NodeError> {
        let parsed = &*self.0;
        // Taken out while it runs: after a panic it is made anew.
        let kept = PREPARED.with_borrow_mut(|all| all.remove(&parsed.id));
        let mut prepared = match kept {
            Some(prepared) => prepared,
            None => Prepared::new(&parsed.ast, cx),
        };
        let result = if parsed.asks || !variables.is_empty() {
            let result = prepared.ask(parsed, root, msg, variables, cx);
            prepared.lent.borrow_mut().take_back();
            result
        } else {
            prepared.compute(parsed, root)
        };
        PREPARED.with_borrow_mut(|all| {
            if all.len() >= MOST_PREPARED {
                // Most belong to flows that are gone; the others come back with their next message.
                all.clear();
            }
            all.insert(parsed.id, prepared);
        });
        result
            .map_err(|text| NodeError::rejected(format!("{text}, in the expression {}", shown(&parsed.text))))
    }
}

thread_local! {
    /// JSONata's programs belong to a thread, and a node may move from one to another: each thread prepares its own.
    static PREPARED: RefCell<HashMap<u64, Prepared>> = RefCell::default();
}

struct Prepared {
    /// Runs expressions that need nothing of the gateway, as byte code where it can.
    program: jsonata_core::Expression,
    options: EvaluatorOptions,
    lent: Rc<RefCell<Lent>>,
    /// Runs the others.
    evaluator: Option<Evaluator>,
    runs: u64,
}

impl Prepared {
    fn new(ast: &AstNode, cx: &Cx<'_>) -> Prepared {
        let time = cx.settings().script_time.as_millis();
        Prepared {
            program: jsonata_core::Expression::from_ast(ast.clone()),
            options: EvaluatorOptions {
                timeout_ms: Some(u64::try_from(time).unwrap_or(u64::MAX)),
                max_stack_depth: Some(DEEPEST),
                max_sequence_length: Some(LONGEST),
                ..EvaluatorOptions::default()
            },
            lent: Rc::default(),
            evaluator: None,
            runs: 0,
        }
    }

    fn compute(&mut self, parsed: &Parsed, root: &Value) -> Result<Option<Value>, String> {
        let mut buffers = Buffers::default();
        let data = under_msg(buffers.enter(root)?, parsed.names_msg);
        let result = self.program.evaluate_with_options(&data, self.options.clone()).map_err(text)?;
        buffers.leave(&result)
    }

    fn ask(
        &mut self,
        parsed: &Parsed,
        root: &Value,
        msg: &Object,
        variables: &[(&str, Value)],
        cx: &Cx<'_>,
    ) -> Result<Option<Value>, String> {
        self.runs += 1;
        let (data, variables) = {
            let mut lent = self.lent.borrow_mut();
            lent.around = Some(cx.surroundings());
            lent.msg = msg.clone();
            lent.now_ms = cx.wall_ms();
            lent.seed = seed(&parsed.text, self.runs, cx);
            let data = under_msg(lent.buffers.enter(root)?, parsed.names_msg);
            let variables = variables.iter().map(|(name, value)| Ok((*name, lent.buffers.enter(value)?)));
            (data, variables.collect::<Result<Vec<_>, String>>()?)
        };
        let options = self.options.clone();
        let mut own;
        let evaluator = match &mut self.evaluator {
            Some(evaluator) if variables.is_empty() => evaluator,
            none if variables.is_empty() => {
                none.insert(ask::evaluator(&self.lent, ask::context(&[]), options).map_err(text)?)
            }
            _ => {
                let context = ask::context(&variables);
                own = match parsed.asks {
                    true => ask::evaluator(&self.lent, context, options).map_err(text)?,
                    false => Evaluator::with_options(context, options),
                };
                &mut own
            }
        };
        let result = evaluator.evaluate(self.program.ast(), &data);
        self.lent.borrow().buffers.leave(&result.map_err(text)?)
    }
}

fn text(error: EvaluatorError) -> String {
    error.message().to_string()
}

/// Whether an expression is of Node-RED's first kind, which sees the message as `msg` and not as the context:
/// one with the word `msg` in it that is no part of a longer name, a path or a text.
fn names_msg(text: &str) -> bool {
    let name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '\'' | '"');
    text.match_indices("msg").any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let behind = text[at + 3..].chars().next();
        !before.is_some_and(|c| name(c) || c == '.') && !behind.is_some_and(name)
    })
}

fn under_msg(data: JValue, names_msg: bool) -> JValue {
    if !names_msg {
        return data;
    }
    let mut map = JMap::default().into_inner();
    map.insert("msg".to_string(), data);
    JValue::object(map)
}

/// Chance from the engine's clock: the same in every run of a test, another in every message.
fn seed(text: &str, runs: u64, cx: &Cx<'_>) -> u64 {
    let elapsed = cx.elapsed().as_nanos() as u64;
    let mut seed = (cx.wall_ms() as u64).rotate_left(32) ^ elapsed ^ runs.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for byte in text.bytes() {
        seed = (seed ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    seed
}

#[cfg(test)]
#[path = "expression_tests.rs"]
mod tests;

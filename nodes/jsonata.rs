//! JSONata expressions.

use crate::cx::Cx;
use crate::error::NodeError;
use crate::value::{Object, Value};

/// A JSONata expression, parsed once.
#[derive(Debug, Clone)]
pub struct Expression {
    text: String,
}

impl Expression {
    pub fn parse(text: &str) -> Result<Expression, NodeError> {
        Ok(Expression { text: text.to_string() })
    }

    pub fn eval(&self, _msg: &Object, _cx: &Cx<'_>) -> Result<Option<Value>, NodeError> {
        Err(NodeError::rejected(format!("JSONata is not built in: {}", self.text)))
    }

    /// The same over any value, with variables beside the usual ones: `("A", x)` is `$A` in the expression.
    pub fn eval_with(
        &self,
        _root: &Value,
        _bindings: &[(&str, Value)],
        _cx: &Cx<'_>,
    ) -> Result<Option<Value>, NodeError> {
        Err(NodeError::rejected(format!("JSONata is not built in: {}", self.text)))
    }
}

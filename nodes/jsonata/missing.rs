//! In a gateway that was built without JSONata: a node with an expression is refused and says so.

use super::shown;
use crate::cx::Cx;
use crate::error::NodeError;
use crate::value::{Object, Value};

/// An expression that never comes to be.
#[derive(Debug, Clone)]
pub struct Expression(std::convert::Infallible);

impl Expression {
    pub fn parse(text: &str) -> Result<Expression, NodeError> {
        Err(NodeError::rejected(format!(
            "the expression {} is JSONata, and this gateway was built without it (cargo feature jsonata)",
            shown(text)
        )))
    }

    pub fn eval(&self, _msg: &Object, _cx: &Cx<'_>) -> Result<Option<Value>, NodeError> {
        match self.0 {}
    }

    pub fn eval_with(
        &self,
        _root: &Value,
        _variables: &[(&str, Value)],
        _cx: &Cx<'_>,
    ) -> Result<Option<Value>, NodeError> {
        match self.0 {}
    }
}

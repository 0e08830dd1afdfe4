//! What is wrong with a document: one problem each, with the place it is at and what to do.

use std::fmt;

use serde::Serialize;

/// What a problem means for the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The document is not run.
    Error,
    /// This one node does not run; the rest of the document does.
    Disabled,
    /// It runs, though perhaps not as meant.
    Warning,
}

impl Severity {
    pub const fn name(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Disabled => "disabled",
            Severity::Warning => "warning",
        }
    }
}

/// One thing that is wrong in a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Problem {
    pub severity: Severity,
    /// For programs: `duplicate-id`, `wire-to-nowhere`, `unknown-type`, ...
    pub code: &'static str,
    /// Where, as a JSON pointer into the document: `/4/rules/0/v`; empty for the document as a whole.
    pub pointer: String,
    /// The id of the node it is about, as it stands in the document.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// What is wrong, for a person: names the node the way the person knows it.
    pub message: String,
    /// What to do about it, where we know.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Problem {
    pub fn new(
        severity: Severity,
        code: &'static str,
        pointer: impl Into<String>,
        message: impl Into<String>,
    ) -> Problem {
        Problem { severity, code, pointer: pointer.into(), node: None, message: message.into(), hint: None }
    }

    pub fn error(code: &'static str, pointer: impl Into<String>, message: impl Into<String>) -> Problem {
        Problem::new(Severity::Error, code, pointer, message)
    }

    pub fn warning(code: &'static str, pointer: impl Into<String>, message: impl Into<String>) -> Problem {
        Problem::new(Severity::Warning, code, pointer, message)
    }

    pub fn about(mut self, node: impl Into<String>) -> Problem {
        self.node = Some(node.into());
        self
    }

    pub fn hint(mut self, hint: impl Into<String>) -> Problem {
        self.hint = Some(hint.into());
        self
    }

    pub fn hint_if(mut self, hint: Option<String>) -> Problem {
        self.hint = hint.or(self.hint);
        self
    }

    /// Whether the document is not to be run because of it.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// `error: switch "Alarm 312?" (a1b2): ... (at /4/rules/0/v); did you mean ...`
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.severity.name(), self.message)?;
        if !self.pointer.is_empty() {
            write!(f, " (at {})", self.pointer)?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "; {hint}")?;
        }
        Ok(())
    }
}

//! How the API says that something is wrong: one shape for all of it, which is also Node-RED's.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::Value;

use crate::deploy::{Conflict, Refusal};
use crate::flow::Problem;
use crate::store::StoreError;

/// What is answered: `{code, message, pointer, hint}`, and what else belongs to it.
#[derive(Debug)]
pub struct Fault(Box<Told>);

#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Fault)]
pub struct Told {
    #[serde(skip)]
    status: StatusCode,
    /// For programs.
    code: &'static str,
    /// What is wrong, for a person.
    message: String,
    /// Where, in what was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pointer: Option<String>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    /// What else belongs to it: problems, a difference.
    #[serde(skip_serializing_if = "Value::is_null")]
    detail: Value,
    /// In how many seconds it is worth another try.
    #[serde(skip)]
    retry_after: Option<u64>,
}

impl Fault {
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Fault {
        let message = message.into();
        Fault(Box::new(Told {
            status,
            code,
            message,
            pointer: None,
            hint: None,
            detail: Value::Null,
            retry_after: None,
        }))
    }

    pub fn bad(code: &'static str, message: impl Into<String>) -> Fault {
        Fault::new(StatusCode::BAD_REQUEST, code, message)
    }

    pub fn not_found(message: impl Into<String>) -> Fault {
        Fault::new(StatusCode::NOT_FOUND, "not_found", message)
    }

    pub fn pointer(mut self, pointer: impl Into<String>) -> Fault {
        self.0.pointer = Some(pointer.into());
        self
    }

    pub fn hint(mut self, hint: impl Into<String>) -> Fault {
        self.0.hint = Some(hint.into());
        self
    }

    pub fn retry_after(mut self, seconds: u64) -> Fault {
        self.0.retry_after = Some(seconds);
        self
    }

    pub fn is_of(&self, status: StatusCode) -> bool {
        self.0.status == status
    }

    /// As it is told where there is no status.
    pub fn told(&self) -> Value {
        serde_json::json!(self.0)
    }

    pub fn detail(mut self, detail: Value) -> Fault {
        self.0.detail = detail;
        self
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let Told { status, retry_after, .. } = *self.0;
        let mut response = (status, Json(self.0)).into_response();
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Fault {
        let message = refusal.to_string();
        match refusal {
            Refusal::Conflict(conflict) => {
                let Conflict { revision, diff, since, clashes } = *conflict;
                let hint = match clashes.is_empty() {
                    true => {
                        "get the flows again and put your change into them, or have both put together: merge=true"
                    }
                    false => "both have changed the same places: get the flows again and decide",
                };
                let since_text = since.as_ref().map(ToString::to_string);
                let detail = serde_json::json!({
                    "revision": revision, "diff": diff, "text": diff.to_string(),
                    "since": since, "since_text": since_text, "clashes": clashes,
                });
                Fault::new(StatusCode::CONFLICT, "version_mismatch", message).hint(hint).detail(detail)
            }
            Refusal::Problems(problems) => Fault::problems(message, &problems),
            Refusal::Unknown(_) => Fault::not_found(message),
            Refusal::Store(error) => error.into(),
        }
    }
}

impl Fault {
    /// A document that is wrong: the first error is told, and all are listed.
    pub fn problems(message: String, problems: &[Problem]) -> Fault {
        let first = problems.iter().find(|problem| problem.is_error());
        let told = first.map_or(message, |problem| problem.message.clone());
        let mut fault = Fault::bad("invalid_flow", told).detail(serde_json::json!({ "problems": problems }));
        fault.0.pointer = first.map(|problem| problem.pointer.clone());
        fault.0.hint = first.and_then(|problem| problem.hint.clone());
        fault
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Fault {
        match error {
            StoreError::Refused(text) => Fault::bad("refused", text),
            StoreError::Full(_) | StoreError::Unwritable(_) | StoreError::Closed => {
                Fault::new(StatusCode::SERVICE_UNAVAILABLE, "store", error.to_string())
            }
            other => {
                tracing::error!("a request failed: {other}");
                Fault::new(StatusCode::INTERNAL_SERVER_ERROR, "store", other.to_string())
            }
        }
    }
}

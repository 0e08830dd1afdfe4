//! What stands in the address of a request, with errors in the API's own shape.

use axum::extract::{FromRequestParts, Path, Query};
use axum::http::request::Parts;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::fault::Fault;

/// What stands behind the `?`.
pub struct Asked<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Asked<T> {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Asked<T>, Fault> {
        match Query::from_request_parts(parts, state).await {
            Ok(Query(asked)) => Ok(Asked(asked)),
            Err(rejection) => Err(Fault::bad("bad_query", rejection.body_text())),
        }
    }
}

/// A part of a list, the newest first.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Page {
    before: Option<i64>,
    limit: Option<usize>,
}

impl Page {
    /// Before which number, and how many.
    pub fn of(&self, usual: usize, most: usize) -> (i64, usize) {
        (self.before.unwrap_or(i64::MAX), self.limit.unwrap_or(usual).clamp(1, most))
    }
}

/// What the path names.
pub struct Named<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Named<T> {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Named<T>, Fault> {
        match Path::from_request_parts(parts, state).await {
            Ok(Path(named)) => Ok(Named(named)),
            Err(rejection) => Err(Fault::not_found(rejection.body_text())),
        }
    }
}

//! What stands in the address of a request, with errors in the API's own shape.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
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
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Page {
    /// Only what has a smaller number than this
    pub before: Option<i64>,
    /// At most so many
    pub limit: Option<usize>,
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

/// A body of JSON.
pub struct Sent<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Sent<T> {
    type Rejection = Fault;

    async fn from_request(request: Request, state: &S) -> Result<Sent<T>, Fault> {
        let kind =
            request.headers().get(header::CONTENT_TYPE).map(|kind| kind.as_bytes().to_ascii_lowercase());
        if let Some(kind) = kind.filter(|kind| !kind.starts_with(b"application/json")) {
            let text = format!("the body is JSON, not {}", String::from_utf8_lossy(&kind));
            return Err(Fault::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_json", text)
                .hint("send it with content-type: application/json"));
        }
        let body = Bytes::from_request(request, state)
            .await
            .map_err(|rejection| Fault::bad("bad_body", rejection.body_text()))?;
        let mut json = serde_json::Deserializer::from_slice(&body);
        let sent = serde_path_to_error::deserialize(&mut json).map_err(|error| {
            let (path, error) = (error.path().clone(), error.into_inner());
            match error.classify() {
                serde_json::error::Category::Data => {
                    Fault::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", error.to_string())
                        .pointer(pointer(&path))
                }
                _ => Fault::bad("bad_json", format!("this is not JSON: {error}")),
            }
        })?;
        match json.end() {
            Ok(()) => Ok(Sent(sent)),
            Err(error) => Err(Fault::bad("bad_json", format!("this is not JSON: {error}"))),
        }
    }
}

fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let parts = path.iter().map(|segment| match segment {
        Segment::Seq { index } => format!("/{index}"),
        Segment::Map { key } => format!("/{}", key.replace('~', "~0").replace('/', "~1")),
        Segment::Enum { variant } => format!("/{variant}"),
        Segment::Unknown => String::new(),
    });
    parts.collect()
}

//! `/auth`: logging in with a name and a password, as Node-RED's editor and `node-red-admin` do.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::access::{Read, from};
use super::super::fault::Fault;
use super::super::gateway::{Gateway, blocking};
use crate::access::{By, Moment};
use crate::config::IDLE_MS;

pub async fn scheme() -> Json<Value> {
    Json(json!({
        "type": "credentials",
        "prompts": [
            { "id": "username", "type": "text", "label": "Username" },
            { "id": "password", "type": "password", "label": "Password" },
        ],
    }))
}

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    grant_type: String,
    #[serde(default)]
    username: String,
    #[serde(default)]
    password: String,
}

pub async fn token(State(gateway): State<Gateway>, parts: Parts, body: Bytes) -> Result<Json<Value>, Fault> {
    let asked: Asked = read(&parts.headers, &body)?;
    if asked.grant_type != "password" {
        return Err(Fault::bad("unsupported_grant_type", "the grant type is password"));
    }
    let (access, from) = (gateway.access.clone(), from(&parts));
    let log_in = move || access.login(&asked.username, &asked.password, from, Moment::now());
    let (_, secret) = blocking(log_in).await??;
    Ok(Json(json!({ "access_token": secret.text(), "expires_in": IDLE_MS / 1_000, "token_type": "Bearer" })))
}

#[derive(Deserialize)]
struct Revoked {
    #[serde(default)]
    token: String,
}

/// Ends a session: the one that is named, or where none is, the one of the caller. Nobody ends those of others here; and
/// a token that is none is no error, as in Node-RED.
pub async fn revoke(
    Read(caller): Read,
    State(gateway): State<Gateway>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, Fault> {
    let token = if body.is_empty() { String::new() } else { read::<Revoked>(&headers, &body)?.token };
    let access = gateway.access.clone();
    let end = move || {
        let id = match token.is_empty() {
            true => Some(caller.known.id.clone()),
            false => {
                let named = access.caller_of(&token, Moment::now())?;
                named.filter(|named| named.name == caller.known.name).map(|named| named.id.clone())
            }
        };
        let origin = caller.from.to_string();
        id.map_or(Ok(None), |id| access.config().revoke(&id, By { who: caller.name(), origin: &origin }))
    };
    blocking(end).await??;
    Ok(StatusCode::OK)
}

/// JSON, or a form, which is what OAuth asks for.
fn read<T: serde::de::DeserializeOwned>(headers: &HeaderMap, body: &[u8]) -> Result<T, Fault> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if kind.starts_with("application/x-www-form-urlencoded") {
        let fields: Value = form(body)
            .into_iter()
            .map(|(name, value)| (name, json!(value)))
            .collect::<serde_json::Map<_, _>>()
            .into();
        return serde_json::from_value(fields).map_err(|error| Fault::bad("bad_form", error.to_string()));
    }
    serde_json::from_slice(body).map_err(|error| Fault::bad("bad_json", format!("this is not JSON: {error}")))
}

fn form(body: &[u8]) -> Vec<(String, String)> {
    form_urlencoded::parse(body).map(|(name, value)| (name.into_owned(), value.into_owned())).collect()
}

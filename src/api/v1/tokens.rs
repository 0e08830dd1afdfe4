//! Tokens of machines, and sessions of people: the same as `tidegate token`, with the same rules.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::access::Admin;
use super::super::asked::{Named, Sent};
use super::super::fault::Fault;
use super::super::gateway::{Gateway, blocking};
use super::users::{by, conflict, invalid};
use crate::access::Moment;
use crate::config::{NewToken, Scope, Scopes, Token, check_name};

/// A century: what lasts longer need not end at all.
const LONGEST: u64 = 100 * 366 * 86_400;

/// All tokens and sessions, the newest first
#[utoipa::path(get, path = "/api/v1/tokens", tag = "access", responses((status = 200, body = Vec<Token>)))]
pub async fn all(_: Admin, State(gateway): State<Gateway>) -> Result<Json<Vec<Token>>, Fault> {
    Ok(Json(blocking(move || gateway.access.config().tokens()).await??))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewToken)]
pub struct New {
    /// The machine, or what it does: 1 to 64 of A-Z, a-z, 0-9, . _ @ -
    name: String,
    #[schema(min_items = 1)]
    scopes: Vec<Scope>,
    /// Without it, it lasts until it is revoked.
    #[schema(minimum = 1, maximum = 3_162_240_000_u64)]
    expires_in_s: Option<u64>,
}

/// A token that was just made.
#[derive(Serialize, ToSchema)]
pub struct Made {
    #[serde(flatten)]
    token: Token,
    /// Shown this once.
    secret: String,
}

/// Makes a token. Its secret is shown once, and cannot be shown again
#[utoipa::path(post, path = "/api/v1/tokens", tag = "access", request_body = New, responses((status = 201, body = Made)))]
pub async fn add(
    Admin(caller): Admin,
    State(gateway): State<Gateway>,
    Sent(new): Sent<New>,
) -> Result<(StatusCode, Json<Made>), Fault> {
    check_name(&new.name).map_err(|error| invalid(error.to_string()).pointer("/name"))?;
    let scopes: Scopes = new.scopes.iter().copied().collect();
    if scopes.is_empty() {
        let text = "a token without a scope is good for nothing: name one".to_string();
        return Err(invalid(text).pointer("/scopes"));
    }
    if new.expires_in_s.is_some_and(|seconds| !(1..=LONGEST).contains(&seconds)) {
        let text = format!("a token lasts 1 to {LONGEST} seconds, or without an end");
        return Err(invalid(text).pointer("/expires_in_s"));
    }
    let made = move || {
        let now = Moment::now().wall_ms;
        let expires_ms = new.expires_in_s.map(|seconds| now.saturating_add(seconds as i64 * 1_000));
        let wanted = NewToken { name: &new.name, scopes, expires_ms };
        by(&caller, |by| gateway.access.config().create_token(&wanted, now, by))
    };
    let (token, secret) = blocking(made).await?.map_err(conflict)?;
    Ok((StatusCode::CREATED, Json(Made { token, secret: secret.text().to_string() })))
}

/// Ends a token, or a session, at once
#[utoipa::path(delete, path = "/api/v1/tokens/{id}", tag = "access", params(("id" = String, Path)), responses((status = 204, description = "It is revoked")))]
pub async fn remove(
    Admin(caller): Admin,
    State(gateway): State<Gateway>,
    Named(id): Named<String>,
) -> Result<StatusCode, Fault> {
    let revoked = blocking(move || by(&caller, |by| gateway.access.config().revoke(&id, by))).await??;
    // Who gives the secret in place of the id finds it in no message.
    match revoked {
        Some(_) => Ok(StatusCode::NO_CONTENT),
        None => Err(Fault::not_found("there is no token with this id: GET /api/v1/tokens lists them all")),
    }
}

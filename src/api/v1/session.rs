//! Logging in with a browser: the session is in a cookie that scripts cannot read.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::SET_COOKIE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::access::{Caller, Dashboard, forget, from, is_own_origin, keep};
use super::super::asked::Sent;
use super::super::fault::Fault;
use super::super::gateway::{Gateway, blocking};
use super::users::{Password, invalid};
use crate::access::{By, Caller as Known, Kind, Moment, Permission, Refused};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LogIn {
    username: String,
    password: String,
}

/// Who is logged in, and what they may do.
#[derive(Serialize, ToSchema)]
pub struct Session {
    /// Of the user, or of the token.
    name: String,
    kind: Kind,
    /// `read`, `payloads`, `inject`, `deploy`, `admin`, `metrics`, `dashboard` (see it), `operate` (use it)
    may: Vec<&'static str>,
}

/// Logs a browser in: the session is in a cookie
///
/// Only for pages of this gateway: another page must not log somebody in as somebody else.
#[utoipa::path(post, path = "/api/v1/session", tag = "access", request_body = LogIn, responses((status = 200, body = Session)))]
pub async fn log_in(
    State(gateway): State<Gateway>,
    parts: Parts,
    body: Bytes,
) -> Result<impl IntoResponse, Fault> {
    if parts.headers.contains_key("origin") && !is_own_origin(&parts.headers) {
        return Err(Fault::new(
            StatusCode::FORBIDDEN,
            "origin",
            "this was asked for by a page of another origin",
        ));
    }
    let asked: LogIn = serde_json::from_slice(&body).map_err(|error| {
        Fault::bad("bad_json", format!("a username and a password are asked for: {error}"))
    })?;
    let (access, from) = (gateway.access.clone(), from(&parts));
    let log_in = move || access.login(&asked.username, &asked.password, from, Moment::now());
    let (known, secret) = blocking(log_in).await??;
    let mut headers = HeaderMap::new();
    headers.extend(keep(secret.text(), &parts).map(|cookie| (SET_COOKIE, cookie)));
    Ok((headers, Json(shown(&known))))
}

/// Who asks, and what they may do
///
/// Where there is no admin yet, the code is `no_users` and not `unauthorized`: nobody can log in, and the hint says how the
/// first one is made.
#[utoipa::path(get, path = "/api/v1/session", tag = "access", responses((status = 200, body = Session)))]
pub async fn who(
    known: Result<Dashboard, Fault>,
    State(gateway): State<Gateway>,
) -> Result<Json<Session>, Fault> {
    match known {
        Ok(Dashboard(caller)) => Ok(Json(shown(&caller.known))),
        Err(fault) if fault.is_of(StatusCode::UNAUTHORIZED) => {
            let access = gateway.access.clone();
            match blocking(move || access.config().has_admin()).await?? {
                true => Err(fault),
                false => Err(no_users()),
            }
        }
        Err(fault) => Err(fault),
    }
}

fn no_users() -> Fault {
    Fault::new(StatusCode::UNAUTHORIZED, "no_users", "this gateway has no admin yet").hint(
        "open the link that the gateway wrote when it started (into its terminal, or journalctl -u tidegate), or run \
         `tidegate passwd NAME --role admin` on the board",
    )
}

/// Ends the session, or the token, that asks
#[utoipa::path(delete, path = "/api/v1/session", tag = "access", responses((status = 204, description = "It has ended")))]
pub async fn log_out(
    Dashboard(caller): Dashboard,
    State(gateway): State<Gateway>,
    parts: Parts,
) -> Result<impl IntoResponse, Fault> {
    let access = gateway.access.clone();
    blocking(move || end(&access, &caller)).await??;
    let mut headers = HeaderMap::new();
    headers.extend(forget(&parts).map(|cookie| (SET_COOKIE, cookie)));
    Ok((StatusCode::NO_CONTENT, headers))
}

fn end(access: &crate::access::Access, caller: &Caller) -> Result<(), Fault> {
    let origin = caller.from.to_string();
    access.config().revoke(&caller.known.id, By { who: caller.name(), origin: &origin })?;
    Ok(())
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OwnPassword {
    #[schema(value_type = String, format = Password)]
    old: Password,
    /// At least 8 characters.
    #[schema(value_type = String, format = Password)]
    new: Password,
}

/// Changes one's own password. All other sessions of that person end
///
/// Tokens that they have made for machines stay. Wrong tries are slowed as those of logging in.
#[utoipa::path(post, path = "/api/v1/session/password", tag = "access", request_body = OwnPassword, responses((status = 204, description = "It is changed")))]
pub async fn change_password(
    Dashboard(caller): Dashboard,
    State(gateway): State<Gateway>,
    Sent(sent): Sent<OwnPassword>,
) -> Result<StatusCode, Fault> {
    // A machine may be called as a person is.
    if caller.known.kind != Kind::Session {
        return Err(Fault::new(StatusCode::FORBIDDEN, "forbidden", "a token has no password"));
    }
    let (old, new) = (sent.old.hidden(), sent.new.hidden());
    let access = gateway.access.clone();
    let change = move || access.change_password(&caller.known, &old, &new, caller.from, Moment::now());
    match blocking(change).await? {
        Ok(()) => Ok(StatusCode::NO_CONTENT),
        // Not 401: they are logged in all the same.
        Err(Refused::Wrong) => Err(Fault::new(
            StatusCode::FORBIDDEN,
            "wrong_password",
            "this is not the password that you have now",
        )
        .pointer("/old")),
        Err(Refused::Invalid(text)) => Err(invalid(text).pointer("/new")),
        Err(other) => Err(other.into()),
    }
}

fn shown(known: &Known) -> Session {
    let may = Permission::ALL.into_iter().filter(|permission| known.may(*permission)).map(name).collect();
    Session { name: known.name.clone(), kind: known.kind, may }
}

fn name(permission: Permission) -> &'static str {
    match permission {
        Permission::Read => "read",
        Permission::Payloads => "payloads",
        Permission::Inject => "inject",
        Permission::Deploy => "deploy",
        Permission::Admin => "admin",
        Permission::Metrics => "metrics",
        Permission::Dashboard => "dashboard",
        Permission::Operate => "operate",
    }
}

//! Users: the same as `tidegate passwd`, with the same rules.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use zeroize::Zeroizing;

use super::super::access::{Admin, Caller};
use super::super::asked::{Named, Sent};
use super::super::fault::Fault;
use super::super::gateway::{Gateway, blocking};
use crate::access::{By, Refused};
use crate::config::{NewUser, Role, User, check_name};
use crate::store::StoreError;

/// All users, by name
#[utoipa::path(get, path = "/api/v1/users", tag = "access", responses((status = 200, body = Vec<User>)))]
pub async fn all(_: Admin, State(gateway): State<Gateway>) -> Result<Json<Vec<User>>, Fault> {
    Ok(Json(blocking(move || gateway.access.config().users()).await??))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewUser)]
pub struct New {
    /// 1 to 64 of A-Z, a-z, 0-9, . _ @ -
    name: String,
    /// At least 8 characters.
    #[schema(value_type = String, format = Password)]
    password: Password,
    role: Role,
    /// Whether message contents are shown to them.
    #[serde(default)]
    sees_payloads: bool,
}

/// It does not stay in memory, and shows itself in no log.
#[derive(Deserialize)]
#[serde(transparent)]
pub struct Password(String);

impl Password {
    pub fn hidden(self) -> Zeroizing<String> {
        Zeroizing::new(self.0)
    }
}

/// Adds a user
#[utoipa::path(post, path = "/api/v1/users", tag = "access", request_body = New, responses((status = 201, body = User)))]
pub async fn add(
    Admin(caller): Admin,
    State(gateway): State<Gateway>,
    Sent(new): Sent<New>,
) -> Result<(StatusCode, Json<User>), Fault> {
    check_name(&new.name).map_err(|error| invalid(error.to_string()).pointer("/name"))?;
    let password = new.password.hidden();
    let (name, role, sees_payloads) = (new.name, new.role, new.sees_payloads);
    let made = move || -> Result<User, Fault> {
        let hashed = gateway.access.hash(&password).map_err(about_password)?;
        let config = gateway.access.config();
        let new = NewUser { name: &name, role, sees_payloads };
        by(&caller, |by| config.add_user(&new, &hashed, by)).map_err(conflict)?;
        config.user(&name)?.map(|(user, _)| user).ok_or_else(|| unknown(&name))
    };
    Ok((StatusCode::CREATED, Json(blocking(made).await??)))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = UserChange)]
pub struct Change {
    role: Option<Role>,
    sees_payloads: Option<bool>,
    /// A new one ends all their sessions.
    #[schema(value_type = Option<String>, format = Password)]
    password: Option<Password>,
}

/// Changes a user. What is left out stays
#[utoipa::path(patch, path = "/api/v1/users/{name}", tag = "access", params(("name" = String, Path)), request_body = Change, responses((status = 200, body = User)))]
pub async fn change(
    Admin(caller): Admin,
    State(gateway): State<Gateway>,
    Named(name): Named<String>,
    Sent(change): Sent<Change>,
) -> Result<Json<User>, Fault> {
    let (role, sees_payloads) = (change.role, change.sees_payloads);
    let password = change.password.map(Password::hidden);
    let made = move || -> Result<User, Fault> {
        let config = gateway.access.config();
        if config.user(&name)?.is_none() {
            return Err(unknown(&name));
        }
        // First of all: what is refused then has changed nothing.
        let hashed = password.map(|password| gateway.access.hash(&password)).transpose();
        let hashed = hashed.map_err(about_password)?;
        let user = by(&caller, |by| config.change_user(&name, role, sees_payloads, by)).map_err(conflict)?;
        if let Some(hashed) = hashed {
            by(&caller, |by| config.set_password(&name, &hashed, None, by)).map_err(conflict)?;
        }
        Ok(user)
    };
    Ok(Json(blocking(made).await??))
}

#[derive(Serialize, ToSchema)]
pub struct Removed {
    /// That they made, and that still work: machines live by them.
    tokens: usize,
}

/// Removes a user, and ends all their sessions. The last admin stays
#[utoipa::path(delete, path = "/api/v1/users/{name}", tag = "access", params(("name" = String, Path)), responses((status = 200, body = Removed)))]
pub async fn remove(
    Admin(caller): Admin,
    State(gateway): State<Gateway>,
    Named(name): Named<String>,
) -> Result<Json<Removed>, Fault> {
    let made = move || -> Result<usize, Fault> {
        let config = gateway.access.config();
        if config.user(&name)?.is_none() {
            return Err(unknown(&name));
        }
        by(&caller, |by| config.remove_user(&name, by)).map_err(conflict)
    };
    Ok(Json(Removed { tokens: blocking(made).await?? }))
}

/// For the audit.
pub fn by<R>(caller: &Caller, act: impl FnOnce(By<'_>) -> R) -> R {
    act(By { who: caller.name(), origin: &caller.from.to_string() })
}

/// What is refused for what is there already, or for what must stay.
pub fn conflict(error: StoreError) -> Fault {
    match error {
        StoreError::Refused(text) => Fault::new(StatusCode::CONFLICT, "refused", text),
        other => other.into(),
    }
}

pub fn invalid(text: String) -> Fault {
    Fault::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", text)
}

fn about_password(refused: Refused) -> Fault {
    match refused {
        Refused::Invalid(text) => invalid(text).pointer("/password"),
        other => other.into(),
    }
}

/// What is no name may be a password in the wrong place, and is not repeated.
fn unknown(name: &str) -> Fault {
    Fault::not_found(match check_name(name) {
        Ok(()) => format!("there is no user {name}"),
        Err(_) => "there is no such user".to_string(),
    })
}

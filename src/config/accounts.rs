//! Users. Each change stands in the audit in the same commit: there is none without the other.

use rusqlite::{Connection, OptionalExtension, Row};
use serde::Serialize;

use super::audit::note;
use super::{Config, Hashed, Role, now_ms};
use crate::store::StoreError;

/// So many there can be.
const USERS: i64 = 1_000;
pub const LONGEST_NAME: usize = 64;

/// Who does something, and from where: for the audit.
#[derive(Debug, Clone, Copy)]
pub struct By<'b> {
    pub who: &'b str,
    /// An address, or `command line`.
    pub origin: &'b str,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct User {
    pub name: String,
    pub role: Role,
    /// Whether message contents are shown to them.
    pub sees_payloads: bool,
    pub since_ms: i64,
}

#[derive(Debug, Clone, Copy)]
pub struct NewUser<'n> {
    pub name: &'n str,
    pub role: Role,
    pub sees_payloads: bool,
}

impl Config {
    pub fn add_user(&self, new: &NewUser<'_>, password: &Hashed, by: By<'_>) -> Result<(), StoreError> {
        self.change(|config| add(config, new, password, by))
    }

    /// Adds an admin where there is none. Of two who try at the same moment one does it; the other gets `false`.
    pub fn add_first_admin(
        &self,
        new: &NewUser<'_>,
        password: &Hashed,
        by: By<'_>,
    ) -> Result<bool, StoreError> {
        self.change(|config| {
            let first = admins(config)? == 0;
            if first {
                add(config, &NewUser { role: Role::Admin, ..*new }, password, by)?;
            }
            Ok(first)
        })
    }

    /// Ends all sessions of the user but the one with the id `keep`: whoever knew the old password is out.
    pub fn set_password(
        &self,
        name: &str,
        password: &Hashed,
        keep: Option<&str>,
        by: By<'_>,
    ) -> Result<(), StoreError> {
        self.change(|config| {
            let changed = config
                .prepare_cached("UPDATE users SET password = ? WHERE name = ?")?
                .execute((password.as_text(), name))?;
            if changed == 0 {
                return Err(unknown(name));
            }
            end_sessions(config, name, keep.unwrap_or_default())?;
            note(config, by, "change password", name, "")
        })
    }

    /// The same for who knows the old one, and goes on in the session `keep`. `false` where it is not the old one any more.
    pub fn replace_password(
        &self,
        name: &str,
        old: &Hashed,
        new: &Hashed,
        keep: &str,
        by: By<'_>,
    ) -> Result<bool, StoreError> {
        self.change(|config| {
            let changed = config
                .prepare_cached("UPDATE users SET password = ? WHERE name = ? AND password = ?")?
                .execute((new.as_text(), name, old.as_text()))?;
            if changed == 0 {
                return Ok(false);
            }
            end_sessions(config, name, keep)?;
            note(config, by, "change password", name, "")?;
            Ok(true)
        })
    }

    /// The same password, hashed anew. Nothing is done where it has changed meanwhile.
    pub fn renew_hash(&self, name: &str, old: &Hashed, new: &Hashed) -> Result<(), StoreError> {
        self.with(|config| {
            config
                .prepare_cached("UPDATE users SET password = ? WHERE name = ? AND password = ?")?
                .execute((new.as_text(), name, old.as_text()))?;
            Ok(())
        })
    }

    /// What is `None` stays as it is.
    pub fn change_user(
        &self,
        name: &str,
        role: Option<Role>,
        sees_payloads: Option<bool>,
        by: By<'_>,
    ) -> Result<User, StoreError> {
        self.change(|config| {
            let (old, _) = find(config, name)?.ok_or_else(|| unknown(name))?;
            let new = User {
                role: role.unwrap_or(old.role),
                sees_payloads: sees_payloads.unwrap_or(old.sees_payloads),
                ..old.clone()
            };
            if new == old {
                return Ok(new);
            }
            config
                .prepare_cached("UPDATE users SET role = ?, sees_payloads = ? WHERE name = ?")?
                .execute((new.role.name(), new.sees_payloads, name))?;
            keep_an_admin(config, &old)?;
            note(config, by, "change user", name, &described(&new.role, new.sees_payloads))?;
            Ok(new)
        })
    }

    /// The user and all their sessions. Tokens that they made stay, since machines live by them: gives how many.
    pub fn remove_user(&self, name: &str, by: By<'_>) -> Result<usize, StoreError> {
        self.change(|config| {
            let (old, _) = find(config, name)?.ok_or_else(|| unknown(name))?;
            config.prepare_cached("DELETE FROM users WHERE name = ?")?.execute([name])?;
            keep_an_admin(config, &old)?;
            config
                .prepare_cached("DELETE FROM tokens WHERE kind = 'session' AND owner = ?")?
                .execute([name])?;
            let tokens: i64 =
                config.query_row("SELECT count(*) FROM tokens WHERE owner = ?", [name], |row| row.get(0))?;
            note(config, by, "remove user", name, "")?;
            Ok(tokens as usize)
        })
    }

    /// By name.
    pub fn users(&self) -> Result<Vec<User>, StoreError> {
        self.with(|config| {
            let mut select = config
                .prepare_cached("SELECT name, role, sees_payloads, since_ms FROM users ORDER BY name")?;
            Ok(select.query_map([], user)?.collect::<Result<_, _>>()?)
        })
    }

    pub fn user(&self, name: &str) -> Result<Option<(User, Hashed)>, StoreError> {
        self.with(|config| find(config, name))
    }

    pub fn has_admin(&self) -> Result<bool, StoreError> {
        self.with(|config| Ok(admins(config)? > 0))
    }
}

fn end_sessions(config: &Connection, owner: &str, but: &str) -> Result<(), StoreError> {
    config
        .prepare_cached("DELETE FROM tokens WHERE kind = 'session' AND owner = ? AND id <> ?")?
        .execute((owner, but))?;
    Ok(())
}

/// The names of users and of tokens.
pub fn check_name(name: &str) -> Result<(), StoreError> {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || b"._@-".contains(&byte);
    match (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(fine) {
        true => Ok(()),
        // It is not repeated: people type passwords where a name belongs.
        false => Err(StoreError::Refused(format!(
            "this name cannot be used: it has 1 to {LONGEST_NAME} of the characters A-Z, a-z, 0-9, . _ @ -"
        ))),
    }
}

fn add(config: &Connection, new: &NewUser<'_>, password: &Hashed, by: By<'_>) -> Result<(), StoreError> {
    check_name(new.name)?;
    let name = new.name;
    if find(config, name)?.is_some() {
        return Err(StoreError::Refused(format!(
            "there is a user {name} already: take another name, or change that one"
        )));
    }
    let count: i64 = config.query_row("SELECT count(*) FROM users", [], |row| row.get(0))?;
    if count >= USERS {
        return Err(StoreError::Refused(format!("there are {USERS} users: remove one first")));
    }
    config
        .prepare_cached(
            "INSERT INTO users (name, password, role, sees_payloads, since_ms) VALUES (?, ?, ?, ?, ?)",
        )?
        .execute((name, password.as_text(), new.role.name(), new.sees_payloads, now_ms()))?;
    note(config, by, "add user", name, &described(&new.role, new.sees_payloads))
}

fn described(role: &Role, sees_payloads: bool) -> String {
    format!("{role}{}", if sees_payloads { ", sees payloads" } else { "" })
}

fn find(config: &Connection, name: &str) -> Result<Option<(User, Hashed)>, StoreError> {
    let mut select = config
        .prepare_cached("SELECT name, role, sees_payloads, since_ms, password FROM users WHERE name = ?")?;
    let found = select.query_row([name], |row| Ok((user(row)?, Hashed::stored(row.get(4)?))));
    Ok(found.optional()?)
}

fn user(row: &Row<'_>) -> rusqlite::Result<User> {
    let role: String = row.get(1)?;
    Ok(User {
        name: row.get(0)?,
        // One that only a newer version knows: the least.
        role: role.parse().unwrap_or(Role::LEAST),
        sees_payloads: row.get(2)?,
        since_ms: row.get(3)?,
    })
}

fn admins(config: &Connection) -> Result<i64, StoreError> {
    Ok(config.query_row("SELECT count(*) FROM users WHERE role = 'admin'", [], |row| row.get(0))?)
}

/// Without an admin the gateway would wait for whoever comes first to set it up.
fn keep_an_admin(config: &Connection, changed: &User) -> Result<(), StoreError> {
    if changed.role == Role::Admin && admins(config)? == 0 {
        return Err(StoreError::Refused(format!(
            "{} is the only admin and must stay one: make another user an admin first",
            changed.name
        )));
    }
    Ok(())
}

fn unknown(name: &str) -> StoreError {
    // What is no name may be a password in the wrong place.
    let which = if check_name(name).is_ok() { format!(" {name}") } else { String::new() };
    StoreError::Refused(format!("there is no user{which}: `tidegate passwd --list` shows them all"))
}

//! Sessions of people and tokens of machines. What lets somebody in is given out once; here is only its hash.

use rusqlite::{Connection, OptionalExtension, Row};
use serde::Serialize;

use super::accounts::check_name;
use super::audit::note;
use super::seal::{hex, random};
use super::{By, Config, Hashed, Role, Scopes, Secret, SecretHash, User};
use crate::store::StoreError;

/// So long a session lasts without being used.
pub const IDLE_MS: i64 = 14 * 24 * 3_600_000;
/// No program is older that reads this: before it, a clock has no time yet. 2023-01-01.
pub const CLOCKS_SET_MS: i64 = 1_672_531_200_000;
/// An expired token is shown for so long, so that one sees why a machine is turned away.
const SHOWN_MS: i64 = 30 * 24 * 3_600_000;
const TOKENS: i64 = 1_000;
/// Of one user; the one that was not used for longest goes.
const SESSIONS: i64 = 32;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = TokenKind)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A person's, from logging in.
    Session,
    /// A machine's.
    Token,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Token {
    pub id: String,
    pub kind: Kind,
    /// Of a session: the address that it began at.
    pub name: String,
    /// Of a token: who made it.
    pub owner: String,
    #[schema(value_type = Vec<super::Scope>)]
    pub scopes: Scopes,
    pub since_ms: i64,
    pub used_ms: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_ms: Option<i64>,
}

impl Token {
    /// When it ends, if it is not used again.
    pub fn ends_ms(&self) -> i64 {
        let idle = match self.kind {
            Kind::Session => self.used_ms.saturating_add(IDLE_MS),
            Kind::Token => i64::MAX,
        };
        idle.min(self.expires_ms.unwrap_or(i64::MAX))
    }
}

#[derive(Debug, Clone, Copy)]
pub struct NewToken<'n> {
    pub name: &'n str,
    pub scopes: Scopes,
    pub expires_ms: Option<i64>,
}

const COLUMNS: &str = "id, kind, tokens.name, owner, scopes, tokens.since_ms, used_ms, expires_ms";

impl Config {
    /// The owner is who makes it.
    pub fn create_token(
        &self,
        new: &NewToken<'_>,
        now_ms: i64,
        by: By<'_>,
    ) -> Result<(Token, Secret), StoreError> {
        check_name(new.name)?;
        if new.scopes.is_empty() {
            return Err(StoreError::Refused(
                "a token without a scope is good for nothing: name one".to_string(),
            ));
        }
        if new.expires_ms.is_some_and(|at| at <= now_ms) {
            return Err(StoreError::Refused("the token would have expired already".to_string()));
        }
        let token = Token {
            id: fresh_id()?,
            kind: Kind::Token,
            name: new.name.to_string(),
            owner: by.who.to_string(),
            scopes: new.scopes,
            since_ms: now_ms,
            used_ms: 0,
            expires_ms: new.expires_ms,
        };
        let secret = Secret::fresh()?;
        self.change(|config| {
            let count = "SELECT count(*), coalesce(sum(name = ?), 0) FROM tokens WHERE kind = 'token'";
            let (all, same): (i64, i64) =
                config.query_row(count, [new.name], |row| Ok((row.get(0)?, row.get(1)?)))?;
            if same > 0 {
                return Err(StoreError::Refused(format!(
                    "there is a token {} already: take another name, or revoke that one first",
                    new.name
                )));
            }
            if all >= TOKENS {
                return Err(StoreError::Refused(format!("there are {TOKENS} tokens: revoke one first")));
            }
            insert(config, &token, &secret)?;
            note(config, by, "create token", &token.name, &format!("{} {}", token.id, token.scopes))
        })?;
        Ok((token, secret))
    }

    /// Logs in. `None` where the user is gone, or has another password than the one that was looked at.
    pub fn create_session(
        &self,
        owner: &str,
        password: &Hashed,
        from: &str,
        now_ms: i64,
    ) -> Result<Option<(Token, Secret)>, StoreError> {
        let token = Token {
            id: fresh_id()?,
            kind: Kind::Session,
            name: from.to_string(),
            owner: owner.to_string(),
            scopes: Scopes::default(),
            since_ms: now_ms,
            used_ms: now_ms,
            expires_ms: None,
        };
        let secret = Secret::fresh()?;
        let made = self.change(|config| {
            let same = "SELECT count(*) FROM users WHERE name = ? AND password = ?";
            let same: i64 = config.query_row(same, (owner, password.as_text()), |row| row.get(0))?;
            if same == 0 {
                return Ok(false);
            }
            config
                .prepare_cached(
                    "DELETE FROM tokens WHERE kind = 'session' AND owner = ?1 AND id NOT IN (SELECT id FROM tokens \
                     WHERE kind = 'session' AND owner = ?1 ORDER BY used_ms DESC LIMIT ?2)",
                )?
                .execute((owner, SESSIONS - 1))?;
            insert(config, &token, &secret)?;
            note(config, By { who: owner, origin: from }, "log in", "", "")?;
            Ok(true)
        })?;
        Ok(made.then_some((token, secret)))
    }

    /// The session or token of a secret, and whose session it is. What has expired is not found.
    pub fn find_token(
        &self,
        secret: &SecretHash,
        now_ms: i64,
    ) -> Result<Option<(Token, Option<User>)>, StoreError> {
        let found = self.with(|config| {
            let sql = format!(
                "SELECT {COLUMNS}, role, sees_payloads, users.since_ms FROM tokens \
                 LEFT JOIN users ON kind = 'session' AND users.name = owner WHERE hash = ?"
            );
            let found = config.prepare_cached(&sql)?.query_row([secret.bytes()], |row| {
                let token = read(row)?;
                let role: Option<String> = row.get(8)?;
                let user = match role {
                    None => None,
                    Some(role) => Some(User {
                        name: token.owner.clone(),
                        role: role.parse().unwrap_or(Role::LEAST),
                        sees_payloads: row.get(9)?,
                        since_ms: row.get(10)?,
                    }),
                };
                Ok((token, user))
            });
            let found = found.optional()?;
            let is_limited = found.as_ref().is_some_and(|(token, _)| token.expires_ms.is_some());
            // A board without a clock begins in the past. What had expired when it last did something is not valid again.
            let at_least: i64 = match is_limited && now_ms < CLOCKS_SET_MS {
                true => {
                    config.query_row("SELECT coalesce(max(wall_ms), 0) FROM audit", [], |row| row.get(0))?
                }
                false => now_ms,
            };
            Ok(found.filter(|(token, _)| token.expires_ms.is_none_or(|at| at_least < at)))
        })?;
        Ok(found.filter(|(token, user)| {
            now_ms < token.ends_ms() && (token.kind == Kind::Token || user.is_some())
        }))
    }

    /// The newest first; sessions too.
    pub fn tokens(&self) -> Result<Vec<Token>, StoreError> {
        self.with(|config| {
            let sql = format!("SELECT {COLUMNS} FROM tokens ORDER BY since_ms DESC, id");
            Ok(config.prepare_cached(&sql)?.query_map([], read)?.collect::<Result<_, _>>()?)
        })
    }

    /// Ends a token or a session by its id. `None` where there is none.
    pub fn revoke(&self, id: &str, by: By<'_>) -> Result<Option<Token>, StoreError> {
        self.change(|config| {
            let sql = format!("SELECT {COLUMNS} FROM tokens WHERE id = ?");
            let Some(token) = config.prepare_cached(&sql)?.query_row([id], read).optional()? else {
                return Ok(None);
            };
            config.prepare_cached("DELETE FROM tokens WHERE id = ?")?.execute([id])?;
            let (action, about) = match token.kind {
                Kind::Token => ("revoke token", &token.name),
                Kind::Session if token.owner == by.who => ("log out", &token.owner),
                Kind::Session => ("end session", &token.owner),
            };
            note(config, by, action, about, id)?;
            Ok(Some(token))
        })
    }

    /// Whether the user has a session that began at this address.
    pub fn has_session(&self, owner: &str, from: &str, now_ms: i64) -> Result<bool, StoreError> {
        self.with(|config| {
            let sql = "SELECT count(*) FROM tokens WHERE kind = 'session' AND owner = ? AND name = ? AND used_ms > ?";
            let sessions: i64 =
                config.prepare_cached(sql)?.query_row((owner, from, now_ms - IDLE_MS), |row| row.get(0))?;
            Ok(sessions > 0)
        })
    }

    /// Writes down when they were used, and drops what has expired: one commit, and none where there is nothing to do.
    pub fn tend_tokens(&self, used: &[(String, i64)], now_ms: i64) -> Result<(), StoreError> {
        self.change(|config| {
            let mut touch = config.prepare_cached("UPDATE tokens SET used_ms = ? WHERE id = ?")?;
            for (id, at) in used {
                touch.execute((at, id))?;
            }
            config
                .prepare_cached(
                    "DELETE FROM tokens WHERE (kind = 'session' AND used_ms < ?) OR (kind = 'token' AND expires_ms < ?)",
                )?
                .execute((now_ms - IDLE_MS, now_ms - SHOWN_MS))?;
            Ok(())
        })
    }
}

fn fresh_id() -> Result<String, StoreError> {
    let mut id = [0; 6];
    random(&mut id)?;
    Ok(hex(&id))
}

fn insert(config: &Connection, token: &Token, secret: &Secret) -> Result<(), StoreError> {
    let kind = if token.kind == Kind::Session { "session" } else { "token" };
    config
        .prepare_cached(
            "INSERT INTO tokens (id, hash, kind, name, owner, scopes, since_ms, used_ms, expires_ms) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )?
        .execute(rusqlite::params![
            token.id,
            secret.hash().bytes(),
            kind,
            token.name,
            token.owner,
            token.scopes.to_string(),
            token.since_ms,
            token.used_ms,
            token.expires_ms
        ])?;
    Ok(())
}

fn read(row: &Row<'_>) -> rusqlite::Result<Token> {
    let kind: String = row.get(1)?;
    let scopes: String = row.get(4)?;
    Ok(Token {
        id: row.get(0)?,
        kind: if kind == "session" { Kind::Session } else { Kind::Token },
        name: row.get(2)?,
        owner: row.get(3)?,
        scopes: Scopes::stored(&scopes),
        since_ms: row.get(5)?,
        used_ms: row.get(6)?,
        expires_ms: row.get(7)?,
    })
}

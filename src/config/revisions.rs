//! Each deploy is a revision: the whole document, its secrets, who made it, when and why, and what changed.

use std::sync::PoisonError;

use rusqlite::{OptionalExtension, Row};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use zeroize::Zeroizing;

use super::names::{Wanted, check_revision_name, room_for_a_name};
use super::seal::hex;
use super::{Config, now_ms};
use crate::flow::{Credentials, Deployment, Document, Limits};
use crate::store::StoreError;

/// So many stay, and those that have a name. A board that is deployed to every hour keeps them for a week.
pub(super) const KEPT: i64 = 200;
/// A compressed document says how large it becomes, and is believed up to here.
const LARGEST: usize = 256 * 1024 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// It runs and has not yet shown that it is healthy.
    Probation,
    /// It has been healthy.
    Good,
    /// It was not healthy, and an earlier one has taken its place.
    Failed,
    /// Another one came before it had shown anything.
    Left,
}

impl Standing {
    const fn name(self) -> &'static str {
        match self {
            Standing::Probation => "probation",
            Standing::Good => "good",
            Standing::Failed => "failed",
            Standing::Left => "left",
        }
    }

    fn of(name: &str) -> Standing {
        match name {
            "good" => Standing::Good,
            "failed" => Standing::Failed,
            "left" => Standing::Left,
            _ => Standing::Probation,
        }
    }
}

/// A revision without its document.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Revision {
    pub number: i64,
    /// What a client names to say which one it has seen.
    pub rev: String,
    pub wall_ms: i64,
    pub who: String,
    /// How it came: `api`, `mqtt`, `file`, ...
    pub via: String,
    pub why: String,
    pub deployment: String,
    /// What a person calls it. One that has a name is not thrown away.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    pub nodes: i64,
    pub standing: Standing,
    /// Why it is no longer there, where it failed.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// What changed against the one before, node by node.
    pub diff: Json,
}

/// What is stored of a deploy.
pub struct NewRevision<'n> {
    /// Without secrets.
    pub document: &'n Document,
    pub credentials: &'n Credentials,
    pub who: &'n str,
    pub via: &'n str,
    pub why: &'n str,
    /// Empty for most.
    pub name: &'n str,
    pub deployment: Deployment,
    pub diff: Json,
    pub standing: Standing,
}

pub(super) const COLUMNS: &str =
    "number, rev, wall_ms, who, via, why, deployment, nodes, standing, reason, diff, name";

impl Config {
    /// Stores one, on the disk when this returns. The oldest go, but never the newest that was good, and none with a name.
    pub fn add_revision(&self, new: &NewRevision<'_>) -> Result<Revision, StoreError> {
        let name = check_revision_name(new.name)?;
        let text = new.document.to_json();
        let document = lz4_flex::compress_prepend_size(text.as_bytes());
        let secrets = if new.credentials.is_empty() {
            None
        } else {
            let json = serde_json::to_vec(new.credentials)
                .map(Zeroizing::new)
                .map_err(|error| StoreError::Mistake(error.to_string()))?;
            Some(json)
        };
        let deployment = match new.deployment {
            Deployment::Full => "full",
            Deployment::Flows => "flows",
            Deployment::Nodes => "nodes",
        };
        self.change(|config| {
            if !name.is_empty() {
                room_for_a_name(config)?;
            }
            let last: Option<i64> = config.query_row("SELECT max(number) FROM revisions", [], |row| row.get(0))?;
            let number = last.unwrap_or(0) + 1;
            let sealed = secrets.as_ref().map(|secrets| self.sealing(|seal| seal.seal(&place(number), secrets)));
            let rev = rev(number, &text);
            config
                .prepare_cached(
                    "INSERT INTO revisions (number, rev, wall_ms, who, via, why, deployment, nodes, document, secrets, diff, standing, name) \
                     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                )?
                .execute(rusqlite::params![
                    number,
                    rev,
                    now_ms(),
                    new.who,
                    new.via,
                    new.why,
                    deployment,
                    new.document.nodes.len() as i64,
                    document,
                    sealed.transpose()?,
                    new.diff.to_string(),
                    new.standing.name(),
                    name
                ])?;
            config
                .prepare_cached(
                    "DELETE FROM revisions WHERE number <= ? AND name = '' AND number <> \
                     (SELECT coalesce(max(number), 0) FROM revisions WHERE standing = 'good')",
                )?
                .execute([number - KEPT])?;
            let sql = format!("SELECT {COLUMNS} FROM revisions WHERE number = ?");
            Ok(config.prepare_cached(&sql)?.query_row([number], read)?)
        })
    }

    /// The newest first, those before a number.
    pub fn revisions(&self, before: i64, limit: usize) -> Result<Vec<Revision>, StoreError> {
        self.find_revisions(&Wanted { before, limit, ..Wanted::default() })
    }

    pub fn revision(&self, number: i64) -> Result<Option<Revision>, StoreError> {
        self.with(|config| {
            let sql = format!("SELECT {COLUMNS} FROM revisions WHERE number = ?");
            Ok(config.prepare_cached(&sql)?.query_row([number], read).optional()?)
        })
    }

    /// The newest that was good.
    pub fn last_good(&self) -> Result<Option<Revision>, StoreError> {
        self.with(|config| {
            let sql = format!(
                "SELECT {COLUMNS} FROM revisions WHERE standing = 'good' ORDER BY number DESC LIMIT 1"
            );
            Ok(config.prepare_cached(&sql)?.query_row([], read).optional()?)
        })
    }

    /// The number of the revision of this name, while it is kept.
    pub fn number_of(&self, rev: &str) -> Result<Option<i64>, StoreError> {
        self.with(|config| {
            let sql = "SELECT number FROM revisions WHERE rev = ?";
            Ok(config.query_row(sql, [rev], |row| row.get(0)).optional()?)
        })
    }

    /// A revision's document without secrets, and its secrets.
    pub fn document(&self, number: i64) -> Result<Option<(Document, Credentials)>, StoreError> {
        let found: Option<(Vec<u8>, Option<Vec<u8>>)> = self.with(|config| {
            let mut select =
                config.prepare_cached("SELECT document, secrets FROM revisions WHERE number = ?")?;
            Ok(select.query_row([number], |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
        })?;
        let Some((document, secrets)) = found else { return Ok(None) };
        let damaged = |why: String| StoreError::Damaged(format!("revision {number}: {why}"));
        let (size, packed) =
            lz4_flex::block::uncompressed_size(&document).map_err(|error| damaged(error.to_string()))?;
        if size > LARGEST {
            return Err(damaged(format!("it says that it has {size} bytes")));
        }
        let text = lz4_flex::decompress(packed, size).map_err(|error| damaged(error.to_string()))?;
        let document = Document::parse(&text, &Limits { bytes: LARGEST as u64, ..Limits::default() })
            .map_err(|problems| damaged(problems.first().map(ToString::to_string).unwrap_or_default()))?;
        let credentials = match secrets {
            None => Credentials::default(),
            Some(sealed) => {
                let open = self.sealing(|seal| seal.open(&place(number), &sealed))?;
                let stored: Credentials =
                    serde_json::from_slice(&open).map_err(|error| damaged(error.to_string()))?;
                stored.by_name(&document)
            }
        };
        Ok(Some((document, credentials)))
    }

    /// What has become of a revision.
    pub fn set_standing(&self, number: i64, standing: Standing, reason: &str) -> Result<(), StoreError> {
        self.with(|config| {
            config
                .prepare_cached("UPDATE revisions SET standing = ?, reason = ? WHERE number = ?")?
                .execute((standing.name(), reason, number))?;
            Ok(())
        })
    }

    /// Seals all secrets with a new key, and forgets the old one. Gives how many revisions that were. All of it is done as
    /// the only writer, so that another process neither seals with the old key behind it nor changes the key too.
    pub fn change_key(&self) -> Result<usize, StoreError> {
        let (sealed, outdated) = self.change(|config| {
            let outdated = self.seal.write().unwrap_or_else(PoisonError::into_inner).renew()?;
            let mut select =
                config.prepare("SELECT number, secrets FROM revisions WHERE secrets IS NOT NULL")?;
            let all: Vec<(i64, Vec<u8>)> =
                select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
            for (number, sealed) in &all {
                let again = self.sealing(|seal| {
                    let open = seal.open(&place(*number), sealed)?;
                    seal.seal(&place(*number), &open)
                })?;
                config.execute("UPDATE revisions SET secrets = ? WHERE number = ?", (again, number))?;
            }
            Ok((all.len(), outdated))
        })?;
        // Behind the commit: what is cut off before it finds both keys.
        self.change(|_| self.seal.write().unwrap_or_else(PoisonError::into_inner).forget(&outdated))?;
        Ok(sealed)
    }

    /// With the keys as they are now. Who seals does so within a change, behind which no other process gets.
    fn sealing<R>(&self, act: impl FnOnce(&super::Seal) -> Result<R, StoreError>) -> Result<R, StoreError> {
        let seal = self.seal.read().unwrap_or_else(PoisonError::into_inner);
        if !seal.is_stale() {
            return act(&seal);
        }
        drop(seal);
        let mut seal = self.seal.write().unwrap_or_else(PoisonError::into_inner);
        seal.refresh()?;
        act(&seal)
    }
}

/// Which of them a secret belongs to.
fn place(number: i64) -> String {
    format!("revision {number}")
}

/// A name for a revision that no other has. Secrets have no part in it.
fn rev(number: i64, text: &str) -> String {
    hex(ring::digest::digest(&ring::digest::SHA256, format!("{number}:{text}").as_bytes()).as_ref())
}

pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Revision> {
    let diff: String = row.get(10)?;
    Ok(Revision {
        number: row.get(0)?,
        rev: row.get(1)?,
        wall_ms: row.get(2)?,
        who: row.get(3)?,
        via: row.get(4)?,
        why: row.get(5)?,
        deployment: row.get(6)?,
        nodes: row.get(7)?,
        standing: Standing::of(&row.get::<_, String>(8)?),
        reason: row.get(9)?,
        diff: serde_json::from_str(&diff).unwrap_or(Json::Null),
        name: row.get(11)?,
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::flow::{merge, split};
    use serde_json::json;

    pub fn store(config: &Config, n: usize, standing: Standing) -> Revision {
        let nodes = json!([
            {"id": "b", "type": "mqtt-broker", "broker": format!("host-{n}"), "credentials": {"user": "u", "password": format!("secret-{n}")}}
        ]);
        let mut document = Document::from_json(nodes, &Limits::default()).unwrap();
        let credentials = split(&mut document);
        let new = NewRevision {
            document: &document,
            credentials: &credentials,
            who: "ada",
            via: "api",
            why: "a test",
            name: "",
            deployment: Deployment::Nodes,
            diff: json!({"nodes": []}),
            standing,
        };
        config.add_revision(&new).unwrap()
    }

    #[test]
    fn a_revision_comes_back_with_its_secrets_and_the_file_has_none() {
        let dir = tempfile::tempdir().unwrap();
        let config = Config::open(dir.path()).unwrap();
        let first = store(&config, 1, Standing::Good);
        let second = store(&config, 2, Standing::Probation);
        assert_eq!((first.number, second.number), (1, 2));
        assert_ne!(first.rev, second.rev);
        drop(config);
        let config = Config::open(dir.path()).unwrap();
        assert_eq!(config.last_good().unwrap().unwrap(), first);
        let (mut document, credentials) = config.document(2).unwrap().unwrap();
        assert!(!document.to_json().contains("secret-2"));
        merge(&mut document, &credentials);
        assert_eq!(document.nodes[0].properties["credentials"]["password"], "secret-2");
        config.set_standing(2, Standing::Failed, "it was not healthy").unwrap();
        let all = config.revisions(i64::MAX, 10).unwrap();
        assert_eq!(all.iter().map(|one| one.number).collect::<Vec<_>>(), [2, 1]);
        assert_eq!((all[0].standing, all[0].reason.as_str()), (Standing::Failed, "it was not healthy"));
        assert_eq!(config.document(3).unwrap(), None);
        for entry in std::fs::read_dir(dir.path()).unwrap().flatten() {
            let bytes = std::fs::read(entry.path()).unwrap();
            assert!(!bytes.windows(7).any(|part| part == b"secret-"), "{:?}", entry.path());
        }
    }

    #[test]
    fn the_oldest_go_but_not_the_last_good_one() {
        let dir = tempfile::tempdir().unwrap();
        let config = Config::open(dir.path()).unwrap();
        store(&config, 1, Standing::Good);
        (2..=KEPT as usize + 20).for_each(|n| drop(store(&config, n, Standing::Failed)));
        let all = config.revisions(i64::MAX, 1_000).unwrap();
        assert_eq!(all.len() as i64, KEPT + 1);
        assert_eq!((all[0].number, all.last().unwrap().number), (KEPT + 20, 1));
        // Numbers go on, though their rows are gone.
        assert_eq!(store(&config, 7, Standing::Good).number, KEPT + 21);
    }

    #[test]
    fn the_key_changes_and_all_secrets_with_it() {
        let dir = tempfile::tempdir().unwrap();
        let config = Config::open(dir.path()).unwrap();
        store(&config, 1, Standing::Good);
        store(&config, 2, Standing::Good);
        let before = std::fs::read_to_string(dir.path().join("tidegate.key")).unwrap();
        assert_eq!(config.change_key().unwrap(), 2);
        let after = std::fs::read_to_string(dir.path().join("tidegate.key")).unwrap();
        assert!(!after.contains(before.trim()));
        let config = Config::open(dir.path()).unwrap();
        for number in [1, 2] {
            let (mut document, credentials) = config.document(number).unwrap().unwrap();
            merge(&mut document, &credentials);
            assert_eq!(document.nodes[0].properties["credentials"]["password"], format!("secret-{number}"));
        }
        // One that has it open, as the gateway has, goes on with the new key.
        Config::open(dir.path()).unwrap().change_key().unwrap();
        store(&config, 3, Standing::Good);
        for config in [&config, &Config::open(dir.path()).unwrap()] {
            assert!((1..=3).all(|number| config.document(number).unwrap().is_some()));
        }
        // Whoever has lost the key is told, and has the document at least in an export.
        std::fs::remove_file(dir.path().join("tidegate.key")).unwrap();
        let config = Config::open(dir.path()).unwrap();
        let refused = config.document(1).unwrap_err().to_string();
        assert!(refused.contains("another key"), "{refused}");
    }
}

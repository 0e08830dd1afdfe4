//! Bundles that were deployed from elsewhere: per key the newest, so that an older one is never deployed again, also not after
//! a power cut at any moment.

use rusqlite::{Connection, OptionalExtension};

use super::{Config, now_ms};
use crate::store::StoreError;

/// So often a bundle is taken up again with which the gateway went down: it may be why.
pub const ATTEMPTS: i64 = 3;

/// The newest bundle of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenBundle {
    pub sequence: i64,
    pub hash: [u8; 32],
    /// How often its deploy was begun.
    pub attempts: i64,
    /// The revision that it has become.
    pub revision: Option<i64>,
    /// What has come of it, once that is known: a word, and why.
    pub verdict: Option<(String, String)>,
}

/// Whether a bundle may be deployed.
#[derive(Debug, PartialEq, Eq)]
pub enum Admission {
    /// It is the newest. That is on the disk now, so the deploy may begin.
    New,
    /// It is the newest, and was here before.
    Again(TakenBundle),
    /// The key has signed a newer one, or another one of this number.
    Old { newest: i64 },
}

impl Config {
    /// Looks at a bundle whose signature is right, and notes it when it is new.
    pub fn admit_bundle(
        &self,
        key: &[u8; 32],
        sequence: i64,
        hash: &[u8; 32],
    ) -> Result<Admission, StoreError> {
        self.change(|config| {
            match newest(config, key)? {
                Some(known) if known.sequence == sequence && known.hash == *hash => {
                    return Ok(Admission::Again(known));
                }
                Some(known) if known.sequence >= sequence => {
                    return Ok(Admission::Old { newest: known.sequence });
                }
                _ => {}
            }
            config
                .prepare_cached(
                    "INSERT INTO bundles (key, sequence, hash, wall_ms, attempts) VALUES (?, ?, ?, ?, 1) \
                     ON CONFLICT (key) DO UPDATE SET sequence = excluded.sequence, hash = excluded.hash, \
                     wall_ms = excluded.wall_ms, attempts = 1, revision = NULL, verdict = NULL, reason = ''",
                )?
                .execute((key, sequence, hash, now_ms()))?;
            Ok(Admission::New)
        })
    }

    /// One that is noted without a verdict is begun once more.
    pub fn retry_bundle(&self, key: &[u8; 32], sequence: i64) -> Result<(), StoreError> {
        self.update_bundle(
            "UPDATE bundles SET attempts = attempts + 1, revision = NULL WHERE key = ? AND sequence = ?",
            (key, sequence),
        )
    }

    /// It has become a revision.
    pub fn bundle_runs(&self, key: &[u8; 32], sequence: i64, revision: i64) -> Result<(), StoreError> {
        self.update_bundle(
            "UPDATE bundles SET revision = ? WHERE key = ? AND sequence = ?",
            (revision, key, sequence),
        )
    }

    /// It is known what has come of it.
    pub fn bundle_ended(
        &self,
        key: &[u8; 32],
        sequence: i64,
        verdict: &str,
        reason: &str,
    ) -> Result<(), StoreError> {
        self.update_bundle(
            "UPDATE bundles SET verdict = ?, reason = ? WHERE key = ? AND sequence = ?",
            (verdict, reason, key, sequence),
        )
    }

    /// The newest of all keys that was taken: what a gateway tells about itself when it starts.
    pub fn last_bundle(&self) -> Result<Option<TakenBundle>, StoreError> {
        self.with(|config| {
            let sql = "SELECT key FROM bundles ORDER BY wall_ms DESC LIMIT 1";
            let key: Option<[u8; 32]> =
                config.prepare_cached(sql)?.query_row([], |row| row.get(0)).optional()?;
            key.map_or(Ok(None), |key| newest(config, &key))
        })
    }

    /// What was noted under a name about what is pulled.
    pub fn pulled(&self) -> Result<Option<String>, StoreError> {
        self.with(|config| {
            let sql = "SELECT value FROM meta WHERE key = 'remote_pull'";
            Ok(config.prepare_cached(sql)?.query_row([], |row| row.get(0)).optional()?)
        })
    }

    pub fn note_pulled(&self, text: &str) -> Result<(), StoreError> {
        self.update_bundle(
            "INSERT INTO meta (key, value) VALUES ('remote_pull', ?) \
             ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            [text],
        )
    }

    fn update_bundle(&self, sql: &str, values: impl rusqlite::Params) -> Result<(), StoreError> {
        self.with(|config| {
            config.prepare_cached(sql)?.execute(values)?;
            Ok(())
        })
    }
}

fn newest(config: &Connection, key: &[u8; 32]) -> Result<Option<TakenBundle>, StoreError> {
    let sql = "SELECT sequence, hash, attempts, revision, verdict, reason FROM bundles WHERE key = ?";
    let found = config.prepare_cached(sql)?.query_row([key], |row| {
        let verdict: Option<String> = row.get(4)?;
        let reason: String = row.get(5)?;
        Ok(TakenBundle {
            sequence: row.get(0)?,
            hash: row.get(1)?,
            attempts: row.get(2)?,
            revision: row.get(3)?,
            verdict: verdict.map(|verdict| (verdict, reason)),
        })
    });
    Ok(found.optional()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_bundle_is_never_new_and_the_same_one_is_known() {
        let dir = tempfile::tempdir().unwrap();
        let config = Config::open(dir.path()).unwrap();
        let (key, other, a, b) = ([1; 32], [2; 32], [3; 32], [4; 32]);
        assert_eq!(config.last_bundle().unwrap(), None);
        assert_eq!(config.admit_bundle(&key, 10, &a).unwrap(), Admission::New);
        // Not deployed yet, and all the same nothing older gets in: also not in another process.
        let config = Config::open(dir.path()).unwrap();
        assert_eq!(config.admit_bundle(&key, 9, &b).unwrap(), Admission::Old { newest: 10 });
        assert_eq!(config.admit_bundle(&key, 10, &b).unwrap(), Admission::Old { newest: 10 });
        let Admission::Again(known) = config.admit_bundle(&key, 10, &a).unwrap() else {
            panic!("it is known")
        };
        assert_eq!((known.attempts, known.revision, known.verdict), (1, None, None));
        config.retry_bundle(&key, 10).unwrap();
        config.bundle_runs(&key, 10, 7).unwrap();
        config.bundle_ended(&key, 10, "failed", "too hot").unwrap();
        let Admission::Again(known) = config.admit_bundle(&key, 10, &a).unwrap() else {
            panic!("it is known")
        };
        assert_eq!((known.attempts, known.revision), (2, Some(7)));
        assert_eq!(known.verdict, Some(("failed".to_string(), "too hot".to_string())));
        assert_eq!(config.last_bundle().unwrap(), Some(known));
        // Each key counts for itself, and a newer one begins anew.
        assert_eq!(config.admit_bundle(&other, 1, &a).unwrap(), Admission::New);
        assert_eq!(config.admit_bundle(&key, 11, &b).unwrap(), Admission::New);
        let Admission::Again(known) = config.admit_bundle(&key, 11, &b).unwrap() else {
            panic!("it is known")
        };
        assert_eq!((known.attempts, known.revision, known.verdict), (1, None, None));
        config.note_pulled("one").unwrap();
        config.note_pulled("two").unwrap();
        assert_eq!(config.pulled().unwrap().as_deref(), Some("two"));
    }
}

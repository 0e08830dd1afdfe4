//! Names of revisions, by which people find again what they may want back.

use rusqlite::{Connection, OptionalExtension, Row};

use super::audit::note;
use super::revisions::{COLUMNS, Revision, read};
use super::{By, Config};
use crate::store::StoreError;

/// So many revisions can have one: what has a name is kept, and the disk of a board is small.
pub const NAMED: i64 = 50;
/// In characters.
pub const LONGEST_REVISION_NAME: usize = 80;

/// Which revisions are looked for, the newest first.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'w> {
    /// Only those with a smaller number.
    pub before: i64,
    pub limit: usize,
    /// Stands in the name, the reason or who made it; or is the number. Capitals make no difference.
    pub text: &'w str,
    pub is_named: bool,
}

impl Default for Wanted<'_> {
    fn default() -> Self {
        Wanted { before: i64::MAX, limit: usize::MAX, text: "", is_named: false }
    }
}

impl Config {
    pub fn find_revisions(&self, wanted: &Wanted<'_>) -> Result<Vec<Revision>, StoreError> {
        let text = wanted.text.trim().to_lowercase();
        self.with(|config| {
            let sql =
                format!("SELECT {COLUMNS} FROM revisions WHERE number < ? AND (name <> '' OR NOT ?) ORDER BY number DESC");
            let mut select = config.prepare_cached(&sql)?;
            let mut rows = select.query((wanted.before, wanted.is_named))?;
            let mut found = Vec::new();
            while found.len() < wanted.limit
                && let Some(row) = rows.next()?
            {
                // SQLite knows the capitals of English only.
                if text.is_empty() || has(row, &text)? {
                    found.push(read(row)?);
                }
            }
            Ok(found)
        })
    }

    /// Gives a revision a name, or takes it away: an empty one. `None` where there is no such revision.
    pub fn name_revision(&self, number: i64, name: &str, by: By<'_>) -> Result<Option<Revision>, StoreError> {
        let name = check_revision_name(name)?;
        self.change(|config| {
            let sql = format!("SELECT {COLUMNS} FROM revisions WHERE number = ?");
            let Some(mut revision) = config.prepare_cached(&sql)?.query_row([number], read).optional()?
            else {
                return Ok(None);
            };
            if revision.name == name {
                return Ok(Some(revision));
            }
            if revision.name.is_empty() {
                room_for_a_name(config)?;
            }
            config
                .prepare_cached("UPDATE revisions SET name = ? WHERE number = ?")?
                .execute((name, number))?;
            note(config, by, "name revision", &number.to_string(), name)?;
            revision.name = name.to_string();
            Ok(Some(revision))
        })
    }
}

/// The name without blanks around it, where it can be one.
pub fn check_revision_name(name: &str) -> Result<&str, StoreError> {
    let name = name.trim();
    match name.chars().count() <= LONGEST_REVISION_NAME && !name.chars().any(char::is_control) {
        true => Ok(name),
        false => Err(StoreError::Refused(format!(
            "the name of a revision is one line of at most {LONGEST_REVISION_NAME} characters"
        ))),
    }
}

/// Whether one more can have a name.
pub(super) fn room_for_a_name(config: &Connection) -> Result<(), StoreError> {
    let named: i64 =
        config.query_row("SELECT count(*) FROM revisions WHERE name <> ''", [], |row| row.get(0))?;
    match named < NAMED {
        true => Ok(()),
        false => Err(StoreError::Refused(format!(
            "{NAMED} revisions have names, which is as many as are kept: take the name from one of them first"
        ))),
    }
}

fn has(row: &Row<'_>, text: &str) -> rusqlite::Result<bool> {
    let number: i64 = row.get("number")?;
    for column in ["name", "why", "who"] {
        if row.get_ref(column)?.as_str()?.to_lowercase().contains(text) {
            return Ok(true);
        }
    }
    Ok(number.to_string() == text)
}

#[cfg(test)]
mod tests {
    use super::super::Standing;
    use super::super::revisions::{KEPT, tests::store};
    use super::*;

    const ADA: By<'static> = By { who: "ada", origin: "127.0.0.1" };

    fn numbers(config: &Config, wanted: Wanted<'_>) -> Vec<i64> {
        config.find_revisions(&wanted).unwrap().iter().map(|one| one.number).collect()
    }

    #[test]
    fn what_has_a_name_stays_until_the_name_is_taken_away() {
        let dir = tempfile::tempdir().unwrap();
        let config = Config::open(dir.path()).unwrap();
        (1..=3).for_each(|n| drop(store(&config, n, Standing::Good)));
        let named = config.name_revision(2, "  Before the Überholung ", ADA).unwrap().unwrap();
        assert_eq!(named.name, "Before the Überholung");
        assert_eq!(config.name_revision(99, "x", ADA).unwrap(), None);
        (4..=KEPT as usize + 4).for_each(|n| drop(store(&config, n, Standing::Good)));
        assert!(config.revision(2).unwrap().is_some() && config.document(2).unwrap().is_some());
        assert_eq!(config.revision(3).unwrap(), None);
        for (text, found) in [("überHOLUNG", vec![2]), ("2", vec![2]), ("nothing like it", vec![])] {
            assert_eq!(numbers(&config, Wanted { text, ..Wanted::default() }), found, "{text}");
        }
        assert_eq!(numbers(&config, Wanted { is_named: true, ..Wanted::default() }), [2]);
        assert_eq!(numbers(&config, Wanted { text: "ADA", limit: 2, ..Wanted::default() }).len(), 2);
        config.name_revision(2, "", ADA).unwrap();
        store(&config, 0, Standing::Good);
        assert_eq!(config.revision(2).unwrap(), None);
        let audit: Vec<_> =
            config.audit(i64::MAX, 10).unwrap().into_iter().map(|entry| entry.detail).collect();
        assert_eq!(audit, ["", "Before the Überholung"]);
    }

    #[test]
    fn names_are_bounded_in_length_and_number() {
        let dir = tempfile::tempdir().unwrap();
        let config = Config::open(dir.path()).unwrap();
        (1..=NAMED + 1).for_each(|n| drop(store(&config, n as usize, Standing::Good)));
        for name in ["two\nlines".to_string(), "x".repeat(LONGEST_REVISION_NAME + 1)] {
            assert!(config.name_revision(1, &name, ADA).is_err());
        }
        (1..=NAMED)
            .for_each(|n| drop(config.name_revision(n, &"ü".repeat(LONGEST_REVISION_NAME), ADA).unwrap()));
        let refused = config.name_revision(NAMED + 1, "one more", ADA).unwrap_err().to_string();
        assert!(refused.contains("take the name from one of them"), "{refused}");
        // Another name for one that has one is not one more.
        assert_eq!(config.name_revision(1, "other", ADA).unwrap().unwrap().name, "other");
    }
}

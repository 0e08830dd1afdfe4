//! Opens one of the two databases: settings that are read back, and versions that only go forward.

use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rusqlite::{Connection, OpenFlags, limits::Limit};

use super::StoreError;

/// What a commit means for power that fails.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize, serde::Serialize, utoipa::ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Durability {
    /// Each commit is on the disk before anything is acknowledged.
    #[default]
    Full,
    /// After a power cut the last commits may be missing, the database is whole. For cards that wear.
    Normal,
    /// The operating system decides. For tests and throw-away data.
    Off,
}

impl Durability {
    fn pragma(self) -> i64 {
        match self {
            Durability::Off => 0,
            Durability::Normal => 1,
            Durability::Full => 2,
        }
    }

    /// For a person.
    pub fn promise(self) -> &'static str {
        match self {
            Durability::Full => "full: what is acknowledged is on the disk, also after a power cut",
            Durability::Normal => {
                "normal: a power cut may take the last commits, a crash of the gateway takes nothing"
            }
            Durability::Off => "off: a power cut may take what was acknowledged in the last minute",
        }
    }
}

/// "TGAT", so that `file` and other tools can tell whose database it is.
const APPLICATION: i64 = 0x5447_4154;
pub const PAGE: i64 = 4096;
/// Blocks are small, but a record alone may be large.
const LONGEST_BLOB: i32 = 128 * 1024 * 1024;

/// How a database is opened.
#[derive(Debug, Clone, Copy)]
pub struct Setup {
    pub durability: Durability,
    /// The WAL is taken into the database when it has so many pages.
    pub checkpoint_pages: i64,
}

impl Default for Setup {
    fn default() -> Setup {
        Setup { durability: Durability::Full, checkpoint_pages: 1_000 }
    }
}

/// Opens for writing, and brings the tables up to this version. Nothing is touched in a database of a newer one.
pub fn open(path: &Path, schema: &[&str], setup: &Setup) -> Result<Connection, StoreError> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    // SQLite makes its files as the umask says, and its log as the database is: others are kept out from the beginning.
    if !path.exists() {
        make_private(path)?;
    }
    let mut connection = Connection::open_with_flags(path, flags)?;
    let file = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let found: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let known = schema.len() as i64;
    if found > known {
        return Err(StoreError::newer(path, found, known));
    }
    if rusqlite::version_number() < 3_051_003 {
        return Err(StoreError::Mistake(format!("SQLite {} is too old", rusqlite::version())));
    }
    // The page size can be said only before the first page is there.
    set(&connection, "page_size", PAGE, found == 0)?;
    let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    if mode != "wal" {
        return Err(StoreError::Directory(format!(
            "{file} cannot use a write-ahead log here (it stays at \"{mode}\"): the data directory must be on a local file system"
        )));
    }
    set(&connection, "synchronous", setup.durability.pragma(), true)?;
    set(&connection, "wal_autocheckpoint", setup.checkpoint_pages, true)?;
    set(&connection, "journal_size_limit", 2 * setup.checkpoint_pages * PAGE, true)?;
    set(&connection, "busy_timeout", 5_000, true)?;
    set(&connection, "cache_size", -2_048, true)?;
    set(&connection, "temp_store", 2, true)?;
    set(&connection, "foreign_keys", 0, true)?;
    set(&connection, "trusted_schema", 0, true)?;
    set(&connection, "cell_size_check", 1, true)?;
    connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, LONGEST_BLOB)?;
    connection.set_prepared_statement_cache_capacity(128);
    if found < known {
        migrate(&mut connection, path, schema, found)?;
    }
    Ok(connection)
}

/// Opens beside the writer, for reading only.
pub fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    set(&connection, "busy_timeout", 5_000, true)?;
    set(&connection, "cache_size", -1_024, true)?;
    set(&connection, "cell_size_check", 1, true)?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(connection)
}

/// Sets, reads back, and does not go on with anything else: SQLite takes a misspelled or impossible PRAGMA in silence.
fn set(connection: &Connection, name: &str, value: i64, must: bool) -> Result<(), StoreError> {
    // Some answer with the value, some with nothing.
    let mut statement = connection.prepare(&format!("PRAGMA {name} = {value}"))?;
    let mut rows = statement.query([])?;
    while rows.next()?.is_some() {}
    drop(rows);
    let found: i64 = connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get(0))?;
    if must && found != value {
        return Err(StoreError::Mistake(format!("PRAGMA {name} is {found} and not {value}")));
    }
    Ok(())
}

fn migrate(connection: &mut Connection, path: &Path, schema: &[&str], from: i64) -> Result<(), StoreError> {
    if from > 0 {
        keep_copy(connection, path, from)?;
    }
    let transaction = connection.transaction()?;
    for step in &schema[from as usize..] {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "user_version", schema.len() as i64)?;
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    transaction.commit()?;
    Ok(())
}

/// Forward only, so there must be a way back. But a gateway that cannot be reached must come up, also where there is no
/// room for a second database.
fn keep_copy(connection: &Connection, path: &Path, from: i64) -> Result<(), StoreError> {
    let copy = copy_of(path, from);
    // One that was cut off is in the way.
    let _ = std::fs::remove_file(&copy);
    make_private(&copy)?;
    let kept = connection
        .execute("VACUUM INTO ?1", [copy.to_string_lossy()])
        .map_err(StoreError::from)
        .and_then(|_| {
            let synced = std::fs::File::open(&copy).and_then(|copy| copy.sync_all());
            synced.map_err(|error| StoreError::Unwritable(format!("{}: {error}", copy.display())))
        });
    let path = path.display();
    match kept {
        Ok(()) => {
            tracing::info!("{path} is brought to a newer version; the old one is kept as {}", copy.display())
        }
        Err(error) if error.is_passing() => {
            let _ = std::fs::remove_file(&copy);
            tracing::warn!(
                "{path} is brought to a newer version, and the old one cannot be kept ({error}): \
                 an older tidegate cannot use it any more"
            );
        }
        Err(error) => return Err(error),
    }
    Ok(())
}

/// Where a database is kept as it was when it was of this version.
pub fn copy_of(path: &Path, version: i64) -> std::path::PathBuf {
    path.with_extension(format!("v{version}.bak"))
}

/// Makes an empty file that nobody else can read.
fn make_private(path: &Path) -> Result<(), StoreError> {
    let made = std::fs::OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path);
    made.map(|_| ()).map_err(|error| StoreError::Unwritable(format!("{}: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const V1: &str = "CREATE TABLE a (x); INSERT INTO a VALUES (7);";
    const V2: &str = "CREATE TABLE b (y);";

    #[test]
    fn versions_go_forward_with_a_copy_and_a_newer_one_is_not_touched() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("data.db");
        drop(open(&path, &[V1], &Setup::default()).unwrap());
        let newer = open(&path, &[V1, V2], &Setup::default()).unwrap();
        let copied = |sql: &str| {
            let copy = Connection::open(dir.path().join("data.v1.bak")).unwrap();
            copy.query_row(sql, [], |row| row.get::<_, i64>(0))
        };
        assert_eq!(copied("SELECT x FROM a"), Ok(7));
        assert!(copied("SELECT count(*) FROM b").is_err());
        assert_eq!(newer.query_row("SELECT count(*) FROM b", [], |row| row.get::<_, i64>(0)), Ok(0));
        drop(newer);
        let before = std::fs::read(&path).unwrap();
        let refused = open(&path, &[V1], &Setup::default()).unwrap_err();
        assert!(matches!(refused, StoreError::Newer { found: 2, known: 1, .. }), "{refused}");
        assert!(refused.to_string().contains("data.v1.bak"), "{refused}");
        let mode = std::fs::metadata(dir.path().join("data.v1.bak")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(std::fs::read(&path).unwrap(), before);
    }

    #[test]
    fn no_database_is_said_to_be_damaged() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("data.db");
        std::fs::write(&path, [7; 8192]).unwrap();
        assert!(matches!(open(&path, &[V1], &Setup::default()), Err(StoreError::Damaged(_))));
    }
}

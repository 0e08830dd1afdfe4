//! Which file the sqlite node may open, and how it is opened: nothing in it reaches beyond that file.

use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::{Connection, OpenFlags};

use super::sqlite_query::failed;
use crate::error::NodeError;
use crate::host::Settings;
use crate::value::Value;

/// The gateway's own databases in its data directory.
const OWN: [&str; 2] = ["tidegate.db", "data.db"];
const BUSY: Duration = if cfg!(test) { Duration::from_millis(200) } else { Duration::from_secs(5) };
/// The longest value and the longest query.
pub const VALUE_BYTES: i32 = 32 * 1024 * 1024;
const QUERY_BYTES: i32 = 1024 * 1024;
const STATEMENTS_KEPT: usize = 16;

#[derive(Debug, Clone)]
pub struct File {
    path: PathBuf,
    /// The data directory, or the working directory where there is none.
    base: PathBuf,
    readonly: bool,
}

impl File {
    pub fn new(filename: &str, readonly: bool, settings: &Settings) -> Result<File, NodeError> {
        let refused = |why: &str| NodeError::config("/filename", why);
        if filename.trim().is_empty() {
            return Err(refused("no file is named: write the name of a database file"));
        }
        if filename == ":memory:" {
            return Err(refused("a database in memory is gone with the connection: name a file"));
        }
        let name = Path::new(filename);
        if name.components().any(|part| part == Component::ParentDir) {
            return Err(refused(
                "\"..\" is not allowed: write the whole path, or one below the data directory",
            ));
        }
        if name.file_name().is_none() {
            return Err(refused("it names a folder: write the name of a database file"));
        }
        let base = settings.other.get("data_dir").and_then(Value::as_str).unwrap_or(".");
        let file = File { path: Path::new(base).join(name), base: PathBuf::from(base), readonly };
        if file.is_own(&file.path) {
            return Err(refused("that file is the gateway's own: use another one"));
        }
        Ok(file)
    }

    /// Opens it. Blocks.
    pub fn open(&self) -> Result<Connection, NodeError> {
        let place = self.path.display();
        if self.leads_to_own() {
            let text = format!("{place} leads to a file of the gateway's own: use another one");
            return Err(NodeError::fatal(text));
        }
        // SQLite would make the file at its other end, whichever that is.
        let link = std::fs::symlink_metadata(&self.path).is_ok_and(|found| found.is_symlink());
        if link && !self.path.exists() {
            return Err(NodeError::fatal(format!(
                "{place} is a link to nothing: remove it, or make the file"
            )));
        }
        let new = std::fs::metadata(&self.path).map_or(true, |found| found.len() == 0);
        let how = if self.readonly {
            OpenFlags::SQLITE_OPEN_READ_ONLY
        } else {
            OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE
        };
        let opened = Connection::open_with_flags(&self.path, how | OpenFlags::SQLITE_OPEN_NO_MUTEX);
        let connection = opened.map_err(|error| {
            NodeError::disconnected(format!(
                "cannot open {place}: {error}; is the folder there, and may the gateway write to it"
            ))
        })?;
        self.set_up(&connection, new).map_err(|error| match failed(error, "") {
            NodeError::Fatal(text) => NodeError::fatal(format!("cannot use {place}: {text}")),
            other => NodeError::disconnected(format!("cannot use {place}: {}", other.message())),
        })?;
        Ok(connection)
    }

    fn set_up(&self, connection: &Connection, new: bool) -> rusqlite::Result<()> {
        connection.busy_timeout(BUSY)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
        // The file's own triggers and views are not trusted either, and its schema cannot be written past SQL.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
        for (limit, value) in [
            (Limit::SQLITE_LIMIT_ATTACHED, 0),
            (Limit::SQLITE_LIMIT_LENGTH, VALUE_BYTES),
            (Limit::SQLITE_LIMIT_SQL_LENGTH, QUERY_BYTES),
        ] {
            connection.set_limit(limit, value)?;
        }
        // Reads the file for the first time: what is no database is found here.
        connection.query_row("PRAGMA schema_version", [], |_| Ok(()))?;
        if new && !self.readonly {
            connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
        }
        Ok(())
    }

    fn is_own(&self, path: &Path) -> bool {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        // With what SQLite puts beside a database: -wal, -shm, -journal.
        let own = OWN.iter().any(|own| name == *own || name.starts_with(&format!("{own}-")));
        own && path.parent() == Some(&self.base)
    }

    /// The same behind links.
    fn leads_to_own(&self) -> bool {
        let base = self.base.canonicalize().unwrap_or_else(|_| self.base.clone());
        let folder = self.path.parent().and_then(|folder| folder.canonicalize().ok());
        let direct = folder.zip(self.path.file_name()).map(|(folder, name)| folder.join(name));
        let behind_base = File { base: base.clone(), ..self.clone() };
        let by_name = direct.into_iter().chain(self.path.canonicalize().ok());
        let identity = |path: &Path| std::fs::metadata(path).ok().map(|found| (found.dev(), found.ino()));
        let this = identity(&self.path);
        by_name.into_iter().any(|path| behind_base.is_own(&path))
            || (this.is_some() && OWN.iter().any(|own| identity(&base.join(own)) == this))
    }
}

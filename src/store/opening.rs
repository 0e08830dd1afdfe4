//! Opens both databases of a data directory, and salvages what is damaged. Nothing is deleted.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension};

use super::StoreError;
use super::catalog::Catalog;
use super::database::{self, Durability, Setup};
use super::directory::Directory;
use super::odometer::Odometer;
use super::salvage;
use super::schema;

pub const DATA: &str = "data.db";
pub const CONFIG: &str = "tidegate.db";
/// Until it is whole, a database that is made anew has another name.
const REBUILT: &str = "data.db.new";
/// A database is these files.
const ENDS: [&str; 3] = ["", "-wal", "-shm"];

pub struct Opened {
    pub data: Connection,
    pub catalog: Catalog,
    pub odometer: Odometer,
    pub device: String,
    pub boot: u64,
}

pub fn open(directory: &Directory, setup: &Setup) -> Result<Opened, StoreError> {
    let config = open_config(directory.path(), setup)?;
    let device = device(&config)?;
    drop(config);
    // After an orderly stop there is no log to be cut short, and what else is wrong shows when it is read.
    if !directory.was_clean() {
        tracing::info!("the last stop was not in order; the database is looked over");
        look_for_damage(directory, setup)?;
    }
    match open_data(directory, setup, &device) {
        // What the look did not see, or was not made for.
        Err(StoreError::Damaged(why)) => {
            rebuild(directory, setup, &why)?;
            open_data(directory, setup, &device)
        }
        other => other,
    }
}

/// SQLite stops reading its log at the first frame that is wrong, and all commits behind it are gone without a word. So
/// it is looked at before SQLite does.
fn look_for_damage(directory: &Directory, setup: &Setup) -> Result<(), StoreError> {
    let path = directory.file(DATA);
    // One of a newer version is not ours to judge.
    if !path.exists() || version_of(&path).is_some_and(|found| found > schema::DATA.len() as u32) {
        return Ok(());
    }
    match salvage::damaged(&path, setup.durability == Durability::Full) {
        Ok(None) => Ok(()),
        Ok(Some(why)) => match rebuild(directory, setup, &why) {
            // A gateway that does not start helps nobody: what SQLite can read goes on.
            Err(StoreError::Full(text)) => {
                tracing::error!(
                    "there is no space to make a new database of the damaged one ({text}): what can be read goes on, and \
                     the log is kept as {DATA}-wal.damaged; free some space and start again"
                );
                let _ = std::fs::copy(directory.file("data.db-wal"), directory.file("data.db-wal.damaged"));
                Ok(())
            }
            other => other,
        },
        Err(error) => Err(StoreError::Directory(format!("{}: {error}", path.display()))),
    }
}

/// Where SQLite keeps the version in the header of a file.
const VERSION_AT: usize = 60;

fn version_of(path: &Path) -> Option<u32> {
    let mut header = [0; 100];
    File::open(path).ok()?.read_exact(&mut header).ok()?;
    let version = header[VERSION_AT..].first_chunk::<4>()?;
    header.starts_with(b"SQLite format 3\0").then(|| u32::from_be_bytes(*version))
}

/// Moves the damaged database aside and makes a new one of all that can be read of it.
fn rebuild(directory: &Directory, setup: &Setup, why: &str) -> Result<(), StoreError> {
    let aside = set_aside(directory.path(), DATA, why)?;
    let (new, damaged) = (directory.file(REBUILT), aside.join(DATA));
    let rebuilt = || -> Result<String, StoreError> {
        remove_database(&new);
        let mut into = database::open(&new, schema::DATA, setup)?;
        let report = salvage::rebuild(&damaged, &mut into).map_err(|error| match error {
            salvage::SalvageError::Write(error) => StoreError::from(error),
            other => StoreError::Directory(other.to_string()),
        })?;
        // All of it in one file, which takes its name in one step.
        into.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        into.close().map_err(|(_, error)| StoreError::from(error))?;
        File::open(&new).and_then(|file| file.sync_all()).map_err(unwritable)?;
        std::fs::rename(&new, directory.file(DATA)).map_err(unwritable)?;
        File::open(directory.path()).and_then(|file| file.sync_all()).map_err(unwritable)?;
        Ok(report.to_string())
    };
    match rebuilt() {
        Ok(report) => {
            tracing::warn!("{report}; the damaged files stay in {}", aside.display());
            Ok(())
        }
        Err(error) => {
            // As it was, so that the next start can try again, with more space perhaps.
            remove_database(&new);
            for end in ENDS {
                let file = format!("{DATA}{end}");
                let _ = std::fs::rename(aside.join(&file), directory.file(&file));
            }
            let _ = std::fs::remove_dir(&aside);
            Err(error)
        }
    }
}

fn unwritable(error: std::io::Error) -> StoreError {
    StoreError::Unwritable(error.to_string())
}

fn remove_database(path: &Path) {
    for end in ENDS {
        let _ = std::fs::remove_file(format!("{}{end}", path.display()));
    }
}

pub fn open_config(directory: &Path, setup: &Setup) -> Result<Connection, StoreError> {
    let path = directory.join(CONFIG);
    let checked = |path: &Path| -> Result<Connection, StoreError> {
        let connection = database::open(path, schema::CONFIG, setup)?;
        let verdict: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        if verdict == "ok" { Ok(connection) } else { Err(StoreError::Damaged(verdict)) }
    };
    match checked(&path) {
        Err(StoreError::Damaged(why)) => {
            set_aside(directory, CONFIG, &why)?;
            checked(&path)
        }
        other => other,
    }
}

fn open_data(directory: &Directory, setup: &Setup, device: &str) -> Result<Opened, StoreError> {
    let data = database::open(&directory.file(DATA), schema::DATA, setup)?;
    let catalog = Catalog::load(&data)?;
    let odometer = Odometer::load(&data)?;
    // The configuration may be lost or copied to another board: the name under which messages went out stays with them.
    let device = match meta::<String>(&data, "device")? {
        Some(device) => device,
        None => {
            put_meta(&data, "device", &device)?;
            device.to_string()
        }
    };
    let boot = meta::<i64>(&data, "boot")?.unwrap_or(0) + 1;
    put_meta(&data, "boot", &boot)?;
    Ok(Opened { data, catalog, odometer, device, boot: boot as u64 })
}

fn device(config: &Connection) -> Result<String, StoreError> {
    if let Some(device) = meta(config, "device")? {
        return Ok(device);
    }
    let device: String = config.query_row("SELECT lower(hex(randomblob(8)))", [], |row| row.get(0))?;
    put_meta(config, "device", &device)?;
    Ok(device)
}

fn meta<T: rusqlite::types::FromSql>(connection: &Connection, key: &str) -> Result<Option<T>, StoreError> {
    Ok(connection.query_row("SELECT value FROM meta WHERE key = ?", [key], |row| row.get(0)).optional()?)
}

fn put_meta(connection: &Connection, key: &str, value: &dyn rusqlite::ToSql) -> Result<(), StoreError> {
    connection.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", (key, value))?;
    Ok(())
}

/// Moves a damaged database with its log into a folder of its own, where people who know SQLite find it whole.
fn set_aside(directory: &Path, name: &str, why: &str) -> Result<PathBuf, StoreError> {
    let failed = |error: std::io::Error| {
        StoreError::Directory(format!("{name} is damaged ({why}) and cannot be moved aside: {error}"))
    };
    let aside = (1..)
        .map(|n| directory.join(format!("damaged-{n}")))
        .find(|path| !path.exists())
        .expect("some number is free");
    std::fs::create_dir(&aside).map_err(failed)?;
    for end in ENDS {
        let file = format!("{name}{end}");
        match std::fs::rename(directory.join(&file), aside.join(&file)) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
    }
    tracing::error!("{name} is damaged: {why}; it was moved to {} as it is", aside.display());
    Ok(aside)
}

//! Opens both databases of a data directory, and salvages what is damaged. Nothing is deleted.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension};

use super::StoreError;
use super::catalog::Catalog;
use super::database::{self, Setup};
use super::directory::Directory;
use super::odometer::Odometer;
use super::schema;

pub const DATA: &str = "data.db";
pub const CONFIG: &str = "tidegate.db";

pub struct Opened {
    pub data: Connection,
    pub catalog: Catalog,
    pub odometer: Odometer,
    pub device: String,
    pub boot: u64,
}

pub fn open(directory: &Directory, setup: &Setup) -> Result<Opened, StoreError> {
    let config = open_config(directory, setup)?;
    let device = device(&config)?;
    drop(config);
    match open_data(directory, setup, &device) {
        Err(StoreError::Damaged(why)) => {
            set_aside(directory, DATA, &why)?;
            open_data(directory, setup, &device)
        }
        other => other,
    }
}

fn open_config(directory: &Directory, setup: &Setup) -> Result<Connection, StoreError> {
    let path = directory.file(CONFIG);
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
fn set_aside(directory: &Directory, name: &str, why: &str) -> Result<PathBuf, StoreError> {
    let failed = |error: std::io::Error| {
        StoreError::Directory(format!("{name} is damaged ({why}) and cannot be moved aside: {error}"))
    };
    let aside = (1..)
        .map(|n| directory.file(&format!("damaged-{n}")))
        .find(|path| !path.exists())
        .expect("some number is free");
    std::fs::create_dir(&aside).map_err(failed)?;
    for end in ["", "-wal", "-shm"] {
        let file = format!("{name}{end}");
        match std::fs::rename(directory.file(&file), aside.join(&file)) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
    }
    tracing::error!("{name} is damaged: {why}; it was moved to {} as it is", aside.display());
    Ok(aside)
}

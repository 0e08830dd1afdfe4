//! Whose bundles this gateway takes: `deploy.keys` in the data directory, a public key a line. Without a key in it nothing
//! is deployed from elsewhere.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::key::{KeyError, PublicKey};

pub const FILE: &str = "deploy.keys";
/// Some 500 keys.
const LARGEST: u64 = 64 * 1024;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trusted {
    pub key: PublicKey,
    pub name: String,
}

pub struct Trust(PathBuf);

/// What the file says.
#[derive(Debug, Default)]
pub struct Keys {
    pub keys: Vec<Trusted>,
    /// Lines that are no keys, and why. They count for nothing.
    pub wrong: Vec<String>,
}

impl Trust {
    pub fn of(data_dir: &Path) -> Trust {
        Trust(data_dir.join(FILE))
    }

    /// Changes when the file does.
    pub fn stamp(&self) -> Option<(u64, i64, i64)> {
        fs::metadata(&self.0).ok().map(|data| (data.ino(), data.mtime(), data.mtime_nsec()))
    }

    pub fn read(&self) -> Result<Keys, KeyError> {
        let failed =
            |error: &dyn std::fmt::Display| KeyError::File(self.0.display().to_string(), error.to_string());
        let file = match fs::File::open(&self.0) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Keys::default()),
            Err(error) => return Err(failed(&error)),
        };
        let mut text = String::new();
        file.take(LARGEST + 1).read_to_string(&mut text).map_err(|error| failed(&error))?;
        if text.len() as u64 > LARGEST {
            return Err(failed(&"it is larger than 64 KiB, and no key of it counts"));
        }
        let mut found = Keys::default();
        for (at, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            match PublicKey::of_line(line) {
                Ok((key, name)) => found.keys.push(Trusted { key, name }),
                Err(error) => found.wrong.push(format!("{}, line {}: {error}", self.0.display(), at + 1)),
            }
        }
        Ok(found)
    }

    /// Adds a key. `false` when it is there already under this name.
    pub fn add(&self, key: PublicKey, name: &str) -> Result<bool, KeyError> {
        let known = self.read()?;
        let refused = |why: String| KeyError::File(self.0.display().to_string(), why);
        if known.keys.iter().any(|known| known.key == key && known.name == name) {
            return Ok(false);
        }
        if let Some(other) = known.keys.iter().find(|known| known.key == key) {
            return Err(refused(format!("this key is there as \"{}\"", other.name)));
        }
        if known.keys.iter().any(|known| known.name == name) {
            let text = format!("\"{name}\" has another key: `tidegate keys forget` takes that one out first");
            return Err(refused(text));
        }
        let mut lines = self.lines()?;
        lines.push(format!("{} {name}", key.text()));
        self.write(&lines)?;
        Ok(true)
    }

    /// Takes out the key of this name. Nothing where there is none.
    pub fn forget(&self, name: &str) -> Result<Option<PublicKey>, KeyError> {
        let is_it = |line: &str| PublicKey::of_line(line.trim()).ok().filter(|(_, known)| known == name);
        let mut lines = self.lines()?;
        let key = lines.iter().find_map(|line| is_it(line)).map(|(key, _)| key);
        if key.is_some() {
            lines.retain(|line| is_it(line).is_none());
            self.write(&lines)?;
        }
        Ok(key)
    }

    fn lines(&self) -> Result<Vec<String>, KeyError> {
        match fs::read_to_string(&self.0) {
            Ok(text) => Ok(text.lines().map(str::to_string).collect()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(KeyError::File(self.0.display().to_string(), error.to_string())),
        }
    }

    /// Whole or not at all: a running gateway reads it.
    fn write(&self, lines: &[String]) -> Result<(), KeyError> {
        let new = self.0.with_extension(format!("new-{}", std::process::id()));
        let written = || -> std::io::Result<()> {
            let folder = self.0.parent().unwrap_or(Path::new("."));
            fs::create_dir_all(folder)?;
            let mut options = fs::OpenOptions::new();
            let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&new)?;
            lines.iter().try_for_each(|line| writeln!(file, "{line}"))?;
            file.sync_all()?;
            fs::rename(&new, &self.0)?;
            fs::File::open(folder)?.sync_all()
        };
        written().map_err(|error| {
            let _ = fs::remove_file(&new);
            KeyError::File(self.0.display().to_string(), error.to_string())
        })
    }
}

//! The data directory: made, locked for one gateway, closed to others, and with space kept back for hard times.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::StoreError;

/// What is kept back for alarms, the ledger and SQLite's own files when the disk is full.
pub const RESERVE: u64 = 8 * 1024 * 1024;
/// With less than this free, an error of the disk is for want of space, whatever SQLite calls it.
const NOTHING: u64 = 64 * 1024;
const RUNNING: &str = "running";
const STOPPED: &str = "stopped";

/// A data directory that belongs to this process while this exists.
pub struct Directory {
    path: PathBuf,
    lock: File,
    was_clean: bool,
}

/// Makes the directory where it is missing, open to its user alone.
pub fn make(path: &Path) -> Result<(), StoreError> {
    let failed = |what: &str, error: io::Error| trouble(path, what, &error);
    if path.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(path).map_err(|error| failed("cannot be made", error))?;
    set_mode(path, 0o700).map_err(|error| failed("cannot be closed to others", error))?;
    // Its own name must be on the disk before anything in it is acknowledged.
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        let synced = File::open(parent).and_then(|parent| parent.sync_all());
        synced.map_err(|error| failed("cannot be made to last", error))?;
    }
    Ok(())
}

fn trouble(path: &Path, what: &str, error: &io::Error) -> StoreError {
    let hint = match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "; name a directory that this user may write to with --data DIR"
        }
        io::ErrorKind::StorageFull => "; free some space and start again",
        _ => "",
    };
    StoreError::Directory(format!("the data directory {} {what}: {error}{hint}", path.display()))
}

impl Directory {
    /// Makes the directory where it is missing, and locks it.
    pub fn open(path: &Path) -> Result<Directory, StoreError> {
        let failed = |what: &str, error: io::Error| trouble(path, what, &error);
        make(path)?;
        tighten(path, 0o700);
        let mut lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path.join("lock"))
            .map_err(|error| failed("cannot be written to", error))?;
        let mut said = String::new();
        lock.read_to_string(&mut said).map_err(|error| failed("cannot be read", error))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let pid = said.split_whitespace().next().unwrap_or("unknown").to_string();
                return Err(StoreError::InUse { directory: path.display().to_string(), pid });
            }
            Err(TryLockError::Error(error)) => return Err(failed("cannot be locked", error)),
        }
        // A note that was cut off by a power cut says nothing good.
        let was_clean = said.contains(STOPPED) || !path.join(super::opening::DATA).exists();
        let directory = Directory { path: path.to_path_buf(), lock, was_clean };
        directory.say(RUNNING).map_err(|error| failed("cannot be written to", error))?;
        for entry in fs::read_dir(path).map_err(|error| failed("cannot be read", error))?.flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_file()) {
                tighten(&entry.path(), 0o600);
            }
        }
        directory.keep_reserve();
        Ok(directory)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Whether the last gateway here stopped in order.
    pub fn was_clean(&self) -> bool {
        self.was_clean
    }

    /// The gateway stops in order.
    pub fn mark_clean(&self) {
        if let Err(error) = self.say(STOPPED) {
            tracing::warn!("the orderly stop could not be noted: {error}; the next start looks closer");
        }
    }

    fn say(&self, word: &str) -> io::Result<()> {
        let mut lock = &self.lock;
        let said = format!("{} {word}\n", std::process::id());
        // Over what is there: that needs no space, as on a full disk there is none.
        lock.rewind()?;
        lock.write_all(said.as_bytes())?;
        lock.set_len(said.len() as u64)?;
        lock.sync_data()
    }

    /// Bytes that this process may still write here.
    pub fn free(&self) -> Option<u64> {
        let stat = rustix::fs::statvfs(&self.path).ok()?;
        Some(stat.f_bavail.saturating_mul(stat.f_frsize))
    }

    /// Takes up the reserve where there is enough beside it. `false` while there is not.
    pub fn keep_reserve(&self) -> bool {
        let path = self.file("reserve");
        let has = fs::metadata(&path).map_or(0, |meta| meta.blocks() * 512);
        if has >= RESERVE {
            return true;
        }
        if self.free().is_none_or(|free| free < 2 * RESERVE) {
            return false;
        }
        let taken =
            OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path).and_then(
                |file| {
                    rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, RESERVE)?;
                    Ok(())
                },
            );
        if let Err(error) = &taken {
            // Some file systems cannot (FAT, some network mounts); then there is no reserve, and nothing else is lost.
            tracing::debug!("no space could be kept back: {error}");
            let _ = match error.kind() {
                // Others were faster; next time.
                io::ErrorKind::StorageFull => {
                    OpenOptions::new().write(true).truncate(true).open(&path).map(drop)
                }
                _ => fs::remove_file(&path),
            };
        }
        taken.is_ok()
    }

    /// Gives the reserve up: what follows is for alarms and the ledger. `false` where there is none.
    pub fn release_reserve(&self) -> bool {
        let path = self.file("reserve");
        let has = fs::metadata(&path).is_ok_and(|meta| meta.blocks() > 0);
        // The empty file stays: also the next start must know.
        has && OpenOptions::new().write(true).truncate(true).open(&path).is_ok()
    }

    /// Whether there was a reserve, and it has not been taken up again.
    pub fn gave_reserve_up(&self) -> bool {
        fs::metadata(self.file("reserve")).is_ok_and(|meta| meta.blocks() * 512 < RESERVE)
    }

    /// SQLite calls a full disk by other names too, where it cannot make room for a file that is new or shared.
    pub fn explain(&self, error: StoreError) -> StoreError {
        match error {
            StoreError::Unwritable(text) if self.free().is_some_and(|free| free < NOTHING) => {
                StoreError::Full(text)
            }
            other => other,
        }
    }
}

fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

/// What others may read or write is closed to them: the directory holds messages and secrets.
fn tighten(path: &Path, mode: u32) {
    let Ok(meta) = fs::metadata(path) else { return };
    let found = meta.permissions().mode() & 0o777;
    if found & 0o077 == 0 {
        return;
    }
    match set_mode(path, mode) {
        Ok(()) => tracing::warn!(
            "{} was open to other users (mode {found:03o}); it is closed now (mode {mode:03o})",
            path.display()
        ),
        Err(error) => tracing::warn!(
            "{} is open to other users (mode {found:03o}) and cannot be closed: {error}",
            path.display()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_gateway_is_refused_and_told_the_process() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b");
        let first = Directory::open(&path).unwrap();
        assert!(first.was_clean(), "a new directory is clean");
        let Err(StoreError::InUse { pid, .. }) = Directory::open(&path) else { panic!("it is in use") };
        assert_eq!(pid, std::process::id().to_string());
        drop(first);
        fs::write(path.join("data.db"), "").unwrap();
        let second = Directory::open(&path).unwrap();
        assert!(!second.was_clean(), "the first did not stop in order");
        second.mark_clean();
        drop(second);
        assert!(Directory::open(&path).unwrap().was_clean());
    }

    #[test]
    fn what_is_open_to_others_is_closed() {
        let dir = tempfile::tempdir().unwrap();
        let secrets = dir.path().join("secrets");
        fs::write(&secrets, "x").unwrap();
        set_mode(&secrets, 0o644).unwrap();
        set_mode(dir.path(), 0o755).unwrap();
        let _directory = Directory::open(dir.path()).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&secrets), 0o600);
        assert_eq!(mode(dir.path()), 0o700);
    }

    #[test]
    fn the_reserve_is_taken_given_up_and_taken_again() {
        let dir = tempfile::tempdir().unwrap();
        let directory = Directory::open(dir.path()).unwrap();
        assert!(directory.keep_reserve());
        assert!(directory.release_reserve());
        assert!(!directory.release_reserve(), "it is gone already");
        assert!(directory.keep_reserve());
    }
}

//! Seals secrets with a key that is not in the database: who has only the database, or a backup of it, has no password.
//!
//! The key is a file in the data directory, open to its user alone, or one that systemd hands over
//! (`LoadCredential=tidegate.key:...`). It has one key a line, in hexadecimal: the first seals, the others only open. So a
//! change of keys that is cut off in the middle loses nothing.

use std::fs;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

use crate::store::StoreError;

/// The file in the data directory.
const FILE: &str = "tidegate.key";
const KEY: usize = 32;
const NONCE: usize = 24;
/// What is sealed begins with it.
const VERSION: u8 = 1;
/// The first bytes of a key's hash, by which what it has sealed says so.
const NAME: usize = 4;

pub struct Seal {
    keys: Vec<Zeroizing<[u8; KEY]>>,
    /// Those that are no longer in the file: what was read a moment before they were dropped can still be opened.
    former: Vec<Zeroizing<[u8; KEY]>>,
    /// Which file was read: another process changes the keys too.
    stamp: Stamp,
    file: PathBuf,
    /// It belongs to systemd.
    is_lent: bool,
}

/// A change puts another file there, so this tells.
type Stamp = Option<(u64, i64, i64)>;

impl Seal {
    /// The keys of a data directory. The first are made.
    pub fn of(directory: &Path) -> Result<Seal, StoreError> {
        let lent = std::env::var_os("CREDENTIALS_DIRECTORY").map(|at| PathBuf::from(at).join(FILE));
        match lent.filter(|file| file.exists()) {
            Some(file) => Seal::read(file, true),
            None => Seal::read(directory.join(FILE), false),
        }
    }

    fn with(keys: Vec<Zeroizing<[u8; KEY]>>, file: PathBuf, is_lent: bool) -> Seal {
        Seal { keys, former: Vec::new(), stamp: None, file, is_lent }
    }

    /// Whether another process has changed the keys.
    pub fn is_stale(&self) -> bool {
        let stamp = stamp_of(&self.file);
        stamp.is_some() && stamp != self.stamp
    }

    /// Takes over what another process has changed.
    pub fn refresh(&mut self) -> Result<(), StoreError> {
        if self.is_stale() {
            let read = Seal::read(self.file.clone(), self.is_lent)?;
            let known = std::mem::replace(&mut self.keys, read.keys);
            self.stamp = read.stamp;
            self.former.extend(known);
            self.former.retain(|key| !self.keys.contains(key));
        }
        Ok(())
    }

    fn read(file: PathBuf, is_lent: bool) -> Result<Seal, StoreError> {
        // Before it is read: one that comes between the two is read again.
        let stamp = stamp_of(&file);
        let text = match fs::read_to_string(&file) {
            Ok(text) => Zeroizing::new(text),
            Err(error) if error.kind() == ErrorKind::NotFound && !is_lent => {
                let mut seal = Seal::with(vec![fresh()?], file, is_lent);
                // Of two processes that make one at the same moment, one has made it.
                return match seal.write(true) {
                    Ok(()) => Ok(seal),
                    Err(error) if error.kind() == ErrorKind::AlreadyExists => Seal::read(seal.file, is_lent),
                    Err(error) => Err(seal.trouble("cannot be written", &error)),
                };
            }
            Err(error) => {
                return Err(Seal::with(Vec::new(), file, is_lent).trouble("cannot be read", &error));
            }
        };
        let keys: Option<Vec<_>> = text.split_whitespace().map(key_of).collect();
        match keys {
            Some(keys) if !keys.is_empty() => Ok(Seal { stamp, ..Seal::with(keys, file, is_lent) }),
            _ => Err(StoreError::Directory(format!(
                "{} is no key file: it has a key of 64 hexadecimal digits in each line; put the right one back from a backup. \
                 Without it the secrets of the flows cannot be read: to enter them all anew, move it away",
                file.display()
            ))),
        }
    }

    /// Seals. What it is for is sealed along, so that nothing can be put in another place.
    pub fn seal(&self, what_for: &str, secret: &[u8]) -> Result<Vec<u8>, StoreError> {
        let key = &self.keys[0];
        let mut sealed = vec![VERSION];
        sealed.extend_from_slice(&name(key));
        let mut nonce = [0; NONCE];
        random(&mut nonce)?;
        sealed.extend_from_slice(&nonce);
        let payload = Payload { msg: secret, aad: what_for.as_bytes() };
        let closed = XChaCha20Poly1305::new(Key::from_slice(&key[..]))
            .encrypt(XNonce::from_slice(&nonce), payload)
            .map_err(|_| StoreError::Mistake("a secret could not be sealed".to_string()))?;
        sealed.extend_from_slice(&closed);
        Ok(sealed)
    }

    pub fn open(&self, what_for: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        let refused =
            |why: &str| StoreError::Refused(format!("the secrets of {what_for} cannot be opened: {why}"));
        let (head, closed) = sealed
            .split_at_checked(1 + NAME + NONCE)
            .filter(|(head, _)| head[0] == VERSION)
            .ok_or_else(|| refused("they are damaged, or sealed by a newer tidegate"))?;
        let (named, nonce) = head[1..].split_at(NAME);
        let key = self.keys.iter().chain(&self.former).find(|key| name(key) == named).ok_or_else(|| {
            refused(&format!("they were sealed with another key than those in {}", self.file.display()))
        })?;
        let payload = Payload { msg: closed, aad: what_for.as_bytes() };
        XChaCha20Poly1305::new(Key::from_slice(&key[..]))
            .decrypt(XNonce::from_slice(nonce), payload)
            .map(Zeroizing::new)
            .map_err(|_| refused("they are damaged"))
    }

    /// Puts a new key in front, and gives those that it replaces. What they have sealed is sealed anew before they are
    /// dropped by [`Seal::forget`].
    pub fn renew(&mut self) -> Result<Vec<Zeroizing<[u8; KEY]>>, StoreError> {
        if self.is_lent {
            return Err(StoreError::Refused(format!(
                "{} comes from systemd: put a new key in front of it there, start the gateway, and run this again",
                self.file.display()
            )));
        }
        self.refresh()?;
        let outdated = self.keys.clone();
        self.keys.insert(0, fresh()?);
        if let Err(error) = self.write(false) {
            self.keys = outdated;
            return Err(self.trouble("cannot be written", &error));
        }
        Ok(outdated)
    }

    /// Drops what [`Seal::renew`] has replaced. A key that another process has put there meanwhile stays.
    pub fn forget(&mut self, outdated: &[Zeroizing<[u8; KEY]>]) -> Result<(), StoreError> {
        self.refresh()?;
        self.keys.retain(|key| !outdated.contains(key));
        self.former.extend_from_slice(outdated);
        self.write(false).map_err(|error| self.trouble("cannot be written", &error))
    }

    /// Whole or not at all.
    fn write(&mut self, is_first: bool) -> std::io::Result<()> {
        let mut text = Zeroizing::new(String::new());
        for key in &self.keys {
            text.push_str(&hex(&key[..]));
            text.push('\n');
        }
        let new = self.file.with_extension(format!("new-{}", std::process::id()));
        let mut options = fs::OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        let taken = match is_first {
            // A link is made only where there is none.
            true => fs::hard_link(&new, &self.file).and_then(|()| fs::remove_file(&new)),
            false => fs::rename(&new, &self.file),
        };
        if taken.is_err() {
            let _ = fs::remove_file(&new);
        }
        taken?;
        self.stamp = stamp_of(&self.file);
        fs::File::open(self.file.parent().unwrap_or(Path::new(".")))?.sync_all()
    }

    fn trouble(&self, what: &str, error: &std::io::Error) -> StoreError {
        StoreError::Directory(format!("the key file {} {what}: {error}", self.file.display()))
    }
}

fn stamp_of(file: &Path) -> Stamp {
    let data = fs::metadata(file).ok()?;
    Some((data.ino(), data.mtime(), data.mtime_nsec()))
}

fn fresh() -> Result<Zeroizing<[u8; KEY]>, StoreError> {
    let mut key = Zeroizing::new([0; KEY]);
    random(&mut key[..])?;
    Ok(key)
}

/// Random bytes that nobody can guess.
pub fn random(bytes: &mut [u8]) -> Result<(), StoreError> {
    let failed = |_| StoreError::Directory("this system gives no random numbers".to_string());
    SystemRandom::new().fill(bytes).map_err(failed)
}

fn name(key: &[u8; KEY]) -> [u8; NAME] {
    let hash = ring::digest::digest(&ring::digest::SHA256, key);
    let mut name = [0; NAME];
    name.copy_from_slice(&hash.as_ref()[..NAME]);
    name
}

pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    let mut text = String::with_capacity(bytes.len() * 2);
    bytes.iter().for_each(|byte| write!(text, "{byte:02x}").expect("a string takes everything"));
    text
}

fn key_of(line: &str) -> Option<Zeroizing<[u8; KEY]>> {
    if line.len() != 2 * KEY || !line.is_ascii() {
        return None;
    }
    let mut key = Zeroizing::new([0; KEY]);
    for (at, byte) in key.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&line[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(key)
}

#[cfg(test)]
#[path = "seal_tests.rs"]
mod tests;

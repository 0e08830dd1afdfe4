//! The keys that bundles are signed with: Ed25519, from ring, which TLS brings along anyway.

use std::fmt;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::rand::SystemRandom;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use zeroize::Zeroizing;

pub const PUBLIC: usize = 32;
pub const SIGNATURE: usize = 64;
/// How a line with a public key begins.
const KIND: &str = "ed25519";
const BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const END: &str = "-----END PRIVATE KEY-----";
/// A file with a private key is not larger.
const LARGEST: u64 = 16 * 1024;

#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("{0}: {1}")]
    File(String, String),
    #[error(
        "{0} is no key of `tidegate keys new`: expected an Ed25519 key in PEM form (-----BEGIN PRIVATE KEY-----)"
    )]
    NoKey(String),
    #[error("{0} can be read by others on this machine: chmod 600 {0}")]
    Open(String),
    #[error("this system gives no random numbers")]
    NoRandom,
    #[error(
        "{0:?} is no public key: expected a line as `tidegate keys new` prints it: {KIND} BASE64 NAME{hint}",
        hint = .1
    )]
    NoLine(String, &'static str),
}

/// What somebody signs with.
pub struct PrivateKey(Ed25519KeyPair);

/// What a signature is checked with.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PublicKey(pub [u8; PUBLIC]);

impl PrivateKey {
    /// Makes one and writes it into a new file that only its owner reads.
    pub fn create(path: &Path) -> Result<PrivateKey, KeyError> {
        let made = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(|_| KeyError::NoRandom)?;
        let text = Zeroizing::new(format!("{BEGIN}\n{}\n{END}\n", STANDARD.encode(made.as_ref())));
        let failed = |error: std::io::Error| KeyError::File(path.display().to_string(), error.to_string());
        let mut file =
            fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
        PrivateKey::of_text(&text).ok_or_else(|| KeyError::NoKey(path.display().to_string()))
    }

    pub fn read(path: &Path) -> Result<PrivateKey, KeyError> {
        let name = path.display().to_string();
        let failed = |error: std::io::Error| KeyError::File(name.clone(), error.to_string());
        let file = fs::File::open(path).map_err(failed)?;
        if file.metadata().map_err(failed)?.mode() & 0o077 != 0 {
            return Err(KeyError::Open(name));
        }
        let mut text = Zeroizing::new(String::new());
        file.take(LARGEST).read_to_string(&mut text).map_err(failed)?;
        PrivateKey::of_text(&text).ok_or(KeyError::NoKey(name))
    }

    /// Keys that OpenSSL has made come without their public half.
    fn of_text(text: &str) -> Option<PrivateKey> {
        let inner = text.trim().strip_prefix(BEGIN)?.strip_suffix(END)?;
        let inner = Zeroizing::new(inner.split_whitespace().collect::<String>());
        let bytes = Zeroizing::new(STANDARD.decode(inner.as_bytes()).ok()?);
        Ed25519KeyPair::from_pkcs8_maybe_unchecked(&bytes).ok().map(PrivateKey)
    }

    pub fn public(&self) -> PublicKey {
        let bytes = self.0.public_key().as_ref().try_into();
        PublicKey(bytes.expect("a public key of Ed25519 has 32 bytes"))
    }

    pub fn sign(&self, message: &[u8]) -> [u8; SIGNATURE] {
        self.0.sign(message).as_ref().try_into().expect("a signature of Ed25519 has 64 bytes")
    }
}

impl PublicKey {
    pub fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.0).verify(message, signature).is_ok()
    }

    /// `ed25519 BASE64`.
    pub fn text(&self) -> String {
        format!("{KIND} {}", STANDARD.encode(self.0))
    }

    /// Reads a line with a key and the name of its owner.
    pub fn of_line(line: &str) -> Result<(PublicKey, String), KeyError> {
        let wrong = |hint| KeyError::NoLine(line.chars().take(120).collect(), hint);
        if line.contains("PRIVATE KEY") {
            return Err(KeyError::NoLine(
                "...".to_string(),
                "; this is the private half, which stays where it was made",
            ));
        }
        let mut words = line.split_whitespace();
        let (kind, key) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        if kind != KIND {
            return Err(wrong(""));
        }
        let bytes = STANDARD.decode(key).ok().and_then(|bytes| bytes.try_into().ok());
        let key = PublicKey(bytes.ok_or_else(|| wrong(""))?);
        let name = words.collect::<Vec<_>>().join(" ");
        if name.is_empty() || name.len() > 100 || name.chars().any(char::is_control) {
            return Err(wrong("; its name is missing or longer than 100 bytes"));
        }
        Ok((key, name))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

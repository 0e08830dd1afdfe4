//! What lets a session or a token in: drawn here, given out once, and stored only as a hash.

use std::fmt;

use zeroize::Zeroizing;

use super::seal::{hex, random};
use crate::store::StoreError;

const PREFIX: &str = "tg_";
const SECRET: usize = 32;

/// What lets somebody in, as it goes over the wire. It does not show itself in a log.
pub struct Secret(Zeroizing<String>);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl Secret {
    pub fn fresh() -> Result<Secret, StoreError> {
        let mut bytes = Zeroizing::new([0; SECRET]);
        random(&mut bytes[..])?;
        let digits = Zeroizing::new(hex(&bytes[..]));
        Ok(Secret(Zeroizing::new(format!("{PREFIX}{}", digits.as_str()))))
    }

    pub fn text(&self) -> &str {
        &self.0
    }

    pub fn hash(&self) -> SecretHash {
        SecretHash(hash(&self.0))
    }
}

/// What is stored of a secret. A secret is 256 random bits, so a plain hash gives nothing away, also not by how long a
/// comparison takes.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SecretHash([u8; 32]);

impl SecretHash {
    pub(super) fn bytes(&self) -> [u8; 32] {
        self.0
    }

    /// `None` where the text cannot be a secret of ours.
    pub fn of(text: &str) -> Option<SecretHash> {
        let digits = text.strip_prefix(PREFIX)?;
        let fine = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        (digits.len() == 2 * SECRET && digits.bytes().all(fine)).then(|| SecretHash(hash(text)))
    }
}

fn hash(text: &str) -> [u8; 32] {
    let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
    digest.as_ref().try_into().expect("SHA-256 has 32 bytes")
}

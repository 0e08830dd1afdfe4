//! A bundle: one signed file with all that a deploy needs. How it is laid out, and when it counts.
//!
//! ```text
//! magic "TGBUNDLE" | format u16 | key 32 | packed size u32 | unpacked size u32 | packed JSON (LZ4) | signature 64
//! ```
//!
//! Numbers are big-endian. The signature is over a text that says what it is for, and every byte before it. It is checked before
//! anything is unpacked or read.

use ring::digest::{SHA256, digest};

use super::contents::{Contents, WrongContents};
use super::key::{PUBLIC, PrivateKey, PublicKey, SIGNATURE};
use crate::config::hex;

const MAGIC: &[u8; 8] = b"TGBUNDLE";
/// The newest format that this program knows.
pub const FORMAT: u16 = 1;
/// A signature for something else is none for a bundle.
const DOMAIN: &[u8] = b"tidegate bundle\0";
const HEAD: usize = 8 + 2 + PUBLIC + 4 + 4;

/// A whole bundle.
pub const LARGEST: usize = 8 * 1024 * 1024;
/// What is in it, unpacked.
pub const LARGEST_UNPACKED: usize = 32 * 1024 * 1024;

#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    #[error("this is no bundle of `tidegate bundle`")]
    NoBundle,
    #[error("the bundle has format {0}, and this tidegate knows {FORMAT}: update tidegate")]
    Newer(u16),
    #[error("the bundle is cut off: it has {has} bytes of {of}")]
    CutOff { has: usize, of: usize },
    #[error("the bundle is longer than it says: {has} bytes instead of {of}")]
    Longer { has: usize, of: usize },
    #[error("the bundle is too large: {has} bytes, and at most {most} are taken")]
    TooLarge { has: usize, most: usize },
    #[error(
        "the signature is wrong: the bundle was altered on its way, or was not signed with the key that it names"
    )]
    Signature,
    #[error("the bundle cannot be unpacked: {0}")]
    Packing(String),
    #[error(transparent)]
    Contents(#[from] WrongContents),
}

/// A bundle whose signature is right. Whether its key is trusted is another question.
pub struct Bundle {
    pub key: PublicKey,
    pub contents: Contents,
}

/// SHA-256 of a whole bundle.
pub type Hash = [u8; 32];

pub fn hash_of(bytes: &[u8]) -> Hash {
    digest(&SHA256, bytes).as_ref().try_into().expect("SHA-256 has 32 bytes")
}

/// The name of a bundle in topics and reports.
pub fn id_of(hash: &Hash) -> String {
    hex(&hash[..8])
}

/// Packs and signs.
pub fn sign(contents: &Contents, key: &PrivateKey) -> Result<Vec<u8>, BundleError> {
    let json = contents.to_json();
    let too_large = |has, most| BundleError::TooLarge { has, most };
    if json.len() > LARGEST_UNPACKED {
        return Err(too_large(json.len(), LARGEST_UNPACKED));
    }
    let packed = lz4_flex::compress(&json);
    let size = HEAD + packed.len() + SIGNATURE;
    if size > LARGEST {
        return Err(too_large(size, LARGEST));
    }
    let mut bytes = Vec::with_capacity(size);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&FORMAT.to_be_bytes());
    bytes.extend_from_slice(&key.public().0);
    // Both are bounded far below.
    bytes.extend_from_slice(&(packed.len() as u32).to_be_bytes());
    bytes.extend_from_slice(&(json.len() as u32).to_be_bytes());
    bytes.extend_from_slice(&packed);
    let signature = key.sign(&signed(&bytes));
    bytes.extend_from_slice(&signature);
    Ok(bytes)
}

/// The key that a bundle says it is signed with, for whoever wants to know first whether that key counts at all.
pub fn key_of(bytes: &[u8]) -> Result<PublicKey, BundleError> {
    Ok(Frame::of(bytes)?.key)
}

/// Checks and reads a bundle.
pub fn open(bytes: &[u8]) -> Result<Bundle, BundleError> {
    let frame = Frame::of(bytes)?;
    if !frame.key.has_signed(&signed(frame.signed), frame.signature) {
        return Err(BundleError::Signature);
    }
    let json = lz4_flex::decompress(frame.packed, frame.unpacked)
        .map_err(|error| BundleError::Packing(error.to_string()))?;
    Ok(Bundle { key: frame.key, contents: Contents::of_json(&json)? })
}

/// What a signature is over.
fn signed(bytes: &[u8]) -> Vec<u8> {
    [DOMAIN, bytes].concat()
}

struct Frame<'b> {
    key: PublicKey,
    unpacked: usize,
    packed: &'b [u8],
    signed: &'b [u8],
    signature: &'b [u8],
}

impl<'b> Frame<'b> {
    fn of(bytes: &'b [u8]) -> Result<Frame<'b>, BundleError> {
        if bytes.len() > LARGEST {
            return Err(BundleError::TooLarge { has: bytes.len(), most: LARGEST });
        }
        let cut_off = |of| BundleError::CutOff { has: bytes.len(), of };
        let rest = match bytes.strip_prefix(MAGIC) {
            Some(rest) => rest,
            None if MAGIC.starts_with(bytes) => return Err(cut_off(HEAD + SIGNATURE)),
            None => return Err(BundleError::NoBundle),
        };
        let (format, rest) = rest.split_first_chunk().ok_or_else(|| cut_off(HEAD + SIGNATURE))?;
        match u16::from_be_bytes(*format) {
            FORMAT => {}
            0 => return Err(BundleError::NoBundle),
            newer => return Err(BundleError::Newer(newer)),
        }
        let (key, rest) = rest.split_first_chunk().ok_or_else(|| cut_off(HEAD + SIGNATURE))?;
        let (packed, rest) = rest.split_first_chunk().ok_or_else(|| cut_off(HEAD + SIGNATURE))?;
        let (unpacked, _) = rest.split_first_chunk().ok_or_else(|| cut_off(HEAD + SIGNATURE))?;
        let (packed, unpacked) =
            (u32::from_be_bytes(*packed) as usize, u32::from_be_bytes(*unpacked) as usize);
        if unpacked > LARGEST_UNPACKED {
            return Err(BundleError::TooLarge { has: unpacked, most: LARGEST_UNPACKED });
        }
        let of = HEAD.saturating_add(packed).saturating_add(SIGNATURE);
        match bytes.len() {
            has if has < of => Err(cut_off(of)),
            has if has > of => Err(BundleError::Longer { has, of }),
            _ => {
                let (signed, signature) = bytes.split_at(of - SIGNATURE);
                Ok(Frame { key: PublicKey(*key), unpacked, packed: &signed[HEAD..], signed, signature })
            }
        }
    }
}

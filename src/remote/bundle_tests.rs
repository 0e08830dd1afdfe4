use proptest::prelude::*;
use serde_json::json;

use super::bundle::{self, BundleError, LARGEST, LARGEST_UNPACKED};
use super::contents::{Contents, Kind};
use super::key::{PrivateKey, SIGNATURE};

/// One that is well, and signed.
pub fn contents(sequence: i64) -> Contents {
    Contents {
        sequence,
        gateways: Vec::new(),
        flows: json!([{"id": "t", "type": "tab", "label": "one"}, {"id": "j", "type": "junction", "z": "t", "wires": []}]),
        env: [("SITE".to_string(), "7".to_string())].into(),
        modules: Default::default(),
        why: "a test".to_string(),
        who: "ada".to_string(),
        probation: 30,
        deployment: Kind::Nodes,
    }
}

pub fn key() -> PrivateKey {
    PrivateKey::create(&tempfile::tempdir().unwrap().path().join("key")).unwrap()
}

/// Signs bytes that are no bundle of ours, as somebody with a trusted key might.
fn signed_anyhow(key: &PrivateKey, format: u16, packed: &[u8], unpacked: u32) -> Vec<u8> {
    let mut bytes = b"TGBUNDLE".to_vec();
    bytes.extend_from_slice(&format.to_be_bytes());
    bytes.extend_from_slice(&key.public().0);
    bytes.extend_from_slice(&(packed.len() as u32).to_be_bytes());
    bytes.extend_from_slice(&unpacked.to_be_bytes());
    bytes.extend_from_slice(packed);
    let signature = key.sign(&[b"tidegate bundle\0".as_slice(), &bytes].concat());
    bytes.extend_from_slice(&signature);
    bytes
}

fn refused(bytes: &[u8]) -> String {
    bundle::open(bytes).map(|_| ()).unwrap_err().to_string()
}

#[test]
fn a_bundle_comes_back_as_it_was_signed() {
    let (key, contents) = (key(), contents(5));
    let bytes = bundle::sign(&contents, &key).unwrap();
    let opened = bundle::open(&bytes).unwrap();
    assert_eq!((opened.contents, opened.key), (contents, key.public()));
    assert_eq!(bundle::key_of(&bytes).unwrap(), key.public());
}

#[test]
fn what_is_wrong_with_one_is_said() {
    let key = key();
    let bytes = bundle::sign(&contents(5), &key).unwrap();
    let mut altered = bytes.clone();
    altered[60] ^= 1;
    assert!(refused(&altered).contains("the signature is wrong"));
    // Signed by somebody else, in the name of this key.
    let mut forged = bundle::sign(&contents(5), &self::key()).unwrap();
    forged[10..42].copy_from_slice(&key.public().0);
    assert!(refused(&forged).contains("the signature is wrong"));
    for cut in [0, 5, 9, 30, 49, bytes.len() - 1] {
        let text = refused(&bytes[..cut]);
        assert!(text.contains("cut off"), "{cut}: {text}");
    }
    let longer = [bytes.as_slice(), b"x"].concat();
    assert!(refused(&longer).contains("longer than it says"));
    assert!(refused(b"<html>404</html>").contains("no bundle"));
    assert!(refused(&vec![b'x'; LARGEST + 1]).contains("too large"));
    assert!(
        refused(&signed_anyhow(&key, 2, b"what is to come", 20))
            .contains("format 2, and this tidegate knows 1: update")
    );
    assert!(refused(&signed_anyhow(&key, 1, b"\0", LARGEST_UNPACKED as u32 + 1)).contains("too large"));
    // It says less than it unpacks to, or more: nothing is taken beyond what it says.
    let packed = lz4_flex::compress(&vec![b' '; 100_000]);
    assert!(refused(&signed_anyhow(&key, 1, &packed, 10)).contains("cannot be unpacked"));
    let json = br#"{"sequence": 1, "flows": [], "from_the_future": true}"#;
    let newer = signed_anyhow(&key, 1, &lz4_flex::compress(json), json.len() as u32);
    let text = refused(&newer);
    assert!(text.contains("from_the_future") && text.contains("update tidegate"), "{text}");
    let huge = Contents { why: String::new(), flows: json!(["x".repeat(LARGEST_UNPACKED)]), ..contents(1) };
    assert!(matches!(bundle::sign(&huge, &key), Err(BundleError::TooLarge { .. })));
}

#[test]
fn a_signature_for_something_else_is_none() {
    let key = key();
    let bytes = bundle::sign(&contents(5), &key).unwrap();
    let (head, _) = bytes.split_at(bytes.len() - SIGNATURE);
    let other = [head, &key.sign(head)].concat();
    assert!(refused(&other).contains("the signature is wrong"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Whatever happens to a bundle on its way, it is refused, and nothing breaks.
    #[test]
    fn an_altered_bundle_is_never_taken(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in prop::option::of(any::<prop::sample::Index>()),
        more in prop::collection::vec(any::<u8>(), 0..8),
        doubled in prop::option::of((any::<prop::sample::Index>(), 1_usize..200)),
    ) {
        use std::sync::OnceLock;
        static VALID: OnceLock<Vec<u8>> = OnceLock::new();
        let valid = VALID.get_or_init(|| bundle::sign(&contents(5), &key()).unwrap());
        let mut bytes = valid.clone();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some((at, length)) = doubled {
            let at = at.index(bytes.len());
            let part = bytes[at..(at + length).min(bytes.len())].to_vec();
            bytes.splice(at..at, part);
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        bytes.extend(more);
        let opened = bundle::open(&bytes);
        prop_assert_eq!(opened.is_ok(), bytes == *valid);
    }

    /// Bytes that were signed and mean nothing: somebody with a key makes a mistake.
    #[test]
    fn signed_nonsense_breaks_nothing(packed in prop::collection::vec(any::<u8>(), 0..300), unpacked in 0_u32..100_000) {
        use std::sync::OnceLock;
        static KEY: OnceLock<PrivateKey> = OnceLock::new();
        let bytes = signed_anyhow(KEY.get_or_init(key), 1, &packed, unpacked);
        prop_assert!(bundle::open(&bytes).is_err());
    }
}

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::key::{PrivateKey, PublicKey};
use super::trust::{FILE, Trust};

#[test]
fn keys_are_trusted_listed_and_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let make = |name: &str| PrivateKey::create(&dir.path().join(name)).unwrap().public();
    let (a, b) = (make("a"), make("b"));
    let trust = Trust::of(dir.path());
    assert!(trust.read().unwrap().keys.is_empty());
    assert!(trust.stamp().is_none());
    assert!(trust.add(a, "ada at work").unwrap());
    let stamp = trust.stamp();
    assert!(!trust.add(a, "ada at work").unwrap(), "it is there");
    assert_eq!(trust.stamp(), stamp);
    assert!(trust.add(a, "other").unwrap_err().to_string().contains("is there as \"ada at work\""));
    assert!(trust.add(b, "ada at work").unwrap_err().to_string().contains("has another key"));
    // What people write into it by hand stays, and what is wrong is told with its line.
    let path = dir.path().join(FILE);
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("# whom we trust\n{text}\ned25519 short ci\n")).unwrap();
    trust.add(b, "ci").unwrap();
    let found = trust.read().unwrap();
    let names: Vec<&str> = found.keys.iter().map(|trusted| trusted.name.as_str()).collect();
    assert_eq!(names, ["ada at work", "ci"]);
    assert!(found.wrong[0].contains("deploy.keys, line 4"), "{:?}", found.wrong);
    assert_eq!(trust.forget("ada at work").unwrap(), Some(a));
    assert_eq!(trust.forget("ada at work").unwrap(), None);
    assert!(fs::read_to_string(&path).unwrap().starts_with("# whom we trust\n"));
    fs::write(&path, "x".repeat(70_000)).unwrap();
    assert!(trust.read().unwrap_err().to_string().contains("larger than 64 KiB"));
}

#[test]
fn a_private_key_is_for_its_owner_only_and_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("key");
    let key = PrivateKey::create(&path).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(PrivateKey::create(&path).is_err(), "a key is never written over");
    let again = PrivateKey::read(&path).unwrap();
    assert!(key.public().has_signed(b"message", &again.sign(b"message")));
    assert!(!key.public().has_signed(b"massage", &again.sign(b"message")));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let open = PrivateKey::read(&path).map(drop).unwrap_err().to_string();
    assert!(open.contains("chmod 600"), "{open}");
    fs::write(&path, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    assert!(PrivateKey::read(&path).map(drop).unwrap_err().to_string().contains("no key of"));
}

#[test]
fn a_line_is_a_public_key_with_a_name() {
    let line = format!("{}  the  ci ", PublicKey([7; 32]).text());
    assert_eq!(PublicKey::of_line(&line).unwrap(), (PublicKey([7; 32]), "the ci".to_string()));
    let refused = |line: &str| PublicKey::of_line(line).unwrap_err().to_string();
    assert!(refused(&PublicKey([7; 32]).text()).contains("its name is missing"));
    assert!(refused("rsa AAAA me").contains("no public key"));
    let private = refused("-----BEGIN PRIVATE KEY----- MC4CAQ");
    assert!(private.contains("the private half") && !private.contains("MC4CAQ"), "{private}");
}

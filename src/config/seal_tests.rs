use super::*;
use std::os::unix::fs::PermissionsExt;

#[test]
fn what_is_sealed_opens_in_its_own_place_only_and_the_key_is_private() {
    let dir = tempfile::tempdir().unwrap();
    let seal = Seal::of(dir.path()).unwrap();
    let sealed = seal.seal("revision 1", b"hunter2").unwrap();
    assert!(!sealed.windows(7).any(|part| part == b"hunter2"));
    // Another process reads the same key.
    let again = Seal::of(dir.path()).unwrap();
    assert_eq!(&again.open("revision 1", &sealed).unwrap()[..], b"hunter2");
    assert!(again.open("revision 2", &sealed).is_err());
    for at in 0..sealed.len() {
        let mut damaged = sealed.clone();
        damaged[at] ^= 1;
        assert!(again.open("revision 1", &damaged).is_err(), "byte {at}");
    }
    assert!(again.open("revision 1", &sealed[..20]).is_err());
    let mode = fs::metadata(dir.path().join(FILE)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn keys_change_without_a_moment_in_which_something_cannot_be_opened() {
    let dir = tempfile::tempdir().unwrap();
    let mut seal = Seal::of(dir.path()).unwrap();
    let old = seal.seal("x", b"secret").unwrap();
    let outdated = seal.renew().unwrap();
    // Cut off here: both keys are there.
    let after_a_crash = Seal::of(dir.path()).unwrap();
    assert_eq!(&after_a_crash.open("x", &old).unwrap()[..], b"secret");
    let new = seal.seal("x", b"secret").unwrap();
    seal.forget(&outdated).unwrap();
    let seal = Seal::of(dir.path()).unwrap();
    assert_eq!(&seal.open("x", &new).unwrap()[..], b"secret");
    let refused = seal.open("x", &old).unwrap_err().to_string();
    assert!(refused.contains("sealed with another key"), "{refused}");
}

#[test]
fn two_who_change_keys_at_once_lose_none() {
    let dir = tempfile::tempdir().unwrap();
    let (mut one, mut two) = (Seal::of(dir.path()).unwrap(), Seal::of(dir.path()).unwrap());
    let first = one.renew().unwrap();
    assert!(two.is_stale() && !one.is_stale());
    let second = two.renew().unwrap();
    assert_eq!((first.len(), second.len()), (1, 2));
    // The second is cut off before it has sealed anything anew: what the first has sealed can be opened.
    let sealed = one.seal("x", b"secret").unwrap();
    one.forget(&first).unwrap();
    let now = Seal::of(dir.path()).unwrap();
    assert_eq!(now.keys.len(), 2);
    assert_eq!(&now.open("x", &sealed).unwrap()[..], b"secret");
    two.forget(&second).unwrap();
    assert_eq!(Seal::of(dir.path()).unwrap().keys.len(), 1);
    // Read a moment before the key was dropped.
    one.refresh().unwrap();
    assert_eq!(&one.open("x", &sealed).unwrap()[..], b"secret");
}

#[test]
fn a_file_that_is_no_key_file_is_told_and_left_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    for text in ["", "abc", &"é".repeat(32), &"zz".repeat(32)] {
        fs::write(dir.path().join(FILE), text).unwrap();
        let refused = Seal::of(dir.path()).err().unwrap().to_string();
        assert!(refused.contains("no key file"), "{refused}");
        assert_eq!(fs::read_to_string(dir.path().join(FILE)).unwrap(), text);
    }
}

use super::login_tests::{ADA, BY, access, add_ada, ip};
use super::*;
use crate::config::{IDLE_MS, NewToken, Token};

fn token(access: &Access, name: &str) -> (Token, Secret) {
    let scopes = [Scope::Read].into_iter().collect();
    let new = NewToken { name, scopes, expires_ms: None };
    access.config().create_token(&new, 1_700_000_000_000, BY).unwrap()
}

#[test]
fn a_change_counts_at_once_whoever_makes_it() {
    let (dir, access, now) = access();
    add_ada(&access);
    let other = Config::open(dir.path()).unwrap();
    let is_in = |secret: &Secret| access.caller_of(secret.text(), now).unwrap();
    let (machine, secret) = token(&access, "machine");
    assert!(is_in(&secret).is_some() && is_in(&secret).is_some());
    other.revoke(&machine.id, BY).unwrap();
    assert!(is_in(&secret).is_none());

    let (_, session) = access.login("ada", ADA, ip(1), now).unwrap();
    assert!(is_in(&session).unwrap().may(Permission::Admin));
    other
        .add_user(
            &crate::config::NewUser { name: "bob", role: Role::Admin, sees_payloads: true },
            &Hashed::of_nobody().unwrap(),
            BY,
        )
        .unwrap();
    other.change_user("ada", Some(Role::Viewer), None, BY).unwrap();
    assert!(!is_in(&session).unwrap().may(Permission::Deploy));
    access.config().set_password("ada", &access.hash("another password").unwrap(), None, BY).unwrap();
    assert!(is_in(&session).is_none());
    let (_, session) = access.login("ada", "another password", ip(1), now).unwrap();
    assert!(is_in(&session).is_some());
    access.config().remove_user("ada", BY).unwrap();
    assert!(is_in(&session).is_none());
}

#[test]
fn a_request_reads_nothing_and_use_is_written_once_a_minute() {
    let (dir, access, now) = access();
    let (machine, secret) = token(&access, "machine");
    let used = || access.config().tokens().unwrap()[0].used_ms;
    access.caller_of(secret.text(), now).unwrap();
    let before = access.watch.version().unwrap();
    for n in 0..1_000 {
        let at = now.later(Duration::from_millis(n * 59));
        assert!(access.caller_of(secret.text(), at).unwrap().is_some());
        access.tend(at).unwrap();
    }
    assert_eq!((access.watch.version().unwrap(), used()), (before, 0), "nothing was written");
    let at = now.later(Duration::from_secs(60));
    access.tend(at).unwrap();
    assert_eq!(used(), now.wall_ms + 999 * 59);
    access.caller_of(secret.text(), at.later(Duration::from_secs(1))).unwrap();
    drop(access);
    // What was not yet written is at the end.
    let config = Config::open(dir.path()).unwrap();
    assert_eq!((config.tokens().unwrap()[0].used_ms, machine.used_ms), (at.wall_ms + 1_000, 0));
}

#[test]
fn what_expires_is_out_also_when_it_was_just_looked_up() {
    let (_dir, access, now) = access();
    add_ada(&access);
    let scopes = [Scope::Read].into_iter().collect();
    let new = NewToken { name: "short", scopes, expires_ms: Some(now.wall_ms + 1_000) };
    let (_, short) = access.config().create_token(&new, now.wall_ms, BY).unwrap();
    let (_, session) = access.login("ada", ADA, ip(1), now).unwrap();
    let is_in = |secret: &Secret, ms: u64| {
        access.caller_of(secret.text(), now.later(Duration::from_millis(ms))).unwrap().is_some()
    };
    let idle = IDLE_MS as u64;
    assert!(is_in(&short, 999) && !is_in(&short, 1_000) && !is_in(&short, 1_001));
    assert!(is_in(&session, idle - 1), "used");
    assert!(is_in(&session, 2 * idle - 2), "its time began anew");
    assert!(!is_in(&session, 4 * idle));
}

#[test]
fn rubbish_and_floods_of_it_are_turned_away_and_nothing_grows() {
    let (_dir, access, now) = access();
    for text in ["", "tg_", "Bearer", &"tg_".repeat(1_000_000), "tg_zz"] {
        assert_eq!(access.caller_of(text, now).unwrap(), None);
    }
    let secrets: Vec<Secret> = (0..300).map(|n| token(&access, &format!("t{n}")).1).collect();
    for secret in &secrets {
        assert!(access.caller_of(secret.text(), now).unwrap().is_some());
        assert!(access.caller_of(Secret::fresh().unwrap().text(), now).unwrap().is_none());
    }
    assert!(secrets.iter().all(|secret| access.caller_of(secret.text(), now).unwrap().is_some()));
}

use super::accounts_tests::{BY, add, config, hashed};
use super::*;

const NOW: i64 = 1_700_000_000_000;
const DAY: i64 = 24 * 3_600_000;

fn new(name: &str) -> NewToken<'_> {
    NewToken { name, scopes: [Scope::Deploy, Scope::Read].into_iter().collect(), expires_ms: None }
}

fn find(config: &Config, secret: &Secret, at: i64) -> Option<Token> {
    config.find_token(&secret.hash(), at).unwrap().map(|(token, _)| token)
}

fn session(config: &Config, name: &str, from: &str, at: i64) -> (Token, Secret) {
    config.create_session(name, &hashed(name), from, at).unwrap().unwrap()
}

#[test]
fn a_token_is_found_by_its_secret_until_it_is_revoked_or_expires() {
    let (dir, config) = config();
    let (token, secret) = config.create_token(&new("deployer"), NOW, BY).unwrap();
    assert_eq!(find(&config, &secret, NOW + 10_000 * DAY), Some(token.clone()));
    assert_eq!((token.owner.as_str(), token.scopes.to_string().as_str()), ("root", "read deploy"));
    let limited = NewToken { expires_ms: Some(NOW + DAY), ..new("limited") };
    let (_, short) = config.create_token(&limited, NOW, BY).unwrap();
    assert!(find(&config, &short, NOW + DAY - 1).is_some() && find(&config, &short, NOW + DAY).is_none());
    // It is still shown for a month.
    config.tend_tokens(&[], NOW + 20 * DAY).unwrap();
    assert_eq!(config.tokens().unwrap().len(), 2);
    config.tend_tokens(&[], NOW + 32 * DAY).unwrap();
    assert_eq!(config.tokens().unwrap(), std::slice::from_ref(&token));
    assert_eq!(config.revoke(&token.id, BY).unwrap(), Some(token.clone()));
    assert_eq!((config.revoke(&token.id, BY).unwrap(), find(&config, &secret, NOW)), (None, None));
    for entry in std::fs::read_dir(dir.path()).unwrap().flatten() {
        let bytes = std::fs::read(entry.path()).unwrap();
        let part = &secret.text().as_bytes()[3..35];
        assert!(!bytes.windows(part.len()).any(|window| window == part), "{:?}", entry.path());
    }
}

#[test]
fn a_token_that_has_expired_is_not_valid_again_when_the_clock_is_lost() {
    let (_dir, config) = config();
    // Entries of the audit have the real time, and there is one for each token.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64;
    let limited = |name, expires_ms| {
        let new = NewToken { expires_ms: Some(expires_ms), ..new(name) };
        config.create_token(&new, 0, BY).unwrap().1
    };
    let (over, valid) = (limited("over", now - DAY), limited("valid", now + DAY));
    let (_, unlimited) = config.create_token(&new("unlimited"), 0, BY).unwrap();
    let in_1970 = 1_000;
    assert!(find(&config, &over, now).is_none() && find(&config, &over, in_1970).is_none());
    assert!(find(&config, &valid, now).is_some() && find(&config, &valid, in_1970).is_some());
    assert!(find(&config, &unlimited, in_1970).is_some());
    add(&config, "ada", Role::Admin);
    let (_, session) = session(&config, "ada", "192.0.2.1", in_1970);
    assert!(find(&config, &session, in_1970 + DAY).is_some(), "whoever logs in then is in");
}

#[test]
fn what_makes_no_sense_is_refused() {
    let (_dir, config) = config();
    config.create_token(&new("one"), NOW, BY).unwrap();
    for (token, says) in [
        (new("one"), "already"),
        (new("has space"), "cannot be used"),
        (NewToken { scopes: Scopes::default(), ..new("two") }, "without a scope"),
        (NewToken { expires_ms: Some(NOW), ..new("two") }, "expired already"),
    ] {
        let error = config.create_token(&token, NOW, BY).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
}

#[test]
fn a_session_lasts_while_it_is_used() {
    let (_dir, config) = config();
    add(&config, "ada", Role::Admin);
    let (token, secret) = session(&config, "ada", "192.0.2.1", NOW);
    let (_, user) = config.find_token(&secret.hash(), NOW).unwrap().unwrap();
    assert_eq!(user.unwrap().role, Role::Admin);
    assert!(find(&config, &secret, NOW + 14 * DAY).is_none());
    config.tend_tokens(&[(token.id.clone(), NOW + 13 * DAY)], NOW + 13 * DAY).unwrap();
    assert!(find(&config, &secret, NOW + 26 * DAY).is_some());
    assert!(config.has_session("ada", "192.0.2.1", NOW + 26 * DAY).unwrap());
    assert!(!config.has_session("ada", "192.0.2.2", NOW + 26 * DAY).unwrap());
    config.tend_tokens(&[], NOW + 28 * DAY).unwrap();
    assert_eq!(config.tokens().unwrap(), []);
}

#[test]
fn sessions_end_with_the_password_and_with_the_user_and_tokens_do_not() {
    let (_dir, config) = config();
    add(&config, "ada", Role::Admin);
    add(&config, "bob", Role::Admin);
    let (mine, kept) = session(&config, "ada", "192.0.2.1", NOW);
    let (_, other) = session(&config, "ada", "192.0.2.2", NOW);
    let (_, of_bob) = session(&config, "bob", "192.0.2.3", NOW);
    let by = By { who: "ada", origin: "192.0.2.1" };
    let (_, token) = config.create_token(&new("machine"), NOW, by).unwrap();
    config.set_password("ada", &hashed("new"), Some(&mine.id), by).unwrap();
    assert!(find(&config, &kept, NOW).is_some() && find(&config, &other, NOW).is_none());
    assert_eq!(config.remove_user("ada", by).unwrap(), 1, "a token of theirs is left");
    assert!(find(&config, &kept, NOW).is_none() && find(&config, &of_bob, NOW).is_some());
    assert!(find(&config, &token, NOW).is_some());
    // Who checked the password before it changed gets no session.
    assert!(config.create_session("bob", &hashed("old"), "192.0.2.3", NOW).unwrap().is_none());
    assert!(config.create_session("ada", &hashed("new"), "192.0.2.3", NOW).unwrap().is_none());
}

#[test]
fn a_user_has_only_so_many_sessions() {
    let (_dir, config) = config();
    add(&config, "ada", Role::Admin);
    add(&config, "bob", Role::Admin);
    let (_, of_bob) = session(&config, "bob", "192.0.2.3", NOW);
    let secrets: Vec<Secret> = (0..40).map(|n| session(&config, "ada", "192.0.2.1", NOW + n).1).collect();
    let alive: Vec<bool> = secrets.iter().map(|secret| find(&config, secret, NOW + 50).is_some()).collect();
    assert_eq!(alive.iter().filter(|alive| **alive).count(), 32);
    assert!(!alive[7] && alive[8] && find(&config, &of_bob, NOW).is_some());
}

#[test]
fn secrets_are_long_and_do_not_show_themselves() {
    let (one, two) = (Secret::fresh().unwrap(), Secret::fresh().unwrap());
    assert!(one.text().starts_with("tg_") && one.text().len() == 67 && one.text() != two.text());
    assert_eq!(format!("{one:?}"), "Secret(..)");
    assert!(SecretHash::of(one.text()) == Some(one.hash()) && one.hash() != two.hash());
    for text in [
        "",
        "tg_",
        &one.text()[3..],
        &one.text()[..66],
        &format!("{}0", one.text()),
        &one.text().to_uppercase(),
    ] {
        assert!(SecretHash::of(text).is_none(), "{}", text.len());
    }
}

use super::*;
use crate::config::NewUser;

pub const ADA: &str = "correct horse battery";
pub const BY: By<'_> = By { who: "root", origin: "command line" };

pub fn access() -> (tempfile::TempDir, Access, Moment) {
    let dir = tempfile::tempdir().unwrap();
    let config = Config::open(dir.path()).unwrap();
    let now = Moment { wall_ms: 1_700_000_000_000, at: Instant::now() };
    let access = Access::new(Arc::new(config), now).unwrap();
    (dir, access, now)
}

pub fn add_ada(access: &Access) {
    let new = NewUser { name: "ada", role: Role::Admin, sees_payloads: false };
    access.config().add_user(&new, &access.hash(ADA).unwrap(), BY).unwrap();
}

pub fn ip(last: u8) -> IpAddr {
    IpAddr::from([192, 0, 2, last])
}

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn actions(access: &Access) -> Vec<String> {
    let entries = access.config().audit(i64::MAX, 1_000).unwrap();
    entries
        .into_iter()
        .map(|e| format!("{} {} {} {} {}", e.who, e.origin, e.action, e.about, e.detail))
        .collect()
}

#[test]
fn the_right_password_gets_a_session_and_the_wrong_one_tells_nothing() {
    let (_dir, access, now) = access();
    add_ada(&access);
    let (caller, secret) = access.login("ada", ADA, ip(1), now).unwrap();
    assert_eq!(
        (caller.name.as_str(), caller.kind, caller.may(Permission::Admin)),
        ("ada", Kind::Session, true)
    );
    assert_eq!(access.caller_of(secret.text(), now).unwrap().unwrap(), caller);
    let long = "x".repeat(5_000);
    for (name, password) in
        [("ada", "wrong password"), ("eve", ADA), ("ada", ""), ("no name!", ADA), ("ada", &long)]
    {
        assert_eq!(access.login(name, password, ip(2), now).unwrap_err(), Refused::Wrong);
    }
    access.confirm("ada", ADA, ip(1), now).unwrap();
    assert_eq!(access.confirm("ada", "wrong password", ip(1), now), Err(Refused::Wrong));
}

#[test]
fn a_thousand_wrong_passwords_are_slowed_and_keep_nobody_out_who_is_in() {
    let (_dir, access, now) = access();
    add_ada(&access);
    let (_, secret) = access.login("ada", ADA, ip(1), now).unwrap();
    let (mut tried, mut longest) = (0, 0);
    for n in 0..1_000 {
        let at = now.later(seconds(n));
        match access.login("ada", "wrong password", ip(66), at).unwrap_err() {
            Refused::Wrong => tried += 1,
            Refused::Wait { seconds } => longest = longest.max(seconds),
            other => panic!("{other}"),
        }
        access.tend(at).unwrap();
        if n % 250 == 249 {
            // In the middle of it: the session works, and from its address one can log in again.
            assert!(access.caller_of(secret.text(), at).unwrap().is_some());
            access.login("ada", ADA, ip(1), at).unwrap();
        }
    }
    assert!((5..40).contains(&tried), "{tried} were looked at");
    assert!((255..=900).contains(&longest), "{longest}");
    let end = now.later(seconds(1_000));
    assert!(
        matches!(access.login("ada", ADA, ip(66), end), Err(Refused::Wait { .. })),
        "not even the right one"
    );
    let refusals = actions(&access).iter().filter(|action| action.contains("refused log in")).count();
    assert!((4..=7).contains(&refusals), "{refusals} entries in 1,000 seconds");
}

#[test]
fn a_name_is_guarded_against_many_addresses_and_others_are_not_touched() {
    let (_dir, access, now) = access();
    add_ada(&access);
    for n in 0..5 {
        assert_eq!(access.login("ada", "wrong password", ip(n), now).unwrap_err(), Refused::Wrong);
    }
    assert_eq!(access.login("ada", ADA, ip(9), now).unwrap_err(), Refused::Wait { seconds: 1 });
    assert_eq!(access.login("bob", "wrong password", ip(9), now).unwrap_err(), Refused::Wrong);
    access.login("ada", ADA, ip(9), now.later(seconds(1))).unwrap();
    assert_eq!(
        access.login("ada", "wrong password", ip(9), now.later(seconds(1))).unwrap_err(),
        Refused::Wrong
    );
}

#[test]
fn many_at_the_same_moment_are_no_way_around() {
    let (_dir, access, now) = access();
    add_ada(&access);
    let results: Vec<Refused> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..30)
            .map(|_| scope.spawn(|| access.login("ada", "wrong password", ip(1), now).unwrap_err()))
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let wrong = results.iter().filter(|result| **result == Refused::Wrong).count();
    assert!((1..=5).contains(&wrong), "{wrong} were looked at");
}

#[test]
fn an_older_hash_is_renewed_when_its_password_comes_by() {
    let (_dir, access, now) = access();
    add_ada(&access);
    let old = Hashed::with_older_costs(ADA);
    access.config().set_password("ada", &old, None, BY).unwrap();
    assert!(access.login("ada", "wrong password", ip(1), now).is_err());
    assert_eq!(access.config().user("ada").unwrap().unwrap().1, old);
    access.login("ada", ADA, ip(1), now).unwrap();
    let renewed = access.config().user("ada").unwrap().unwrap().1;
    assert!(renewed.is_current() && renewed != old);
    access.login("ada", ADA, ip(1), now).unwrap();
    assert_eq!(access.config().user("ada").unwrap().unwrap().1, renewed);
}

#[test]
fn the_first_admin_is_made_once_by_the_link() {
    let (_dir, access, now) = access();
    let stale = access.setup_link_token(now).unwrap().unwrap();
    let link = access.setup_link_token(now).unwrap().unwrap();
    let set_up = |token: &Secret, name, password, at| access.set_up(token.text(), name, password, ip(1), at);
    assert_eq!(set_up(&stale, "ada", ADA, now).unwrap_err(), Refused::Link);
    assert_eq!(set_up(&link, "ada", ADA, now.later(seconds(3_600))).unwrap_err(), Refused::Link);
    for (name, password, says) in [("a da", ADA, "cannot be used"), ("ada", "short", "too short")] {
        let refused = set_up(&link, name, password, now).unwrap_err();
        assert!(matches!(&refused, Refused::Invalid(why) if why.contains(says)), "{refused}");
    }
    let (caller, secret) = set_up(&link, "ada", ADA, now).unwrap();
    assert!(Permission::ALL.into_iter().all(|permission| caller.may(permission)));
    assert!(access.caller_of(secret.text(), now).unwrap().is_some());
    assert_eq!(set_up(&link, "eve", ADA, now).unwrap_err(), Refused::Link);
    assert!(access.setup_link_token(now).unwrap().is_none());
    access.login("ada", ADA, ip(2), now).unwrap();
}

#[test]
fn a_link_is_worth_nothing_once_the_command_line_made_an_admin_and_cannot_be_guessed() {
    let (dir, access, now) = access();
    let link = access.setup_link_token(now).unwrap().unwrap();
    let guess = Secret::fresh().unwrap();
    for n in 0..6 {
        let refused = access.set_up(guess.text(), "eve", ADA, ip(6), now).unwrap_err();
        assert_eq!(refused == Refused::Link, n < 5, "{n}: {refused}");
    }
    let other = Config::open(dir.path()).unwrap();
    let new = NewUser { name: "ada", role: Role::Admin, sees_payloads: false };
    other.add_user(&new, &Hashed::of(ADA).unwrap(), BY).unwrap();
    assert_eq!(access.set_up(link.text(), "eve", ADA, ip(1), now).unwrap_err(), Refused::SetUpAlready);
    assert_eq!(access.config().users().unwrap().len(), 1);
}

#[test]
fn nothing_secret_is_in_the_audit_in_errors_or_in_debug() {
    let (_dir, access, now) = access();
    let link = access.setup_link_token(now).unwrap().unwrap();
    let mut said = vec![format!("{link:?}")];
    let (caller, secret) = access.set_up(link.text(), "ada", ADA, ip(1), now).unwrap();
    said.push(format!("{caller:?} {secret:?}"));
    // A password in the field of the name.
    said.push(format!("{:?}", access.login(ADA, "", ip(1), now)));
    said.push(format!("{:?}", access.login("hunter2-hunter2", ADA, ip(1), now)));
    said.push(access.login("ada", "wrong-wrong", ip(1), now).unwrap_err().to_string());
    access.tend(now.later(seconds(60))).unwrap();
    let new =
        crate::config::NewToken { name: "m", scopes: Scope::ALL.into_iter().collect(), expires_ms: None };
    let (token, machine) = access.config().create_token(&new, now.wall_ms, BY).unwrap();
    said.push(format!("{token:?} {}", serde_json::to_string(&token).unwrap()));
    said.push(format!("{:?}", access.config().user("ada").unwrap()));
    let audit = actions(&access);
    assert!(
        audit
            .iter()
            .any(|entry| entry == "somebody 192.0.2.1 refused log in ada 2 times: wrong name or password"),
        "{audit:?}"
    );
    assert!(audit.iter().any(|entry| entry == "ada 192.0.2.1 log in  "), "{audit:?}");
    assert!(
        audit.iter().any(|entry| entry == "ada 192.0.2.1 add user ada admin, sees payloads"),
        "{audit:?}"
    );
    said.extend(audit);
    for text in &said {
        for secret in [
            ADA,
            "hunter2",
            "wrong-wrong",
            &link.text()[3..],
            &secret.text()[3..],
            &machine.text()[3..],
            "$argon2",
        ] {
            assert!(!text.contains(secret), "{text}");
        }
    }
}

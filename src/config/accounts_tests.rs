use super::*;
use crate::store::StoreError;
use proptest::prelude::*;

pub const BY: By<'_> = By { who: "root", origin: "command line" };

/// Cheap: these tests are not about hashing.
pub fn hashed(text: &str) -> Hashed {
    Hashed::stored(format!("hash of {text}"))
}

pub fn config() -> (tempfile::TempDir, Config) {
    let dir = tempfile::tempdir().unwrap();
    let config = Config::open(dir.path()).unwrap();
    (dir, config)
}

pub fn add(config: &Config, name: &str, role: Role) {
    let new = NewUser { name, role, sees_payloads: false };
    config.add_user(&new, &hashed(name), BY).unwrap();
}

#[track_caller]
fn refused<T: std::fmt::Debug>(result: Result<T, StoreError>, says: &str) {
    let error = result.unwrap_err();
    assert!(matches!(error, StoreError::Refused(_)) && error.to_string().contains(says), "{error}");
}

#[test]
fn users_come_change_and_go_and_the_audit_tells() {
    let (_dir, config) = config();
    assert!(!config.has_admin().unwrap());
    add(&config, "ada", Role::Admin);
    add(&config, "bob", Role::Viewer);
    assert!(config.has_admin().unwrap());
    refused(
        config.add_user(&NewUser { name: "bob", role: Role::Admin, sees_payloads: true }, &hashed("x"), BY),
        "already",
    );
    let bob = config.change_user("bob", Some(Role::Editor), Some(true), BY).unwrap();
    assert_eq!((bob.role, bob.sees_payloads), (Role::Editor, true));
    assert_eq!(config.change_user("bob", None, None, BY).unwrap(), bob);
    config.set_password("bob", &hashed("new"), None, BY).unwrap();
    assert_eq!(config.user("bob").unwrap(), Some((bob, hashed("new"))));
    assert_eq!(
        config.users().unwrap().iter().map(|user| user.name.as_str()).collect::<Vec<_>>(),
        ["ada", "bob"]
    );
    config.remove_user("bob", BY).unwrap();
    assert_eq!(config.user("bob").unwrap(), None);
    refused(config.remove_user("bob", BY), "no user bob");
    refused(config.set_password("bob", &hashed("x"), None, BY), "no user bob");
    refused(config.change_user("my secret!", None, None, BY), "no user:");
    let told: Vec<String> = config
        .audit(i64::MAX, 100)
        .unwrap()
        .into_iter()
        .map(|entry| format!("{} {} {}", entry.action, entry.about, entry.detail))
        .collect();
    assert_eq!(
        told,
        [
            "remove user bob ",
            "change password bob ",
            "change user bob editor, sees payloads",
            "add user bob viewer",
            "add user ada admin"
        ]
    );
}

#[test]
fn the_last_admin_stays() {
    let (_dir, config) = config();
    add(&config, "ada", Role::Admin);
    add(&config, "bob", Role::Editor);
    for _ in 0..2 {
        refused(config.remove_user("ada", BY), "only admin");
        refused(config.change_user("ada", Some(Role::Editor), None, BY), "only admin");
    }
    assert_eq!(config.users().unwrap()[0].role, Role::Admin, "nothing of it was done");
    config.change_user("bob", Some(Role::Admin), None, BY).unwrap();
    config.remove_user("ada", BY).unwrap();
    refused(config.remove_user("bob", BY), "only admin");
}

#[test]
fn there_is_one_first_admin() {
    let (dir, config) = config();
    let other = Config::open(dir.path()).unwrap();
    let new = |name| NewUser { name, role: Role::Viewer, sees_payloads: false };
    let made = std::thread::scope(|scope| {
        let one = scope.spawn(|| config.add_first_admin(&new("ada"), &hashed("a"), BY).unwrap());
        let two = scope.spawn(|| other.add_first_admin(&new("eve"), &hashed("e"), BY).unwrap());
        [one.join().unwrap(), two.join().unwrap()]
    });
    assert_ne!(made[0], made[1]);
    let users = config.users().unwrap();
    assert_eq!((users.len(), users[0].role), (1, Role::Admin));
}

#[test]
fn a_hash_is_renewed_only_where_it_is_still_the_same() {
    let (_dir, config) = config();
    add(&config, "ada", Role::Admin);
    config.renew_hash("ada", &hashed("other"), &hashed("wrong")).unwrap();
    assert_eq!(config.user("ada").unwrap().unwrap().1, hashed("ada"));
    config.renew_hash("ada", &hashed("ada"), &hashed("renewed")).unwrap();
    assert_eq!(config.user("ada").unwrap().unwrap().1, hashed("renewed"));
}

#[test]
fn a_watch_sees_every_commit_and_nothing_else() {
    let (dir, config) = config();
    let watch = config.watch().unwrap();
    let before = watch.version().unwrap();
    config.users().unwrap();
    config.tend_tokens(&[], 0).unwrap();
    assert_eq!(watch.version().unwrap(), before);
    add(&config, "ada", Role::Admin);
    let after = watch.version().unwrap();
    assert_ne!(after, before);
    add(&Config::open(dir.path()).unwrap(), "bob", Role::Admin);
    assert_ne!(watch.version().unwrap(), after);
}

proptest! {
    #[test]
    fn a_name_has_these_characters_and_is_never_repeated_where_it_is_wrong(name in "\\PC{0,70}") {
        let fine = !name.is_empty()
            && name.len() <= 64
            && name.chars().all(|c| c.is_ascii_alphanumeric() || "._@-".contains(c));
        let checked = check_name(&name);
        prop_assert_eq!(checked.is_ok(), fine);
        if let Err(error) = checked && name.len() > 12 {
            prop_assert!(!error.to_string().contains(&name));
        }
    }

    #[test]
    fn a_good_name_is_good(name in "[A-Za-z0-9._@-]{1,64}") {
        prop_assert!(check_name(&name).is_ok());
    }

    /// Whatever is done to users, one that was set up keeps an admin.
    #[test]
    fn there_is_always_an_admin(steps in proptest::collection::vec((0..3_usize, 0..4_usize, 0..3_usize), 1..20)) {
        let (_dir, config) = config();
        let names = ["ada", "bob", "cid", "dee"];
        add(&config, "ada", Role::Admin);
        for (step, who, role) in steps {
            let (name, role) = (names[who], Role::ALL[role]);
            let _ = match step {
                0 => config.add_user(&NewUser { name, role, sees_payloads: false }, &hashed(name), BY),
                1 => config.change_user(name, Some(role), None, BY).map(drop),
                _ => config.remove_user(name, BY).map(drop),
            };
            prop_assert!(config.has_admin().unwrap());
        }
    }
}

//! Users, tokens and keys on the command line, beside a process that has the configuration open.
#![allow(clippy::unwrap_used)]

mod support;

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use serde_json::Value as Json;
use support::{Ended, command, ended, tidegate};
use tidegate::access::{Access, Moment, Permission};
use tidegate::config::Config;

const PASSWORD: &str = "correct horse battery";
const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

struct Board(tempfile::TempDir);

impl Board {
    fn new() -> Board {
        Board(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn run(&self, arguments: &[&str]) -> Ended {
        let data = ["--data", self.path().to_str().unwrap()];
        tidegate(&[arguments, &data].concat())
    }

    fn fed(&self, arguments: &[&str], line: &str) -> Ended {
        let data = ["--data", self.path().to_str().unwrap()];
        let mut child = command(&[arguments, &data].concat())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A command that reads nothing may be gone already.
        let _ = child.stdin.take().unwrap().write_all(line.as_bytes());
        ended(child.wait_with_output().unwrap())
    }

    fn access(&self) -> Access {
        Access::new(Arc::new(Config::open(self.path()).unwrap()), Moment::now()).unwrap()
    }

    fn audit(&self) -> Vec<String> {
        let entries = Config::open(self.path()).unwrap().audit(i64::MAX, 100).unwrap();
        entries.into_iter().map(|e| format!("{} {} {}", e.origin, e.action, e.about)).collect()
    }
}

fn json(text: &str) -> Vec<Json> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn users_come_and_go_and_a_running_gateway_sees_it() {
    let board = Board::new();
    let access = board.access();
    assert_eq!(board.run(&["passwd", "--list"]).out, "no users; `tidegate passwd NAME` adds an admin\n");
    let first = board.fed(&["passwd", "ada", "--stdin"], &format!("{PASSWORD}\n"));
    assert_eq!((first.code, first.out.as_str(), first.err.as_str()), (0, "ada is set: admin\n", ""));
    let second = board.fed(&["passwd", "bob", "--stdin", "--payloads", "--json"], PASSWORD);
    let bob = &json(&second.out)[0];
    assert_eq!((second.code, &bob["role"], &bob["sees_payloads"]), (0, &"viewer".into(), &true.into()));

    let now = Moment::now();
    let (caller, secret) = access.login("ada", PASSWORD, HERE, now).unwrap();
    assert!(caller.may(Permission::Admin));
    let (_, of_bob) = access.login("bob", PASSWORD, HERE, now).unwrap();
    let is_bob = |permission| access.caller_of(of_bob.text(), now).unwrap().map(|bob| bob.may(permission));
    assert_eq!((is_bob(Permission::Payloads), is_bob(Permission::Deploy)), (Some(true), Some(false)));
    assert_eq!(board.run(&["passwd", "bob", "--role", "editor", "--payloads=no"]).code, 0);
    assert_eq!((is_bob(Permission::Payloads), is_bob(Permission::Deploy)), (Some(false), Some(true)));
    assert_eq!(board.fed(&["passwd", "bob", "--stdin"], "another password\r\n").code, 0);
    assert_eq!(is_bob(Permission::Read), None, "a new password ends the session");
    access.login("bob", "another password", HERE, now).unwrap();
    assert_eq!(board.run(&["passwd", "bob", "--remove"]).out, "bob removed\n");
    assert!(access.login("bob", "another password", HERE, now).is_err());

    let kept = board.run(&["passwd", "ada", "--remove"]);
    assert!(kept.code == 1 && kept.err.contains("only admin"), "{}", kept.err);
    assert!(access.caller_of(secret.text(), now).unwrap().is_some());
    assert!(board.audit().contains(&"command line remove user bob".to_string()), "{:?}", board.audit());
}

#[test]
fn what_cannot_be_is_refused_and_no_password_is_repeated() {
    let board = Board::new();
    for (arguments, line, says) in [
        (&["passwd", "ada", "--stdin"][..], "tiny!", "too short"),
        (&["passwd", "ada", "--stdin"], &"long".repeat(1_000), "too long"),
        (&["passwd", "a da", "--stdin"], PASSWORD, "cannot be used"),
        (&["passwd", "ada"], PASSWORD, "--stdin"),
        (&["passwd", "ada", "--remove"], "", "no user ada"),
        (&["token", "create", "a b", "--scope", "read"], "", "cannot be used"),
        (&["token", "revoke", "abc"], "", "no token with this id"),
    ] {
        let refused = board.fed(arguments, line);
        assert_eq!((refused.code, refused.out.as_str()), (1, ""), "{arguments:?}");
        assert!(refused.err.contains(says), "{arguments:?}: {}", refused.err);
        assert!(line.len() < 4 || !refused.err.contains(line));
    }
    for arguments in [
        &["passwd"][..],
        &["passwd", "ada", "--role", "root"],
        &["passwd", "ada", "--list"],
        &["passwd", "ada", "--remove", "--stdin"],
        &["token", "create", "x"],
        &["token", "create", "x", "--scope", "everything"],
        &["token", "create", "x", "--scope", "read", "--expires", "soon"],
        &["keys"],
    ] {
        assert_eq!(board.run(arguments).code, 2, "{arguments:?}");
    }
    assert!(board.audit().is_empty());
}

#[test]
fn a_token_is_shown_once_works_and_is_revoked() {
    let board = Board::new();
    let access = board.access();
    let made =
        board.run(&["token", "create", "ci", "--scope", "deploy", "--scope", "read", "--expires", "90d"]);
    let secret = made.out.trim();
    assert!(made.code == 0 && secret.starts_with("tg_") && secret.len() == 67, "{} {}", made.out, made.err);
    let now = Moment::now();
    let caller = access.caller_of(secret, now).unwrap().unwrap();
    assert_eq!(caller.name, "ci");
    assert!(caller.may(Permission::Deploy) && !caller.may(Permission::Inject));
    let listed = &json(&board.run(&["token", "ls", "--json"]).out)[0];
    assert_eq!(
        (&listed["name"], listed["scopes"].to_string()),
        (&"ci".into(), r#"["read","deploy"]"#.to_string())
    );
    let days = (listed["expires_ms"].as_i64().unwrap() - listed["since_ms"].as_i64().unwrap()) / 86_400_000;
    assert_eq!(days, 90);
    let table = board.run(&["token", "ls"]).out;
    assert!(
        table.contains("never") && table.contains("read deploy") && !table.contains(&secret[3..]),
        "{table}"
    );
    let other = &json(&board.run(&["token", "create", "m", "--scope", "metrics", "--json"]).out)[0];
    assert_eq!(other["secret"].as_str().unwrap().len(), 67);
    let id = listed["id"].as_str().unwrap();
    assert_eq!(board.run(&["token", "revoke", id]).out, format!("ci ({id}) is revoked\n"));
    assert_eq!(access.caller_of(secret, now).unwrap(), None);
    assert_eq!(
        board.audit(),
        ["command line revoke token ci", "command line create token m", "command line create token ci"]
    );
}

#[test]
fn the_key_is_renewed() {
    let board = Board::new();
    assert_eq!(board.run(&["keys", "renew", "--json"]).out, "{\"revisions\":0}\n");
    let before = std::fs::read_to_string(board.path().join("tidegate.key")).unwrap();
    let renewed = board.run(&["keys", "renew"]);
    assert_eq!(renewed.out, "the secrets of 0 revisions are sealed with a new key\n");
    assert_ne!(std::fs::read_to_string(board.path().join("tidegate.key")).unwrap(), before);
}

/// A terminal of its own: what is typed is not shown, and the terminal is afterwards as it was.
#[test]
fn a_password_is_typed_twice_and_not_shown() {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    use rustix::termios::{LocalModes, tcgetattr};
    use std::io::Read;

    let board = Board::new();
    for (typed, code, says) in [
        ("correct horse battery\rcorrect horse battery\r", 0, "ada is set: admin"),
        ("correct horse battery\rcorrect horse\r", 1, "not the same"),
        ("correct horse bat\x03", 1, "nothing was changed"),
    ] {
        let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&terminal).unwrap();
        unlockpt(&terminal).unwrap();
        let name = ptsname(&terminal, Vec::new()).unwrap();
        let open = || std::fs::File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap();
        let held = open();
        let data = board.path().to_str().unwrap();
        let mut child = command(&["passwd", "ada", "--data", data])
            .stdin(open())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut terminal = std::fs::File::from(terminal);
        let mut err = child.stderr.take().unwrap();
        let mut shown = String::new();
        // Each prompt first: what is typed before it is thrown away.
        for line in typed.split_inclusive('\r') {
            let mut byte = [0];
            while !shown.ends_with(": ") && err.read(&mut byte).unwrap() > 0 {
                shown.push(char::from(byte[0]));
            }
            shown.push('\n');
            terminal.write_all(line.as_bytes()).unwrap();
        }
        let ended = ended(child.wait_with_output().unwrap());
        err.read_to_string(&mut shown).unwrap();
        assert_eq!(ended.code, code, "{shown} {}", ended.out);
        assert!(format!("{shown}{}", ended.out).contains(says), "{shown}");
        assert!(
            tcgetattr(&held)
                .unwrap()
                .local_modes
                .contains(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG)
        );
        // Only the line ends that the program itself wrote may have come back.
        rustix::fs::fcntl_setfl(&terminal, rustix::fs::OFlags::NONBLOCK).unwrap();
        let mut echoed = [0; 1_000];
        let count = terminal.read(&mut echoed).unwrap_or(0);
        assert!(!String::from_utf8_lossy(&echoed[..count]).contains("horse"));
    }
}

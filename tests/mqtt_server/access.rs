//! Who is let in, and to what; TLS.

use std::process::{Command, Output};

use serde_json::json;

use super::certificates::Authority;
use super::program::Program;

fn users() -> serde_json::Value {
    json!({
        "credentials": {"users": {"ann": "apple", "bob": "berry"}},
        "acl": [
            {"user": "", "access": "readwrite", "topic": "of/%u/#"},
            {"user": "ann", "access": "read", "topic": "of/#"},
        ],
    })
}

#[test]
fn only_who_has_a_password_comes_in() {
    let program = Program::with(users(), json!([]));
    for arguments in [&["-u", "ann", "-P", "wrong"][..], &["-u", "eve", "-P", "apple"], &["-u", "ann"], &[]] {
        for version in ["mqttv311", "mqttv5"] {
            let output =
                program.try_publish(&[arguments, &["-V", version, "-t", "of/ann", "-m", "x"]].concat());
            assert!(!output.status.success(), "{arguments:?}");
        }
    }
    program.publish(&["-u", "ann", "-P", "apple", "-q", "1", "-t", "of/ann/x", "-m", "x"]);
    let log = program.log();
    assert!(log.contains("the user or the password is wrong"), "{log}");
    assert!(!log.contains("apple") && !log.contains("berry") && !log.contains("-P wrong"), "{log}");
}

#[test]
fn a_user_has_only_what_the_rules_give() {
    let program = Program::with(users(), json!([]));
    let (ann, bob) = (["-u", "ann", "-P", "apple"], ["-u", "bob", "-P", "berry"]);
    let reader = program.subscribe(&[&ann[..], &["-q", "1", "-v", "-t", "of/#"]].concat());
    let own = program.subscribe(&[&bob[..], &["-q", "1", "-v", "-t", "of/bob/#", "-t", "of/#"]].concat());
    for (who, topic) in [(&ann, "of/bob/1"), (&bob, "of/ann/1"), (&bob, "of/bob/2"), (&ann, "of/ann/2")] {
        program.publish(&[&who[..], &["-q", "1", "-t", topic, "-m", "x"]].concat());
    }
    assert_eq!(reader.wait_for(2), ["of/bob/2 x", "of/ann/2 x"]);
    assert_eq!(own.wait_for(1), ["of/bob/2 x"]);
}

fn over_tls(program: &Program, more: &[&str]) -> Output {
    Command::new("mosquitto_pub")
        .current_dir(program.dir.path())
        .args(["-h", "localhost", "-p", &program.port.to_string(), "--cafile", "ca.pem"])
        .args(["-q", "1", "-t", "x", "-m", "1"])
        .args(more)
        .output()
        .unwrap()
}

#[test]
fn tls_and_client_certificates() {
    let (authority, other) = (Authority::new("ours"), Authority::new("another"));
    for asks in [false, true] {
        let program = {
            let mut program = Program::prepare(&[]);
            authority.sign("localhost", false).write(program.dir.path(), "server");
            authority.sign("client", false).write(program.dir.path(), "good");
            other.sign("client", false).write(program.dir.path(), "bad");
            std::fs::write(program.path("ca.pem"), &authority.pem).unwrap();
            let path = |name: &str| program.path(name).to_string_lossy().into_owned();
            let tls = json!({"id": "tls", "type": "tls-config", "cert": path("server.pem"), "key": path("server.key"), "ca": path("ca.pem")});
            program.write(json!({"tls": "tls", "clientCertificates": asks}), json!([tls]));
            program.run();
            program.wait_open();
            program
        };
        let without = over_tls(&program, &[]).status.success();
        let good = over_tls(&program, &["--cert", "good.pem", "--key", "good.key"]).status.success();
        let bad = over_tls(&program, &["--cert", "bad.pem", "--key", "bad.key"]).status.success();
        assert_eq!((without, good), (!asks, true), "asks: {asks}");
        assert!(!(asks && bad), "a certificate of another authority");
        assert!(!program.try_publish(&["-t", "x", "-m", "1"]).status.success(), "without TLS");
    }
}

#[test]
fn beyond_this_board_it_needs_users() {
    let mut program = Program::prepare(&[]);
    program.write(json!({"host": "0.0.0.0"}), json!([]));
    program.run();
    program.wait_logged("it would let anybody in at 0.0.0.0");
    assert_eq!(program.stop(), Some(0), "the rest of the gateway runs");
    let mut more = users();
    more["host"] = json!("0.0.0.0");
    program.write(more, json!([]));
    program.run();
    program.wait_open();
    assert_eq!(program.stop(), Some(0));
    let mut insecure = Program::prepare(&["--insecure-listen"]);
    insecure.write(json!({"host": "0.0.0.0", "anonymous": "true"}), json!([]));
    insecure.run();
    insecure.wait_open();
    insecure.publish(&["-q", "1", "-t", "x", "-m", "1"]);
}

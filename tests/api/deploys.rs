//! Deploys from the command line and over our own API: watched, taken back, undone.

use std::path::Path;

use serde_json::{Value as Json, json};

use super::{ask, get, log_in, start};
use crate::gateway::Gateway;
use crate::support::{Ended, command, ended};

fn junction(name: &str) -> Json {
    json!([{"id": "t", "type": "tab", "label": "http"}, {"id": "j", "type": "junction", "z": "t", "name": name, "wires": []}])
}

/// Port 1 has nobody who listens.
fn away() -> Json {
    json!([{"id": "t", "type": "tab", "label": "http"},
        {"id": "o", "type": "tcp out", "z": "t", "name": "uplink", "beserver": "client", "host": "127.0.0.1", "port": "1", "wires": []}])
}

struct Deployer<'g> {
    gateway: &'g Gateway,
    folder: &'g Path,
    token: String,
}

impl Deployer<'_> {
    fn run(&self, arguments: &[&str]) -> Ended {
        let to = format!("http://127.0.0.1:{}", self.gateway.port);
        let mut command = command(arguments);
        command.env("TIDEGATE_TO", to).env("TIDEGATE_TOKEN", &self.token);
        ended(command.output().unwrap())
    }

    fn deploy(&self, flow: &Json, more: &[&str]) -> Ended {
        let file = self.folder.join("new.json");
        std::fs::write(&file, flow.to_string()).unwrap();
        let mut arguments = vec!["deploy", file.to_str().unwrap(), "--probation", "2"];
        arguments.extend(more);
        self.run(&arguments)
    }

    fn runs(&self) -> i64 {
        let who = format!("authorization: Bearer {}\r\n", self.token);
        get(self.gateway, &who, "/api/v1/flows").json()["number"].as_i64().unwrap()
    }
}

fn token(folder: &Path, scopes: &[&str]) -> String {
    let data = folder.join("data");
    let mut arguments = vec!["token", "create", "ci", "--data", data.to_str().unwrap(), "--json"];
    scopes.iter().for_each(|scope| arguments.extend(["--scope", scope]));
    let made = crate::support::tidegate(&arguments);
    assert_eq!(made.code, 0, "{}", made.err);
    let made: Json = serde_json::from_str(&made.out).unwrap();
    let found =
        ["secret", "token"].iter().find_map(|name| made[*name].as_str()).unwrap_or_else(|| panic!("{made}"));
    found.to_string()
}

#[test]
fn a_deploy_waits_for_its_verdict_and_what_is_ill_is_taken_back() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = start(folder.path(), vec![]);
    let deployer = Deployer {
        gateway: &gateway,
        folder: folder.path(),
        token: token(folder.path(), &["read", "deploy"]),
    };
    let looked = deployer.deploy(&junction("a"), &["--dry-run"]);
    assert!(
        looked.code == 0 && looked.out.contains("added    junction \"a\" (j)"),
        "{}{}",
        looked.out,
        looked.err
    );
    assert_eq!(deployer.runs(), 1);
    let good = deployer.deploy(&junction("a"), &["--why", "a first try"]);
    assert!(good.code == 0 && good.out.contains("it is healthy"), "{}{}", good.out, good.err);
    let again = deployer.deploy(&junction("a"), &[]);
    assert!(again.code == 0 && again.out.contains("revision 2 runs already"), "{}{}", again.out, again.err);
    let ill = deployer.deploy(&away(), &[]);
    assert_eq!(ill.code, 1, "{}", ill.out);
    assert!(
        ill.err.contains("revision 3 has been taken back: tcp out \"uplink\" (t/o) is not connected"),
        "{}",
        ill.err
    );
    assert_eq!(deployer.runs(), 2);
    let wrong = deployer.deploy(&json!([{"id": "x", "type": "junction", "z": "t", "wires": [["nowhere"]]}, {"id": "t", "type": "tab"}]), &[]);
    assert!(
        wrong.code == 1 && wrong.err.contains("nowhere") && wrong.err.contains("/0/wires/0/0"),
        "{}",
        wrong.err
    );
    let back = deployer.run(&["rollback", "1", "--probation", "1"]);
    assert!(back.code == 0 && back.out.contains("removed  junction \"a\" (j)"), "{}{}", back.out, back.err);
    let late = deployer.deploy(&junction("b"), &["--seen", "0000"]);
    assert!(late.code == 1 && late.err.contains("have been changed by ci since"), "{}", late.err);
    // On the board, beside the gateway.
    let data = folder.path().join("data").to_string_lossy().into_owned();
    let listed = crate::support::tidegate(&["revisions", "--data", &data]);
    assert!(
        listed.out.contains("taken back: tcp out") && listed.out.contains("a first try"),
        "{}",
        listed.out
    );
    let diff = crate::support::tidegate(&["diff", "1", "2", "--data", &data]);
    assert!(diff.out.contains("added    junction"), "{}{}", diff.out, diff.err);
    let diff = crate::support::tidegate(&[
        "diff",
        folder.path().join("new.json").to_str().unwrap(),
        "--data",
        &data,
    ]);
    assert!(diff.code == 0 && diff.out.contains("removed  junction \"b\""), "{}{}", diff.out, diff.err);
}

#[test]
fn who_may_not_is_told_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = start(folder.path(), vec![]);
    let looker =
        Deployer { gateway: &gateway, folder: folder.path(), token: token(folder.path(), &["read"]) };
    let refused = looker.deploy(&junction("a"), &[]);
    assert!(refused.code == 1 && refused.err.contains("needs the permission Deploy"), "{}", refused.err);
    let nobody = Deployer { token: "tg_nothing".to_string(), ..looker };
    let refused = nobody.deploy(&junction("a"), &[]);
    assert!(refused.code == 1 && refused.err.contains("log in first"), "{}", refused.err);
    let nobody = Deployer { token: String::new(), ..nobody };
    let refused = nobody.deploy(&junction("a"), &[]);
    assert!(refused.code == 1 && refused.err.contains("tidegate token create"), "{}", refused.err);
    let nowhere = command(&["rollback", "1", "--to", "http://127.0.0.1:1"])
        .env("TIDEGATE_TOKEN", "x")
        .output()
        .unwrap();
    assert!(
        String::from_utf8_lossy(&nowhere.stderr).contains("no answer from http://127.0.0.1:1"),
        "{nowhere:?}"
    );
}

#[test]
fn the_api_tells_what_is_wrong_in_one_shape() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = start(folder.path(), vec![]);
    let ada = log_in(&gateway, "ada");
    for (method, target, status, code) in [
        ("POST", "/api/v1/deploy?type=all", 400, "bad_type"),
        ("POST", "/api/v1/deploy?probation=9999", 400, "bad_probation"),
        ("POST", "/api/v1/deploy?probation=soon", 400, "bad_query"),
        ("POST", "/api/v1/deploy?nothing=1", 400, "bad_query"),
        ("POST", "/api/v1/deploy", 400, "invalid_flow"),
        ("GET", "/api/v1/revisions?limit=x", 400, "bad_query"),
        ("GET", "/api/v1/revisions/99", 404, "not_found"),
        ("GET", "/api/v1/revisions/first", 404, "not_found"),
        ("GET", "/api/v1/revisions/99/flows", 404, "not_found"),
        ("POST", "/api/v1/revisions/99/rollback", 404, "not_found"),
        ("POST", "/api/v1/revisions/1/confirm", 409, "not_on_probation"),
        ("GET", "/api/v1/nothing", 404, "not_found"),
        ("DELETE", "/api/v1/status", 405, "method_not_allowed"),
    ] {
        let reply = ask(&gateway, &ada, method, target, "", &Json::Null);
        assert_eq!(
            (reply.status, reply.json()["code"].as_str().unwrap()),
            (status, code),
            "{method} {target}: {}",
            reply.body
        );
        assert!(!reply.json()["message"].as_str().unwrap().is_empty());
    }
    let metrics = get(&gateway, &ada, "/metrics");
    assert!(metrics.header("content-type").unwrap().starts_with("text/plain; version=0.0.4"));
    assert!(metrics.body.contains("\ntidegate_revision 1\n"), "{}", metrics.body);
    let status = get(&gateway, &ada, "/api/v1/status").json();
    assert_eq!(
        (status["revision"]["number"].as_i64(), status["away"].as_array().unwrap().len()),
        (Some(1), 0)
    );
    assert_eq!(get(&gateway, &log_in(&gateway, "eve"), "/api/v1/audit").status, 403);
    let audit = get(&gateway, &ada, "/api/v1/audit").body;
    assert!(audit.contains("\"who\":\"eve\""), "{audit}");
}

/// A tab with a change node and a debug node that has a secret beside it.
fn two(rule: &str, name: &str, more: Json) -> Json {
    let mut nodes = json!([
        {"id": "t", "type": "tab", "label": "http"},
        {"id": "c", "type": "change", "z": "t", "rules": [{"t": "set", "p": "payload", "pt": "msg", "to": rule, "tot": "str"}], "wires": [["d"]]},
        {"id": "d", "type": "debug", "z": "t", "name": name, "wires": []},
        {"id": "b", "type": "mqtt-broker", "broker": "127.0.0.1", "port": "1", "autoConnect": false, "credentials": {}},
    ]);
    nodes.as_array_mut().unwrap().extend(more.as_array().unwrap().clone());
    nodes
}

#[test]
fn two_people_deploy_at_once_and_what_both_did_is_put_together() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = start(folder.path(), vec![]);
    let (ada, eve) = (log_in(&gateway, "ada"), log_in(&gateway, "eve"));
    let deploy = |who: &str, query: &str, flow: &Json| {
        ask(&gateway, who, "POST", &format!("/api/v1/deploy?probation=0{query}"), "", flow)
    };
    let mut first = two("one", "shown", json!([]));
    first[3]["credentials"] = json!({"user": "u", "password": "hush"});
    assert_eq!(deploy(&ada, "", &first).status, 200);
    let seen = get(&gateway, &ada, "/api/v1/flows").json()["rev"].as_str().unwrap().to_string();
    let seen = format!("&seen={seen}");

    let added = json!([{"id": "e", "type": "debug", "z": "t", "name": "of eve", "wires": []}]);
    assert_eq!(deploy(&eve, &seen, &two("one", "shown to eve", added)).status, 200);

    // Ada has not seen that. She is told what Eve did, and nothing happens.
    let late = deploy(&ada, &seen, &two("two", "shown", json!([])));
    assert_eq!(late.status, 409, "{}", late.body);
    let told = late.json();
    assert!(told["hint"].as_str().unwrap().contains("merge=true"), "{told}");
    assert_eq!(told["detail"]["revision"]["who"], "eve");
    let since = told["detail"]["since_text"].as_str().unwrap();
    assert!(since.contains("\"of eve\"") && since.contains("\"shown\" -> \"shown to eve\""), "{since}");
    assert_eq!(told["detail"]["clashes"], json!([]));
    assert!(!late.body.contains("hush"), "no secret is told: {}", late.body);

    let merged = deploy(&ada, &format!("{seen}&merge=true"), &two("two", "shown", json!([])));
    assert_eq!(merged.status, 200, "{}", merged.body);
    let runs = get(&gateway, &ada, "/api/v1/flows").json();
    let node =
        |id: &str| runs["flows"].as_array().unwrap().iter().find(|node| node["id"] == id).unwrap().clone();
    assert_eq!(node("c")["rules"][0]["to"], "two");
    assert_eq!((&node("d")["name"], &node("e")["name"]), (&json!("shown to eve"), &json!("of eve")));
    let secrets = get(&gateway, &ada, "/credentials/mqtt-broker/b").json();
    assert_eq!((&secrets["has_user"], &secrets["has_password"]), (&json!(true), &json!(true)), "{secrets}");

    // Both have changed one place: nobody but they can decide.
    let both = deploy(&eve, &format!("{seen}&merge=true"), &two("three", "shown", json!([])));
    assert_eq!(both.status, 409, "{}", both.body);
    let clash = &both.json()["detail"]["clashes"][0];
    assert_eq!((&clash["id"], &clash["pointer"]), (&json!("c"), &json!("/rules")));
    assert_eq!((&clash["theirs"][0]["to"], &clash["mine"][0]["to"]), (&json!("two"), &json!("three")));
    assert_eq!(get(&gateway, &ada, "/api/v1/flows").json()["rev"], runs["rev"], "nothing was changed");
    // Without a beginning there is nothing to put together.
    assert_eq!(deploy(&eve, "&merge=true", &two("x", "y", json!([]))).status, 400);
    let forgotten = deploy(&eve, "&seen=0000&merge=true", &two("x", "y", json!([])));
    assert_eq!((forgotten.status, &forgotten.json()["detail"]["since"]), (409, &Json::Null));
}

#[test]
fn the_command_line_merges_and_says_what_it_cannot() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = start(folder.path(), vec![]);
    let deployer = Deployer {
        gateway: &gateway,
        folder: folder.path(),
        token: token(folder.path(), &["read", "deploy"]),
    };
    assert_eq!(deployer.deploy(&two("one", "shown", json!([])), &[]).code, 0);
    let who = format!("authorization: Bearer {}\r\n", deployer.token);
    let seen = get(&gateway, &who, "/api/v1/flows").json()["rev"].as_str().unwrap().to_string();
    let eve = log_in(&gateway, "eve");
    let other = two("two", "shown", json!([]));
    assert_eq!(ask(&gateway, &eve, "POST", "/api/v1/deploy?probation=0", "", &other).status, 200);
    let refused = deployer.deploy(&two("three", "shown", json!([])), &["--seen", &seen, "--merge"]);
    assert_eq!(refused.code, 1);
    for part in ["by eve since", "since then they have changed", "both: c \"\" /rules: they [", "decide"] {
        assert!(refused.err.contains(part), "{part}: {}", refused.err);
    }
    let merged = deployer.deploy(&two("one", "renamed", json!([])), &["--seen", &seen, "--merge"]);
    assert_eq!(merged.code, 0, "{}", merged.err);
}

#[test]
fn secrets_are_named_kept_and_taken_away_but_never_told() {
    let folder = tempfile::tempdir().unwrap();
    let broker = json!({"id": "b", "type": "mqtt-broker", "broker": "127.0.0.1", "port": "1", "credentials": {"user": "u", "password": "hidden"}});
    let gateway = start(folder.path(), vec![broker]);
    let ada = log_in(&gateway, "ada");
    let flows = || {
        let reply = get(&gateway, &ada, "/api/v1/flows");
        assert!(!reply.body.contains("hidden"), "{}", reply.body);
        reply.json()
    };
    let deploy = |document: &Json| {
        let reply = ask(&gateway, &ada, "POST", "/api/v1/deploy?probation=0", "", document);
        assert_eq!(reply.status, 200, "{}", reply.body);
        reply.json()
    };
    let first = flows();
    assert_eq!(first["secrets"], json!({"b": ["user", "password"]}));
    // As they came: nothing has changed.
    assert_eq!(deploy(&json!({"flows": first["flows"], "rev": first["rev"]}))["unchanged"], true);
    let mut changed = first["flows"].clone();
    let at = changed.as_array().unwrap().iter().position(|node| node["id"] == "b").unwrap();
    changed[at]["credentials"] = json!({"password": ""});
    assert_eq!(deploy(&changed)["unchanged"], false);
    assert_eq!(flows()["secrets"], json!({"b": ["user"]}));
    changed[at]["credentials"] = json!({"user": "", "password": "hidden too"});
    deploy(&changed);
    assert_eq!(flows()["secrets"], json!({"b": ["password"]}));
    changed[at]["credentials"] = json!({"password": ""});
    deploy(&changed);
    assert_eq!(flows()["secrets"], json!({}));
}

//! `tidegate keys` and `tidegate bundle`, as a person uses them.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::{Value as Json, json};

use crate::brokers::mosquitto::Mosquitto;
use crate::gateway::Watcher;
use crate::support::{Running, command, ended, tidegate};

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn from_a_key_to_a_flow_that_runs() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let data = at("data");
    let made = tidegate(&["keys", "new", text(&at("ci.key")), "--name", "ci"]);
    assert_eq!(made.code, 0, "{}", made.err);
    assert_eq!(std::fs::metadata(at("ci.key")).unwrap().permissions().mode() & 0o777, 0o600);
    let line = made.out.trim();
    assert!(line.starts_with("ed25519 ") && line.ends_with(" ci"), "{line}");
    assert_eq!(tidegate(&["keys", "new", text(&at("ci.key"))]).code, 1, "a key is not written over");
    let trusted = tidegate(&["keys", "trust", line, "--data", text(&data)]);
    assert_eq!(trusted.out, "\"ci\" is trusted: its bundles are deployed here\n", "{}", trusted.err);
    let again = tidegate(&["keys", "trust", "--data", text(&data), line]);
    assert!(again.out.contains("was trusted before"), "{}{}", again.out, again.err);
    let listed = tidegate(&["keys", "ls", "--json", "--data", text(&data)]);
    assert_eq!(serde_json::from_str::<Json>(&listed.out).unwrap()["name"], "ci");
    // A flow with a variable and a module.
    let flows = json!([
        {"id": "t", "type": "tab", "label": "Site"},
        {"id": "i", "type": "inject", "z": "t", "once": true, "props": [{"p": "payload", "v": "20", "vt": "num"}], "wires": [["f"]]},
        {"id": "f", "type": "function", "lang": "rhai", "z": "t", "outputs": 1, "wires": [["d"]],
         "func": "import \"units\" as u; msg.payload = env(\"SITE\") + \": \" + u::kelvin(msg.payload); msg"},
        {"id": "d", "type": "debug", "z": "t", "name": "out", "active": true, "tosidebar": true, "console": true, "complete": "payload", "wires": []}
    ]);
    std::fs::write(at("flows.json"), flows.to_string()).unwrap();
    std::fs::write(at("units.rhai"), "fn kelvin(c) { c + 273 }").unwrap();
    let (key, flow, bundle, module) = (at("ci.key"), at("flows.json"), at("site.bundle"), at("units.rhai"));
    let make = |more: &[&str]| {
        let mut all = vec!["bundle", text(&flow), "--key", text(&key), "-o", text(&bundle)];
        all.extend(more);
        tidegate(&all)
    };
    let made = make(&[
        "--env",
        "SITE=roof 7",
        "--module",
        text(&module),
        "--for",
        "site-*",
        "--why",
        "new units",
        "--probation",
        "1",
    ]);
    assert_eq!(made.code, 0, "{}", made.err);
    let shown = tidegate(&["bundle", "show", text(&bundle)]);
    for part in ["site-*", "SITE", "units", "new units", "signed with"] {
        assert!(shown.out.contains(part), "{part}: {}", shown.out);
    }
    let broker = Mosquitto::start();
    let url = format!("mqtt://127.0.0.1:{}", broker.port);
    let mut gateway =
        Running::start(command(&["run", "--data", text(&data), "--name", "site-7", "--remote-mqtt", &url]));
    let watcher = Watcher::of(&broker, "site-7");
    watcher.wait("it is online", |report| report["state"] == "online");
    let rolled = tidegate(&["fleet", "deploy", text(&bundle), "--mqtt", &url, "--gateways", "site-7"]);
    assert_eq!(rolled.code, 0, "{}{}", rolled.out, rolled.err);
    gateway.line_with("roof 7: 293");
    let file = std::fs::read_to_string(data.join("flows.json")).unwrap();
    assert!(file.contains("kelvin") && file.contains("roof 7"), "what runs stands in the flow file: {file}");
    let forgotten = tidegate(&["keys", "forget", "ci", "--data", text(&data)]);
    assert_eq!(forgotten.code, 0, "{}", forgotten.err);
    make(&["--env", "SITE=roof 8", "--module", text(&module)]);
    let rolled = tidegate(&["fleet", "deploy", text(&bundle), "--mqtt", &url, "--gateways", "site-7"]);
    assert!(rolled.code == 1 && rolled.out.contains("no key is trusted here"), "{}", rolled.out);
}

#[test]
fn what_cannot_be_a_bundle_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    tidegate(&["keys", "new", text(&at("key")), "--name", "me"]);
    let make = |flows: &Json, more: &[&str]| {
        std::fs::write(at("flows.json"), flows.to_string()).unwrap();
        let (key, flow, bundle) = (at("key"), at("flows.json"), at("bundle"));
        let mut all = vec!["bundle", text(&flow), "--key", text(&key), "-o", text(&bundle)];
        all.extend(more);
        tidegate(&all)
    };
    let secret = json!([{"id": "b", "type": "mqtt-broker", "broker": "h", "credentials": {"user": "u", "password": "hunter2"}}]);
    let refused = make(&secret, &[]);
    assert!(refused.code == 1 && refused.err.contains("has secrets (of b)"), "{}", refused.err);
    assert!(!refused.err.contains("hunter2") && !at("bundle").exists());
    std::fs::write(at("units.rhai"), "fn f() { 1 }").unwrap();
    let unused = make(&json!([]), &["--module", text(&at("units.rhai"))]);
    assert!(unused.code == 1 && unused.err.contains("imports the module \"units\""), "{}", unused.err);
    assert_eq!(make(&json!([]), &["--env", "A B=1"]).code, 2);
    assert_eq!(make(&json!([]), &["--probation", "0"]).code, 2);
    assert_eq!(tidegate(&["bundle"]).code, 2);
    assert_eq!(make(&json!([]), &[]).code, 0);
    let mut bytes = std::fs::read(at("bundle")).unwrap();
    bytes[70] ^= 1;
    std::fs::write(at("bundle"), bytes).unwrap();
    let shown = tidegate(&["bundle", "show", text(&at("bundle"))]);
    assert!(shown.code == 1 && shown.err.contains("the signature is wrong"), "{}", shown.err);
    std::fs::set_permissions(at("key"), std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(make(&json!([]), &[]).err.contains("chmod 600"));
    let private = std::fs::read_to_string(at("key")).unwrap();
    let mut trust = command(&["keys", "trust", &private]);
    let refused = ended(trust.env("TIDEGATE_DATA", at("data")).output().unwrap());
    assert!(refused.code == 1 && refused.err.contains("the private half"), "{}", refused.err);
}

//! Secrets of the board itself, beside a flow that goes to many.
#![allow(clippy::unwrap_used)]

mod support;

use std::os::unix::fs::PermissionsExt;

use serde_json::json;
use support::{command, ended};

#[test]
fn a_flow_gets_the_values_of_its_board_and_they_are_stored_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    std::fs::create_dir(&data).unwrap();
    let secrets = data.join("secrets.env");
    std::fs::write(&secrets, "SITE_SECRET=swordfish-of-roof-7\nno value\n").unwrap();
    std::fs::set_permissions(&secrets, std::fs::Permissions::from_mode(0o600)).unwrap();
    let flow = folder.path().join("flow.json");
    let nodes = json!([
        {"id": "t", "type": "tab", "label": "x"},
        {"id": "i", "type": "inject", "z": "t", "once": true, "onceDelay": 0, "props": [{"p": "payload", "v": "SITE_SECRET", "vt": "env"}], "wires": [["d"]]},
        {"id": "d", "type": "debug", "z": "t", "name": "shown", "active": true, "tosidebar": true, "complete": "payload", "targetType": "msg", "wires": []},
    ]);
    std::fs::write(&flow, nodes.to_string()).unwrap();
    let arguments = ["run", flow.to_str().unwrap(), "--data", data.to_str().unwrap(), "--for", "2"];
    let run = ended(command(&arguments).output().unwrap());
    assert_eq!(run.code, 0, "{}", run.err);
    assert!(run.out.contains("swordfish-of-roof-7"), "{}{}", run.out, run.err);
    assert!(run.err.contains("secrets.env, line 2: it is not NAME=VALUE"), "{}", run.err);
    assert!(!run.err.contains("swordfish") && !run.err.contains("no value"), "{}", run.err);
    for file in
        std::fs::read_dir(&data).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path != &secrets)
    {
        let bytes = std::fs::read(&file).unwrap_or_default();
        assert!(!bytes.windows(9).any(|part| part == b"swordfish"), "{}", file.display());
    }
}

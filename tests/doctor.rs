//! `tidegate doctor` on gateways that run, that do not, and that are set up wrong.
// Clippy lets tests unwrap, but does not know the functions that they call as tests.
#![allow(clippy::unwrap_used)]

mod support;

use std::path::Path;

use serde_json::Value as Json;
use support::{Ended, Running, command, tidegate};

fn doctor(data: &Path, more: &[&str]) -> Ended {
    let mut arguments = vec!["doctor", "--data", data.to_str().unwrap()];
    arguments.extend(more);
    tidegate(&arguments)
}

#[test]
fn it_says_what_is_wrong_and_what_to_do_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let absent = doctor(&data, &[]);
    assert!(
        absent.code == 0 && absent.out.contains("the first start makes it"),
        "{}{}",
        absent.out,
        absent.err
    );
    assert!(!data.exists(), "it makes nothing");

    let flow = folder.path().join("flow.json");
    std::fs::write(&flow, r#"[{"id": "t", "type": "tab"}, {"id": "b", "type": "mqtt-broker", "broker": "127.0.0.1", "port": "1"}]"#)
        .unwrap();
    let (flow, at) = (flow.to_str().unwrap(), data.to_str().unwrap());
    let mut running = Running::start(command(&["run", flow, "--data", at, "--listen", "127.0.0.1:0"]));
    let line = running.line_with("listening for HTTP on");
    let address = line.rsplit_once(' ').unwrap().1.to_string();
    running.line_with("runs");
    let well = doctor(&data, &["--listen", &address]);
    assert_eq!(well.code, 0, "{}{}", well.out, well.err);
    for part in [
        "runs as process",
        "is taken, and this gateway runs",
        "there is no admin",
        "127.0.0.1:1: Connection refused",
    ] {
        assert!(well.out.contains(part), "{part}: {}", well.out);
    }
    running.signal("TERM");
    assert_eq!(running.wait().0, Some(0));

    std::fs::write(data.join("tidegate.toml"), "durabilty = 1\n").unwrap();
    let wrong = doctor(&data, &["--json"]);
    assert_eq!(wrong.code, 1, "{}", wrong.out);
    let findings: Vec<Json> = wrong.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let bad: Vec<&Json> = findings.iter().filter(|finding| finding["verdict"] == "bad").collect();
    assert_eq!(bad.len(), 1, "{}", wrong.out);
    assert!(bad[0]["found"].as_str().unwrap().contains("did you mean `durability`?"), "{}", bad[0]);
    assert!(!bad[0]["advice"].as_str().unwrap().is_empty());
}

//! Fifty gateways at one Mosquitto, deployed to by the built program.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::{Value as Json, json};
use tidegate::remote::bundle;
use tidegate::remote::contents::Contents;
use tidegate::remote::key::PrivateKey;
use tidegate::remote::report::State;
use tidegate::remote::trust::Trust;

use crate::brokers::mosquitto::Mosquitto;
use crate::brokers::wait_until;
use crate::gateway::{Gateway, runtime};
use crate::support::{Ended, command, ended};
use crate::{contents, labelled, large, signed, trusted_by};

struct Site {
    folder: tempfile::TempDir,
    broker: Mosquitto,
    key: PrivateKey,
    runtime: tokio::runtime::Runtime,
    names: Vec<String>,
    gateways: BTreeMap<String, Gateway>,
}

impl Site {
    fn new(count: usize) -> Site {
        let folder = tempfile::tempdir().unwrap();
        let names: Vec<String> = (1..=count).map(|n| format!("site-{n:02}")).collect();
        let data: Vec<PathBuf> = names.iter().map(|name| folder.path().join(name)).collect();
        let key = trusted_by(&data.iter().map(PathBuf::as_path).collect::<Vec<_>>());
        Site { folder, broker: Mosquitto::start(), key, runtime: runtime(), names, gateways: BTreeMap::new() }
    }

    fn data(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn start(&mut self, names: &[String]) {
        for name in names {
            let gateway = Gateway::start(&self.data(name), name, self.broker.port, self.runtime.handle());
            self.gateways.insert(name.clone(), gateway);
        }
        wait_until("all are online", || {
            let rows = lines(&self.fleet(&["status", "--json"]).out);
            let is_here = |name: &String| {
                rows.iter().any(|row| row["gateway"] == **name && !row["status"]["state"].is_null())
            };
            names.iter().all(is_here)
        });
    }

    /// What the broker has as its status.
    fn says(&self, name: &str) -> Option<Json> {
        let rows = self.fleet(&["status", "--json"]);
        let found = lines(&rows.out).into_iter().find(|row| row["gateway"] == name)?;
        found.get("status").filter(|status| !status.is_null()).cloned()
    }

    fn file(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_string()
    }

    fn fleet(&self, arguments: &[&str]) -> Ended {
        let mut all = vec!["fleet"];
        all.extend(arguments);
        let mut command = command(&all);
        command.env("TIDEGATE_REMOTE_MQTT", format!("mqtt://127.0.0.1:{}", self.broker.port));
        ended(command.output().unwrap())
    }

    fn runs(&self, name: &str) -> (i64, String) {
        self.gateways[name].runs()
    }
}

fn lines(text: &str) -> Vec<Json> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn states(rows: &[Json]) -> BTreeMap<String, usize> {
    let mut states = BTreeMap::new();
    for row in rows {
        *states.entry(row["state"].as_str().unwrap().to_string()).or_default() += 1;
    }
    states
}

#[test]
fn fifty_gateways_are_rolled_out_to_in_waves_and_those_that_were_away_come_later() {
    let mut site = Site::new(50);
    let names = site.names.clone();
    // Two of each wave are away.
    let (away, here): (Vec<String>, Vec<String>) =
        names.iter().cloned().partition(|name| name.ends_with('0') || name.ends_with('5'));
    assert_eq!(away.len(), 10);
    site.start(&here);
    let bundle = site.file("first.bundle", &signed(1, large("first"), &site.key));
    let list = site.file("fleet.txt", format!("# all of them\n{}\n", names.join("\n")).as_bytes());
    let rolled = site.fleet(&["deploy", &bundle, "--gateways", &list, "--wave", "20%", "--json"]);
    assert_eq!(rolled.code, 0, "{}{}", rolled.out, rolled.err);
    assert!(rolled.err.contains("wave 5 of 5"), "{}", rolled.err);
    let rows = lines(&rolled.out);
    assert_eq!(states(&rows), [("good".to_string(), 40), ("waiting".to_string(), 10)].into());
    for name in &here {
        assert_eq!(site.runs(name), (1, "first".to_string()), "{name}");
    }
    let slowest = rows.iter().filter_map(|row| row["seconds"].as_f64()).fold(0.0, f64::max);
    println!("40 of 50 gateways are good, the slowest after {slowest:.1} s");
    // They come, and nobody does anything for it.
    site.start(&away);
    wait_until("the ten are good too", || {
        away.iter().all(|name| site.gateways[name].intake.reports().borrow().state == State::Good)
    });
    assert!(away.iter().all(|name| site.runs(name) == (1, "first".to_string())));
    wait_until("the broker knows", || {
        let rows = lines(&site.fleet(&["status", "--json"]).out);
        rows.len() == 50 && rows.iter().all(|row| row["status"]["state"] == "good" && !row["offer"].is_null())
    });
    // One copy of the bundle was at the broker, and goes with the offers.
    let cleared = site.fleet(&["clear"]);
    assert_eq!(cleared.out, "50 offers and 1 bundle taken away\n", "{}", cleared.err);
    let rows = lines(&site.fleet(&["status", "--json"]).out);
    assert!(rows.iter().all(|row| row["offer"].is_null()));
    let table = site.fleet(&["status"]).out;
    assert!(table.starts_with("GATEWAY"), "{table}");
    assert!(site.gateways.values().all(|gateway| gateway.runs().0 == 1));
}

#[test]
fn one_that_fails_in_the_second_wave_stops_the_third() {
    let mut site = Site::new(9);
    let names = site.names.clone();
    // One of the first wave never comes, and one of the second does not know the key.
    let here: Vec<String> = names.iter().filter(|name| *name != "site-02").cloned().collect();
    Trust::of(&site.data("site-05")).forget("ci").unwrap();
    site.start(&here);
    let bundle = site.file("bad.bundle", &signed(1, labelled("bad"), &site.key));
    let all = names.join(",");
    let rolled = site.fleet(&["deploy", &bundle, "--gateways", &all, "--wave", "3", "--json"]);
    assert_eq!(rolled.code, 1, "{}{}", rolled.out, rolled.err);
    let rows = lines(&rolled.out);
    let expected =
        ["good", "taken back", "good", "good", "unhealthy", "good", "untouched", "untouched", "untouched"];
    let found: Vec<&str> = rows.iter().map(|row| row["state"].as_str().unwrap()).collect();
    assert_eq!(found, expected, "{}", rolled.err);
    assert!(rows[4]["reason"].as_str().unwrap().contains("no key is trusted here"), "{}", rows[4]);
    for name in ["site-05", "site-07", "site-08", "site-09"] {
        assert_eq!(site.runs(name).0, 0, "{name}");
    }
    let rows = lines(&site.fleet(&["status", "--json"]).out);
    let offered: Vec<&str> = rows
        .iter()
        .filter(|row| !row["offer"].is_null())
        .map(|row| row["gateway"].as_str().unwrap())
        .collect();
    assert_eq!(offered, ["site-01", "site-03", "site-04", "site-05", "site-06"]);
    // The one that comes late finds nothing.
    site.start(&["site-02".to_string()]);
    assert_eq!(site.says("site-02").unwrap()["state"], "online");
    assert_eq!(site.runs("site-02").0, 0);
    // A flow that fails on its probation stops it as well, and the table says why.
    let away = json!([
        {"id": "t", "type": "tab", "label": "away"},
        {"id": "o", "type": "tcp out", "z": "t", "name": "uplink", "beserver": "client", "host": "127.0.0.1", "port": "1", "wires": []}
    ]);
    let bundle = site.file("away.bundle", &signed(2, away, &site.key));
    let rolled = site.fleet(&["deploy", &bundle, "--gateways", "site-01,site-02", "--wave", "1"]);
    assert_eq!(rolled.code, 1);
    assert!(rolled.out.contains("uplink"), "{}", rolled.out);
    assert_eq!(site.runs("site-01"), (1, "bad".to_string()));
    assert_eq!(site.runs("site-02").0, 0);
    // One that is for others is not offered to anybody.
    let other = Contents { gateways: vec!["roof-*".to_string()], ..contents(3, labelled("x")) };
    let bundle = site.file("other.bundle", &bundle::sign(&other, &site.key).unwrap());
    let refused = site.fleet(&["deploy", &bundle, "--gateways", "site-01"]);
    assert!(refused.code == 1 && refused.err.contains("the bundle is for roof-*, and not for site-01"));
}

/// A gateway that takes what it is offered and says nothing more.
#[test]
fn one_that_gives_no_verdict_in_time_is_unhealthy() {
    let site = Site::new(2);
    let topic = "tidegate/gateways/site-01/status";
    site.broker.publish(&["-r", "-t", topic, "-m", "{\"state\":\"online\"}"]);
    let bundle = site.file("a.bundle", &signed(1, labelled("a"), &site.key));
    let arguments = ["deploy", &bundle, "--gateways", "site-01,site-02", "--wave", "1", "--wait", "2"];
    let rolled = site.fleet(&arguments);
    assert_eq!(rolled.code, 1);
    assert!(rolled.out.contains("no verdict within 2 s; it is online"), "{}", rolled.out);
    let skipped = site.fleet(&["deploy", &bundle, "--gateways", "site-02", "--offline", "skip"]);
    assert!(skipped.code == 0 && skipped.out.contains("skipped"), "{}{}", skipped.out, skipped.err);
    let cleared = site.fleet(&["clear", "--all"]);
    assert_eq!(cleared.out, "1 offer and 1 bundle taken away\n", "{}", cleared.err);
}

#[test]
fn a_broker_that_is_not_there_is_said() {
    let mut command = command(&["fleet", "status", "--mqtt", "mqtt://u:hunter2@127.0.0.1:1"]);
    let mut child = command.stderr(std::process::Stdio::piped()).spawn().unwrap();
    let code = child.wait().unwrap().code();
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(code, Some(1));
    assert!(said.contains("no connection to the broker") && said.contains("Connection refused"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
    assert!(!Path::new("mqtt:").exists());
}

//! The built program, killed at any moment between an offer and its verdict.

use std::path::Path;
use std::time::Duration;

use serde_json::json;
use tidegate::config::Config;
use tidegate::remote::bundle;
use tidegate::remote::contents::Contents;

use crate::brokers::mosquitto::Mosquitto;
use crate::gateway::{Watcher, deploy};
use crate::support::{Running, command};
use crate::{contents, labelled, large, signed, trusted_by};

fn run(data: &Path, port: u16) -> Running {
    let mut command = command(&["run", "--data", data.to_str().unwrap(), "--name", "site-7"]);
    // As a unit file would give it: a password in it is seen by nobody.
    command.env("TIDEGATE_REMOTE_MQTT", format!("mqtt://me:hunter2@127.0.0.1:{port}"));
    Running::start(command)
}

/// The label of what runs after the last stop.
fn newest_good(data: &Path) -> (i64, String) {
    let config = Config::open(data).unwrap();
    let good = config.last_good().unwrap().unwrap();
    let (document, _) = config.document(good.number).unwrap().unwrap();
    (good.number, document.nodes[0].name.clone())
}

#[test]
fn a_kill_between_the_offer_and_the_verdict_is_made_up_for() {
    let folder = tempfile::tempdir().unwrap();
    let key = trusted_by(&[folder.path()]);
    let broker = Mosquitto::start();
    let watcher = Watcher::of(&broker, "site-7");
    let mut said = String::new();
    // From while it starts to while the bundle is on probation.
    for (round, waits) in [[100, 900], [300, 1_400], [500, 700]].into_iter().enumerate() {
        let sequence = 10 + round as i64;
        let label = format!("round {round}");
        let offer = deploy(&broker, "site-7", &signed(sequence, large(&label), &key));
        for wait in waits {
            let mut gateway = run(folder.path(), broker.port);
            std::thread::sleep(Duration::from_millis(wait));
            gateway.signal("KILL");
            said.push_str(&gateway.said());
        }
        let mut gateway = run(folder.path(), broker.port);
        let verdict = watcher.verdict(&offer);
        assert_eq!(verdict["state"], "good", "{verdict} {}", gateway.said());
        // One that is older is refused, and so is another one of this number.
        for replayed in [sequence - 1, sequence] {
            let offer = deploy(&broker, "site-7", &signed(replayed, labelled("replayed"), &key));
            let verdict = watcher.verdict(&offer);
            assert_eq!(verdict["state"], "refused", "{verdict}");
        }
        gateway.signal("TERM");
        let (code, text) = gateway.wait();
        assert_eq!(code, Some(0), "{text}");
        said.push_str(&text);
        assert_eq!(newest_good(folder.path()).1, label);
    }
    assert!(said.contains("takes deploys as site-7 from mqtt://127.0.0.1"), "{said}");
    assert!(!said.contains("hunter2"), "a password is in the log");
}

#[test]
fn one_that_is_killed_on_probation_is_offline_and_takes_the_bundle_up_again() {
    let folder = tempfile::tempdir().unwrap();
    let key = trusted_by(&[folder.path()]);
    let broker = Mosquitto::start();
    let watcher = Watcher::of(&broker, "site-7");
    let gateway = run(folder.path(), broker.port);
    let old = deploy(&broker, "site-7", &signed(1, labelled("old"), &key));
    assert_eq!(watcher.verdict(&old)["state"], "good");
    let long = Contents { probation: 6, ..contents(2, labelled("new")) };
    let offer = deploy(&broker, "site-7", &bundle::sign(&long, &key).unwrap());
    let on_probation = |revision: i64| {
        watcher.wait("it is on probation", |report| {
            report["state"] == "probation" && report["id"] == offer.id && report["revision"] == revision
        });
    };
    on_probation(2);
    gateway.signal("KILL");
    drop(gateway);
    watcher.wait("the broker says that it is gone", |report| report["state"] == "offline");
    assert_eq!(newest_good(folder.path()), (1, "old".to_string()));
    let gateway = run(folder.path(), broker.port);
    on_probation(3);
    let verdict = watcher.verdict(&offer);
    assert_eq!((&verdict["state"], &verdict["revision"]), (&json!("good"), &json!(3)));
    gateway.signal("TERM");
    assert_eq!(gateway.wait().0, Some(0));
    watcher.wait("it says that it goes", |_| watcher.all().last().unwrap()["state"] == "offline");
    assert_eq!(newest_good(folder.path()), (3, "new".to_string()));
}

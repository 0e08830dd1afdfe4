//! Bundles that are offered to one gateway over Mosquitto: those that are well, and those that are not.

use std::time::Duration;

use serde_json::json;
use tidegate::remote::bundle;
use tidegate::remote::contents::Contents;
use tidegate::remote::topics::Offer;

use crate::brokers::mosquitto::Mosquitto;
use crate::gateway::{Gateway, Watcher, deploy, offer_to, publish, publish_chunks, runtime};
use crate::{contents, labelled, large, signed, trusted_by};

#[test]
fn a_bundle_is_deployed_and_the_status_tells_each_step() {
    let folder = tempfile::tempdir().unwrap();
    let key = trusted_by(&[folder.path()]);
    let (broker, runtime) = (Mosquitto::start(), runtime());
    let gateway = Gateway::start(folder.path(), "site-7", broker.port, runtime.handle());
    let watcher = Watcher::of(&broker, "site-7");
    let online = watcher.wait("it is online", |report| report["state"] == "online");
    assert_eq!(online["version"], env!("CARGO_PKG_VERSION"));
    let bytes = signed(10, large("first"), &key);
    let offer = deploy(&broker, "site-7", &bytes);
    assert!(offer.chunks >= 3, "{offer:?}");
    let good = watcher.verdict(&offer);
    assert_eq!(
        (&good["state"], &good["revision"], &good["sequence"]),
        (&json!("good"), &json!(1), &json!(10))
    );
    assert_eq!(gateway.runs(), (1, "first".to_string()));
    let states: Vec<String> =
        watcher.all().iter().map(|report| report["state"].as_str().unwrap().to_string()).collect();
    let at = |state: &str| {
        states.iter().position(|known| known == state).unwrap_or_else(|| panic!("{state}: {states:?}"))
    };
    assert!(at("receiving") < at("probation") && at("probation") < at("good"), "{states:?}");
    // Offered once more it tells its verdict again, and nothing else.
    let before = watcher.all().len();
    offer_to(&broker, "site-7", &offer);
    watcher.wait("it says so again", |_| watcher.all().len() > before);
    assert_eq!(watcher.all().last().unwrap()["state"], "good");
    assert_eq!(gateway.runs().0, 1);
    drop(gateway);
    watcher.wait("it says that it goes", |report| report["state"] == "offline");
    // Away while the next one is offered, it finds it when it comes.
    let offer = deploy(&broker, "site-7", &signed(11, labelled("second"), &key));
    let gateway = Gateway::start(folder.path(), "site-7", broker.port, runtime.handle());
    assert_eq!(watcher.verdict(&offer)["state"], "good");
    assert_eq!(gateway.runs(), (2, "second".to_string()));
}

#[test]
fn what_is_wrong_with_a_bundle_is_in_the_status_and_the_old_flow_runs_on() {
    let folder = tempfile::tempdir().unwrap();
    let key = trusted_by(&[folder.path()]);
    let stranger = trusted_by(&[]);
    let (broker, runtime) = (Mosquitto::start(), runtime());
    let gateway = Gateway::start(folder.path(), "site-7", broker.port, runtime.handle());
    let watcher = Watcher::of(&broker, "site-7");
    let first = deploy(&broker, "site-7", &signed(10, labelled("old"), &key));
    assert_eq!(watcher.verdict(&first)["state"], "good");
    let mut forged = signed(11, labelled("forged"), &stranger);
    forged[10..42].copy_from_slice(&key.public().0);
    let for_other = Contents { gateways: vec!["site-8".to_string()], ..contents(11, labelled("other")) };
    let wired = json!([{"id": "t", "type": "tab"}, {"id": "j", "type": "junction", "z": "t", "wires": [["nowhere"]]}]);
    let whole = signed(11, labelled("x"), &key);
    for (bytes, why) in [
        (forged, "the signature is wrong"),
        (signed(11, labelled("stranger"), &stranger), "signed with a key that is not trusted here"),
        (
            signed(9, labelled("replayed"), &key),
            "the bundle is old: its sequence is 9, and 10 of the key \"ci\"",
        ),
        (signed(10, labelled("replayed"), &key), "the bundle is old"),
        (bundle::sign(&for_other, &key).unwrap(), "the bundle is for site-8, and this gateway is site-7"),
        (signed(11, wired, &key), "the flows have errors, and nothing was changed"),
        (whole[..whole.len() - 9].to_vec(), "the bundle is cut off"),
        (b"<html>no bundle</html>".to_vec(), "no bundle"),
    ] {
        let offer = deploy(&broker, "site-7", &bytes);
        let verdict = watcher.verdict(&offer);
        assert_eq!(verdict["state"], "refused", "{verdict}");
        assert!(verdict["reason"].as_str().unwrap().contains(why), "{verdict} {why}");
        assert_eq!(gateway.runs(), (1, "old".to_string()));
    }
    // An offer that makes no sense is told too.
    let lie = Offer { size: 1 << 40, ..first };
    offer_to(&broker, "site-7", &lie);
    watcher.wait("it says that it is too large", |report| {
        report["reason"].as_str().is_some_and(|why| why.contains("the bundle on offer is too large"))
    });
    // None of them has done harm.
    let good = deploy(&broker, "site-7", &signed(11, labelled("new"), &key));
    assert_eq!(watcher.verdict(&good)["state"], "good");
    assert_eq!(gateway.runs(), (2, "new".to_string()));
}

#[test]
fn chunks_that_are_altered_cut_off_or_missing_are_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let key = trusted_by(&[folder.path()]);
    let (broker, runtime) = (Mosquitto::start(), runtime());
    let gateway = Gateway::start(folder.path(), "site-7", broker.port, runtime.handle());
    let watcher = Watcher::of(&broker, "site-7");
    let altered = publish_chunks(&broker, &signed(1, large("altered"), &key), |n, chunk| {
        chunk[1_000] ^= u8::from(n == 1);
        true
    });
    offer_to(&broker, "site-7", &altered);
    let verdict = watcher.verdict(&altered);
    assert!(verdict["reason"].as_str().unwrap().contains("a chunk at the broker was altered"), "{verdict}");
    let cut = publish_chunks(&broker, &signed(2, large("cut"), &key), |n, chunk| {
        chunk.truncate(if n == 1 { 1_000 } else { chunk.len() });
        true
    });
    offer_to(&broker, "site-7", &cut);
    let verdict = watcher.verdict(&cut);
    assert!(verdict["reason"].as_str().unwrap().contains("a chunk at the broker is cut off"), "{verdict}");
    let bytes = signed(3, large("missing"), &key);
    let missing = publish_chunks(&broker, &bytes, |n, _| n != 1);
    offer_to(&broker, "site-7", &missing);
    let waiting = watcher.wait("it says what is missing", |report| {
        report["id"] == missing.id && report["state"] == "receiving" && !report["reason"].is_null()
    });
    let reason = waiting["reason"].as_str().unwrap();
    assert!(reason.contains("this chunk is not at the broker: 1 (of 0 to"), "{reason}");
    assert_eq!(gateway.runs().0, 0);
    // It comes late.
    publish_chunks(&broker, &bytes, |n, _| n == 1);
    assert_eq!(watcher.verdict(&missing)["state"], "good");
    assert_eq!(gateway.runs(), (1, "missing".to_string()));
}

#[test]
fn a_key_that_is_trusted_late_lets_its_bundle_in() {
    let folder = tempfile::tempdir().unwrap();
    let key = trusted_by(&[]);
    let (broker, runtime) = (Mosquitto::start(), runtime());
    let gateway = Gateway::start(folder.path(), "site-7", broker.port, runtime.handle());
    let watcher = Watcher::of(&broker, "site-7");
    let offer = deploy(&broker, "site-7", &signed(1, labelled("late"), &key));
    assert!(watcher.verdict(&offer)["reason"].as_str().unwrap().contains("no key is trusted here"));
    gateway.intake.trust().add(key.public(), "late").unwrap();
    watcher.wait("it is let in", |report| report["state"] == "good");
    assert_eq!(gateway.runs(), (1, "late".to_string()));
}

#[test]
fn flows_that_do_not_get_healthy_are_taken_back_and_the_status_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let key = trusted_by(&[folder.path()]);
    let (broker, runtime) = (Mosquitto::start(), runtime());
    let gateway = Gateway::start(folder.path(), "site-7", broker.port, runtime.handle());
    let watcher = Watcher::of(&broker, "site-7");
    let first = deploy(&broker, "site-7", &signed(1, labelled("old"), &key));
    watcher.verdict(&first);
    let tab = json!({"id": "t", "type": "tab", "label": "new"});
    let function = |more: serde_json::Value| {
        let mut node = json!({"id": "f", "type": "function", "lang": "rhai", "z": "t", "name": "broken", "outputs": 1, "func": "msg", "wires": [[]]});
        node.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        node
    };
    let inject =
        json!({"id": "i", "type": "inject", "z": "t", "repeat": "0.01", "props": [], "wires": [["f"]]});
    let away = json!({"id": "o", "type": "tcp out", "z": "t", "name": "uplink", "beserver": "client", "host": "127.0.0.1", "port": "1", "wires": []});
    for (n, nodes, why) in [
        (
            2,
            json!([tab, inject, function(json!({"func": "throw \"no\""}))]),
            "errors that no catch node takes",
        ),
        (3, json!([tab, function(json!({"initialize": "throw \"at the start\""}))]), "function \"broken\""),
        (4, json!([tab, away]), "tcp out \"uplink\" (t/o) is not connected"),
    ] {
        let offer = deploy(&broker, "site-7", &signed(n, nodes, &key));
        let verdict = watcher.verdict(&offer);
        assert_eq!((&verdict["state"], &verdict["revision"]), (&json!("failed"), &json!(n)), "{verdict}");
        assert!(verdict["reason"].as_str().unwrap().contains(why), "{verdict}");
        assert_eq!(gateway.runs(), (1, "old".to_string()));
    }
}

/// A flow may be well and all the same cut the gateway off from those who deploy.
#[test]
fn a_deploy_after_which_the_broker_cannot_be_reached_is_taken_back() {
    let folder = tempfile::tempdir().unwrap();
    let key = trusted_by(&[folder.path()]);
    let (mut broker, runtime) = (Mosquitto::start(), runtime());
    let gateway = Gateway::start(folder.path(), "site-7", broker.port, runtime.handle());
    let watcher = Watcher::of(&broker, "site-7");
    let first = deploy(&broker, "site-7", &signed(1, labelled("old"), &key));
    watcher.verdict(&first);
    let long = Contents { probation: 4, ..contents(2, labelled("cut off")) };
    let offer = deploy(&broker, "site-7", &bundle::sign(&long, &key).unwrap());
    watcher.wait("it is on probation", |report| report["state"] == "probation" && report["id"] == offer.id);
    broker.stop();
    crate::brokers::wait_until("the old flow runs again", || gateway.runs() == (1, "old".to_string()));
    broker.run();
    // Those who listened were cut off too.
    let watcher = Watcher::of(&broker, "site-7");
    let verdict = watcher.verdict(&offer);
    assert_eq!(verdict["state"], "failed");
    assert!(verdict["reason"].as_str().unwrap().contains("did not come back"), "{verdict}");
    // Away for a while in the middle is no harm.
    let long = Contents { probation: 8, ..contents(3, labelled("came back")) };
    let offer = deploy(&broker, "site-7", &bundle::sign(&long, &key).unwrap());
    watcher.wait("it is on probation", |report| report["state"] == "probation" && report["id"] == offer.id);
    broker.stop();
    std::thread::sleep(Duration::from_millis(300));
    broker.run();
    assert_eq!(Watcher::of(&broker, "site-7").verdict(&offer)["state"], "good");
    assert_eq!(gateway.runs(), (3, "came back".to_string()));
}

#[test]
fn an_offer_that_is_taken_back_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let key = trusted_by(&[folder.path()]);
    let (broker, runtime) = (Mosquitto::start(), runtime());
    let gateway = Gateway::start(folder.path(), "site-7", broker.port, runtime.handle());
    let watcher = Watcher::of(&broker, "site-7");
    let bytes = signed(1, large("taken back"), &key);
    let offer = publish_chunks(&broker, &bytes, |n, _| n == 0);
    offer_to(&broker, "site-7", &offer);
    watcher.wait("it receives", |report| report["state"] == "receiving");
    let files = tempfile::tempdir().unwrap();
    publish(&broker, files.path(), "tidegate/gateways/site-7/offer", b"");
    let next = deploy(&broker, "site-7", &signed(2, labelled("next"), &key));
    watcher.verdict(&next);
    publish_chunks(&broker, &bytes, |_, _| true);
    let last = deploy(&broker, "site-7", &signed(3, labelled("last"), &key));
    assert_eq!(watcher.verdict(&last)["state"], "good");
    assert_eq!(gateway.runs(), (2, "last".to_string()));
}

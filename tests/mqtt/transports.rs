//! TLS with and without client certificates, what goes wrong with certificates, and WebSocket.

use serde_json::{Value as Json, json};

use super::certificates::Authority;
use super::gateway::{Gateway, broker, mqtt_in, mqtt_out, node, probe};
use super::mosquitto::Mosquitto;

const TLS: &str = "listener PORT 127.0.0.1\nallow_anonymous true\ncafile DIRca.pem\ncertfile DIRserver.pem\nkeyfile DIRserver.key\n";

fn start(config: &str, authority: &Authority, name: &str, expired: bool) -> Mosquitto {
    let dir = tempfile::tempdir().unwrap();
    Mosquitto::prepared(dir, config, |dir| {
        std::fs::write(dir.join("ca.pem"), &authority.pem).unwrap();
        authority.sign(name, expired).write(dir, "server");
    })
}

fn tls(more: Json) -> Json {
    node(json!({"id": "c", "type": "tls-config", "verifyservercert": true}), more)
}

fn nodes(mosquitto: &Mosquitto, config: Json) -> Vec<Json> {
    vec![
        tls(config),
        broker("b", mosquitto.port, json!({"broker": "localhost", "usetls": true, "tls": "c"})),
        mqtt_in("in", "b", "t", &["p"], json!({})),
        mqtt_out("out", "b", "t", json!({})),
        probe("p"),
    ]
}

#[track_caller]
fn round_trip(gateway: &Gateway) {
    gateway.wait_status("in", "connected");
    gateway.send("out", json!({"payload": "over TLS"}));
    assert_eq!(gateway.wait_received("p", 1)[0]["payload"], "over TLS");
}

#[test]
fn tls_with_the_ca_in_the_credentials_or_in_a_file() {
    let authority = Authority::new("test CA");
    let mosquitto = start(TLS, &authority, "localhost", false);
    for config in [
        json!({"credentials": {"cadata": authority.pem}}),
        json!({"ca": mosquitto.path("ca.pem").to_string_lossy()}),
        json!({"verifyservercert": false}),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let gateway = Gateway::start(dir.path(), &nodes(&mosquitto, config));
        round_trip(&gateway);
        gateway.stop();
    }
}

#[test]
fn a_client_certificate_is_shown_and_without_one_it_is_told() {
    let authority = Authority::new("test CA");
    let config = format!("{TLS}require_certificate true\nuse_identity_as_username true\n");
    let mosquitto = start(&config, &authority, "localhost", false);
    let pair = authority.sign("gateway-7", false);
    let dir = tempfile::tempdir().unwrap();
    let gateway =
        Gateway::start(dir.path(), &nodes(&mosquitto, json!({"credentials": {"cadata": authority.pem}})));
    gateway.wait_line("b", "certificate");
    let credentials =
        json!({"credentials": {"cadata": authority.pem, "certdata": pair.certificate, "keydata": pair.key}});
    gateway.deploy(&nodes(&mosquitto, credentials));
    round_trip(&gateway);
    assert!(mosquitto.logged("u'gateway-7'") > 0, "{}", mosquitto.log());
    assert!(!gateway.log().contains("PRIVATE KEY"));
    gateway.stop();
}

#[test]
fn certificates_that_are_wrong_are_told_by_what_is_wrong() {
    let (authority, other) = (Authority::new("test CA"), Authority::new("another CA"));
    for (name, expired, trusted, part) in [
        ("localhost", true, &authority, "has expired"),
        ("localhost", false, &other, "not signed by a CA that is trusted"),
        ("elsewhere.example", false, &authority, "is for another name"),
    ] {
        let mosquitto = start(TLS, &authority, name, expired);
        let dir = tempfile::tempdir().unwrap();
        let gateway =
            Gateway::start(dir.path(), &nodes(&mosquitto, json!({"credentials": {"cadata": trusted.pem}})));
        gateway.wait_line("b", part);
        gateway.wait_away("in", part);
        gateway.vanish();
    }
    // The name can be said.
    let mosquitto = start(TLS, &authority, "elsewhere.example", false);
    let dir = tempfile::tempdir().unwrap();
    let config = json!({"credentials": {"cadata": authority.pem}, "servername": "elsewhere.example"});
    let gateway = Gateway::start(dir.path(), &nodes(&mosquitto, config));
    round_trip(&gateway);
    gateway.stop();
}

#[test]
fn a_broker_without_tls_is_no_broker_with_tls_and_the_other_way_round() {
    let authority = Authority::new("test CA");
    let plain = Mosquitto::start();
    let dir = tempfile::tempdir().unwrap();
    let gateway =
        Gateway::start(dir.path(), &nodes(&plain, json!({"credentials": {"cadata": authority.pem}})));
    gateway.wait_line("b", "no TLS with mqtts://localhost");
    gateway.vanish();
    let secure = start(TLS, &authority, "localhost", false);
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(
        dir.path(),
        &[broker("b", secure.port, json!({})), mqtt_out("out", "b", "t", json!({}))],
    );
    gateway.wait_line("b", "next try in");
    gateway.vanish();
}

#[test]
fn websocket_plain_and_over_tls() {
    let authority = Authority::new("test CA");
    // With a WebSocket listener alone Mosquitto 2.0.11 says that it listens nowhere, and stops.
    let also = "listener OTHER 127.0.0.1\n";
    let plain = format!("listener PORT 127.0.0.1\nprotocol websockets\nallow_anonymous true\n{also}");
    let secure = format!("{TLS}protocol websockets\n{also}");
    for (scheme, config) in [("ws", &plain), ("wss", &secure)] {
        let mosquitto = start(config, &authority, "localhost", false);
        for version in ["4", "5"] {
            let dir = tempfile::tempdir().unwrap();
            let url = format!("{scheme}://localhost:{}/mqtt", mosquitto.port);
            let gateway = Gateway::start(
                dir.path(),
                &[
                    tls(json!({"credentials": {"cadata": authority.pem}})),
                    broker(
                        "b",
                        mosquitto.port,
                        json!({"broker": url, "tls": "c", "usetls": scheme == "wss", "protocolVersion": version}),
                    ),
                    mqtt_in("in", "b", "t/#", &["p"], json!({})),
                    mqtt_out("out", "b", "", json!({})),
                    probe("p"),
                ],
            );
            gateway.wait_status("in", "connected");
            let large = "y".repeat(300_000);
            gateway.send("out", json!({"topic": "t/1", "payload": "small"}));
            gateway.send("out", json!({"topic": "t/2", "payload": large}));
            let received = gateway.wait_received("p", 2);
            assert_eq!(received[0]["payload"], "small");
            assert_eq!(received[1]["payload"].as_str().unwrap().len(), 300_000);
            gateway.stop();
        }
    }
}

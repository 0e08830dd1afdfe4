use std::net::SocketAddr;

use serde_json::{Value as Json, json};
use tokio::net::UdpSocket;

use super::*;
use crate::connector::DynConnector;
use crate::lines::testkit::{TestHost, Told, json_of};
use crate::network::testkit::{PATIENCE, port_of};
use crate::network::udp_out;
use crate::node::Kind;
use crate::testing::{MemoryHost, config};

async fn listening(mut more: Json) -> (UdpIn, Arc<TestHost>, u16) {
    more["port"] = json!(0);
    let mut node = make(&config("udp in", more, &MemoryHost::default())).unwrap();
    let host = Arc::new(TestHost::default());
    Connector::open(&mut node, host.clone()).await.unwrap();
    let port = port_of(&host);
    (node, host, port)
}

async fn take(node: &mut UdpIn, count: usize) -> Vec<Json> {
    let mut all = Vec::new();
    while all.len() < count {
        let incoming =
            tokio::time::timeout(PATIENCE, Connector::next(node)).await.expect("a datagram comes").unwrap();
        all.extend(incoming.iter().map(|incoming| json_of(&incoming.value)));
    }
    all
}

fn sender(properties: Json) -> Result<Box<dyn DynConnector>, NodeError> {
    match (udp_out::NODE.build)(&config("udp out", properties, &MemoryHost::default()))?.kind {
        Kind::Connector(node) => Ok(node),
        _ => panic!("it is a connector"),
    }
}

/// Sends messages, and says what became of them.
async fn send(properties: Json, messages: &[Json]) -> (Box<dyn DynConnector>, Arc<Told>) {
    let mut node = sender(properties).unwrap();
    node.open(Arc::new(TestHost::default())).await.unwrap();
    let told = Arc::new(Told::default());
    let mut batch = messages.iter().map(|message| told.delivery(message.clone())).collect();
    node.handle(&mut batch).await.unwrap();
    assert!(batch.is_empty());
    (node, told)
}

#[tokio::test]
async fn datagrams_are_messages_and_are_answered_where_they_came_from() {
    let (mut node, _, port) = listening(json!({"datatype": "utf8"})).await;
    let peer = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    peer.send_to(b"hello", ("127.0.0.1", port)).await.unwrap();
    let message = take(&mut node, 1).await.remove(0);
    let from = peer.local_addr().unwrap();
    assert_eq!(
        message,
        json!({"payload": "hello", "fromip": from.to_string(), "ip": "127.0.0.1", "port": from.port()})
    );
    // From the port that was asked, as the same socket.
    let mut answer = message.clone();
    answer["payload"] = json!(21.5);
    let (_out, told) = send(json!({"outport": port, "addr": "", "port": ""}), &[answer]).await;
    let mut buffer = [0; 100];
    let (length, answered_from) = peer.recv_from(&mut buffer).await.unwrap();
    assert_eq!((&buffer[..length], answered_from), (&b"21.5"[..], SocketAddr::from(([127, 0, 0, 1], port))));
    assert_eq!(told.confirmed.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn nodes_of_one_port_all_get_what_comes() {
    let (mut first, _, port) = listening(json!({"datatype": "utf8"})).await;
    let mut second =
        make(&config("udp in", json!({"port": port, "datatype": "base64"}), &MemoryHost::default())).unwrap();
    Connector::open(&mut second, Arc::new(TestHost::default())).await.unwrap();
    let messages: Vec<Json> = (0..20).map(|n| json!({"payload": format!("{n}")})).collect();
    send(json!({"addr": "localhost", "port": port}), &messages).await;
    let texts: Vec<Json> =
        take(&mut first, 20).await.into_iter().map(|message| message["payload"].clone()).collect();
    assert_eq!(texts, (0..20).map(|n| json!(format!("{n}"))).collect::<Vec<_>>());
    assert_eq!(take(&mut second, 20).await[0]["payload"], "MA==");
    // The port is free again when both are closed.
    Connector::close(&mut first).await;
    Connector::close(&mut second).await;
    UdpSocket::bind(("0.0.0.0", port)).await.unwrap();
}

#[tokio::test]
async fn a_broadcast_reaches_the_network_and_a_plain_message_must_not() {
    let (mut node, _, port) = listening(json!({})).await;
    let to_all = json!({"addr": "127.255.255.255", "port": port, "multicast": "board"});
    let (_, told) =
        send(to_all, &[json!({"payload": "aGk="}), json!({"payload": {"type": "Buffer", "data": [0, 255]}})])
            .await;
    assert_eq!(told.confirmed.lock().unwrap().len(), 2);
    let payloads = take(&mut node, 2).await;
    assert_eq!(payloads[1]["payload"], json!({"type": "Buffer", "data": [0, 255]}));
    let (_, told) = send(json!({"addr": "127.255.255.255", "port": port}), &[json!({"payload": "x"})]).await;
    assert!(told.failed.lock().unwrap()[0].0.contains("cannot send to 127.255.255.255"));
}

#[tokio::test]
async fn what_is_sent_to_a_group_comes_to_those_who_joined_it() {
    let (mut node, host, port) = listening(
        json!({"multicast": "true", "group": "239.1.2.3", "iface": "127.0.0.1", "datatype": "utf8"}),
    )
    .await;
    assert_eq!(host.shown().unwrap(), json!({"text": "127.0.0.1"}));
    let peer = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    peer.send_to(b"all", ("239.1.2.3", port)).await.unwrap();
    assert_eq!(take(&mut node, 1).await[0]["payload"], "all");
    let (_, host, _) =
        listening(json!({"multicast": "true", "group": "239.1.2.3", "iface": "nowhere0"})).await;
    assert!(host.logged("interface nowhere0 not found"));
}

#[tokio::test]
async fn datagrams_of_ipv6_come_and_go() {
    let (mut node, _, port) = listening(json!({"ipv": "udp6", "datatype": "utf8"})).await;
    let (_, told) =
        send(json!({"ipv": "udp6", "addr": "::1", "port": port}), &[json!({"payload": "six"})]).await;
    assert_eq!(told.confirmed.lock().unwrap().len(), 1);
    let message = take(&mut node, 1).await.remove(0);
    assert_eq!((&message["payload"], &message["ip"]), (&json!("six"), &json!("::1")));
}

#[tokio::test]
async fn what_cannot_be_sent_fails_and_the_rest_goes_out() {
    let (mut node, _, port) = listening(json!({"datatype": "utf8"})).await;
    let messages = [
        json!({"payload": {"a": 1}, "ip": "127.0.0.1", "port": port}),
        json!({"payload": "no*base64", "ip": "127.0.0.1", "port": port}),
        json!({"payload": "aGk=", "port": port}),
        json!({"payload": "aGk=", "ip": "127.0.0.1"}),
        json!({"payload": "aGk=", "ip": "127.0.0.1", "port": 70_000}),
        json!({"payload": "aGk=", "ip": "::1", "port": port}),
        json!({"payload": "aGk=", "ip": "no.such.host.invalid", "port": port}),
        json!({"payload": {"type": "Buffer", "data": vec![0; 66_000]}, "ip": "127.0.0.1", "port": port}),
        json!({"ip": "127.0.0.1", "port": port}),
        json!({"payload": "aGk=", "ip": "127.0.0.1", "port": port.to_string()}),
    ];
    let (_, told) = send(json!({"base64": true}), &messages).await;
    let failed: Vec<String> = told.failed.lock().unwrap().iter().map(|(text, _)| text.clone()).collect();
    let parts = [
        "cannot be sent",
        "no base64",
        "ip address not set",
        "port not set",
        "port number not valid",
        "no address of IPv4",
        "unknown host no.such.host.invalid",
        "cannot send to",
    ];
    assert_eq!(failed.len(), parts.len(), "{failed:?}");
    for (text, part) in failed.iter().zip(parts) {
        assert!(text.contains(part), "{text}: {part}");
    }
    assert_eq!(take(&mut node, 1).await[0]["payload"], "hi");
    assert_eq!(told.confirmed.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn datagrams_that_nobody_takes_are_dropped_and_counted() {
    let (mut first, host, port) = listening(json!({"datatype": "utf8"})).await;
    let mut second = make(&config("udp in", json!({"port": port}), &MemoryHost::default())).unwrap();
    Connector::open(&mut second, Arc::new(TestHost::default())).await.unwrap();
    // The second one reads for both, and the first takes nothing.
    let mut seen = 0;
    while seen < 1100 {
        let messages: Vec<Json> = (0..50).map(|n| json!({ "payload": n })).collect();
        send(json!({"addr": "127.0.0.1", "port": port}), &messages).await;
        seen += take(&mut second, 50).await.len();
    }
    assert_eq!(take(&mut first, 1).await.len(), 1024);
    assert!(host.logged("datagrams were dropped"));
}

#[tokio::test]
async fn a_port_of_another_program_is_told() {
    let other = UdpSocket::bind("0.0.0.0:0").await.unwrap();
    let port = other.local_addr().unwrap().port();
    let mut node = make(&config("udp in", json!({ "port": port }), &MemoryHost::default())).unwrap();
    let error = Connector::open(&mut node, Arc::new(TestHost::default())).await.unwrap_err();
    assert!(matches!(&error, NodeError::Disconnected(text) if text.contains("use another port")), "{error}");
}

#[test]
fn what_is_wrong_in_the_form_is_told_with_its_place() {
    for (form, place) in [
        (json!({}), "/port"),
        (json!({"port": 1.5}), "/port"),
        (json!({"port": 1, "ipv": "udp5"}), "/ipv"),
        (json!({"port": 1, "multicast": "true", "group": "10.0.0.1"}), "/group"),
        (json!({"port": 1, "multicast": "true", "group": "ff02::1"}), "/group"),
        (json!({"port": 1, "datatype": "hex"}), "/datatype"),
    ] {
        let refused = make(&config("udp in", form.clone(), &MemoryHost::default())).err();
        assert!(matches!(&refused, Some(NodeError::Config { pointer, .. }) if pointer == place), "{form}");
    }
    for (form, place) in [
        (json!({"port": 70_000}), "/port"),
        (json!({"outport": -1}), "/outport"),
        (json!({"multicast": "multi", "addr": ""}), "/addr"),
    ] {
        let refused = sender(form.clone()).err();
        assert!(matches!(&refused, Some(NodeError::Config { pointer, .. }) if pointer == place), "{form}");
    }
}

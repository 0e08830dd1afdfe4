//! `after: delivered`: what a client was told is safe is not lost, whatever happens behind the gateway and to it.

use std::collections::HashSet;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::time::Instant;

use serde_json::{Value as Json, json};

use crate::gateway::{Gateway, PATIENCE, http_in, response, template};

fn flow(port: u16, outbox: &str) -> Vec<Json> {
    let mut late = response("r");
    (late["after"], late["statusCode"]) = (json!("delivered"), json!("202"));
    vec![
        http_in("a", "post", "/a", &["n", "r"]),
        template("n", "{{{payload}}}\n", "s"),
        json!({"id": "s", "type": "tcp out", "z": "t", "host": "127.0.0.1", "port": port.to_string(), "beserver": "client", "outbox": {"mode": outbox}, "wires": []}),
        late,
        http_in("b", "get", "/b", &["q"]),
        response("q"),
    ]
}

fn lines(listener: &TcpListener, wanted: &HashSet<String>) -> HashSet<String> {
    let stream = listener.accept().unwrap().0;
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut lines = HashSet::new();
    for line in BufReader::new(stream).lines() {
        lines.insert(line.unwrap());
        if wanted.is_subset(&lines) {
            break;
        }
    }
    lines
}

#[test]
fn nothing_that_was_accepted_is_lost_when_its_sink_is_away_and_the_gateway_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let options = ["--data", data.to_str().unwrap()];
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    // Away: nobody listens there any more.
    drop(listener);
    let gateway = Gateway::with(folder.path(), flow(port, "always"), &options);
    gateway.until("GET", "/b", 200);
    let mut accepted = HashSet::new();
    for n in 0..40 {
        let text = format!("reading {n}");
        assert_eq!(gateway.ask("POST", "/a", "content-type: text/plain\r\n", &text).status, 202);
        accepted.insert(text);
    }
    gateway.running.signal("KILL");
    drop(gateway);
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    let _gateway = Gateway::with(folder.path(), flow(port, "always"), &options);
    let came = lines(&listener, &accepted);
    assert!(accepted.is_subset(&came), "{accepted:?} was accepted, {came:?} came");
}

#[test]
fn without_an_outbox_the_client_waits_until_it_is_delivered() {
    let folder = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let mut gateway = Gateway::start(folder.path(), flow(port, "off"));
    gateway.until("GET", "/b", 200);
    let mut client = gateway.connect();
    client.say("POST /a HTTP/1.1\r\nhost: x\r\ncontent-type: text/plain\r\ncontent-length: 5\r\n\r\nhello");
    gateway.running.line_with("cannot connect");
    client.0.get_mut().set_nonblocking(true).unwrap();
    let early = client.0.fill_buf().map(<[u8]>::len);
    assert!(
        early.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock),
        "it was answered too early"
    );
    client.0.get_mut().set_nonblocking(false).unwrap();
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    let wanted = HashSet::from(["hello".to_string()]);
    assert_eq!(lines(&listener, &wanted), wanted);
    assert_eq!(client.reply(true).status, 202);
}

#[test]
fn who_waits_when_the_gateway_stops_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let gateway = Gateway::with(folder.path(), flow(port, "off"), &["--drain", "1"]);
    gateway.until("GET", "/b", 200);
    let mut client = gateway.connect();
    client.say("POST /a HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nhello");
    // It is in the flow when what came later is through.
    assert_eq!(gateway.ask("GET", "/b", "", "").status, 200);
    gateway.running.signal("TERM");
    let begun = Instant::now();
    assert_eq!(client.reply(true).status, 503);
    assert!(begun.elapsed() < PATIENCE);
}

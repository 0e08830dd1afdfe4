//! The built program between peers that speak TCP and UDP.
// Clippy lets tests unwrap, but does not know the functions that they call as tests.
#![allow(clippy::unwrap_used)]

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::time::{Duration, Instant};

use rcgen::{CertificateParams, KeyPair};
use serde_json::{Value as Json, json};
use support::{Running, command};

const PATIENCE: Duration = Duration::from_secs(60);

/// A flow file that runs.
fn run(folder: &Path, mut nodes: Vec<Json>) -> Running {
    nodes.push(json!({"id": "t", "type": "tab", "label": "network"}));
    let file = folder.join("flow.json");
    std::fs::write(&file, Json::Array(nodes).to_string()).unwrap();
    Running::start(command(&["run", file.to_str().unwrap()]))
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Connects as soon as somebody listens.
fn connect(port: u16) -> BufReader<TcpStream> {
    let end = Instant::now() + PATIENCE;
    loop {
        match TcpStream::connect(("127.0.0.1", port)) {
            Ok(stream) => {
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                return BufReader::new(stream);
            }
            Err(error) => assert!(Instant::now() < end, "nobody listens on {port}: {error}"),
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The next who connects.
fn accept(listener: &TcpListener) -> BufReader<TcpStream> {
    let stream = listener.accept().unwrap().0;
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    BufReader::new(stream)
}

fn say(stream: &mut BufReader<TcpStream>, text: &str) {
    stream.get_mut().write_all(text.as_bytes()).unwrap();
}

fn line(stream: &mut BufReader<TcpStream>) -> String {
    let mut line = String::new();
    stream.read_line(&mut line).unwrap();
    line
}

fn lines_in(id: &str, port: u16, to: &str) -> Json {
    json!({"id": id, "type": "tcp in", "z": "t", "server": "server", "port": port.to_string(), "datamode": "stream",
        "datatype": "utf8", "newline": "\\n", "topic": "", "trim": false, "base64": false, "tls": "", "wires": [[to]]})
}

fn reply(id: &str) -> Json {
    json!({"id": id, "type": "tcp out", "z": "t", "host": "", "port": "", "beserver": "reply", "base64": false, "end": false, "wires": []})
}

fn template(id: &str, template: &str, to: &str) -> Json {
    json!({"id": id, "type": "template", "z": "t", "field": "payload", "template": template, "wires": [[to]]})
}

#[test]
fn questions_are_answered_over_tcp_and_udp() {
    let folder = tempfile::tempdir().unwrap();
    let instrument = TcpListener::bind("127.0.0.1:0").unwrap();
    let instrument_port = instrument.local_addr().unwrap().port().to_string();
    let (echo, asking, udp) = (free_port(), free_port(), UdpSocket::bind("127.0.0.1:0").unwrap());
    let udp_port = UdpSocket::bind("0.0.0.0:0").unwrap().local_addr().unwrap().port();
    let running = run(
        folder.path(),
        vec![
            lines_in("a", echo, "b"),
            template("b", "{{{payload}}}!\n", "c"),
            reply("c"),
            lines_in("d", asking, "e"),
            json!({"id": "e", "type": "tcp request", "z": "t", "server": "127.0.0.1", "port": instrument_port,
                "out": "char", "splitc": "\\n", "ret": "string", "wires": [["f"]]}),
            reply("f"),
            json!({"id": "g", "type": "udp in", "z": "t", "port": udp_port.to_string(), "datatype": "utf8", "wires": [["h"]]}),
            template("h", "{{{payload}}}?", "i"),
            json!({"id": "i", "type": "udp out", "z": "t", "addr": "", "port": "", "outport": udp_port.to_string(), "multicast": "false", "wires": []}),
        ],
    );
    // Two at a time: each gets its own answers.
    let (mut one, mut two) = (connect(echo), connect(echo));
    say(&mut one, "a\nb");
    say(&mut two, "x\n");
    say(&mut one, "c\n");
    assert_eq!([line(&mut one), line(&mut one), line(&mut two)], ["a!\n", "bc!\n", "x!\n"]);
    // One that has said all still gets the answer to its last words, as netcat does.
    let mut last = connect(echo);
    say(&mut last, "bye");
    last.get_mut().shutdown(std::net::Shutdown::Write).unwrap();
    let mut all = String::new();
    last.read_to_string(&mut all).unwrap();
    assert_eq!(all, "bye!\n");

    let mut person = connect(asking);
    say(&mut person, "*IDN\n");
    let mut asked = accept(&instrument);
    let mut question = [0; 4];
    asked.read_exact(&mut question).unwrap();
    assert_eq!(&question, b"*IDN");
    say(&mut asked, "ACME\nand more");
    assert_eq!(line(&mut person), "ACME\n");

    udp.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let mut buffer = [0; 100];
    let end = Instant::now() + PATIENCE;
    // Datagrams may get lost before the port is open.
    let (length, from) = loop {
        udp.send_to(b"there", ("127.0.0.1", udp_port)).unwrap();
        match udp.recv_from(&mut buffer) {
            Ok(answer) => break answer,
            Err(error) => assert!(Instant::now() < end, "no answer: {error}"),
        }
    };
    assert_eq!((&buffer[..length], from.port()), (&b"there?"[..], udp_port));
    running.signal("TERM");
    let (code, said) = running.wait();
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn messages_wait_for_a_server_that_is_away_and_go_out_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (free_port(), free_port());
    let mut running = run(
        folder.path(),
        vec![
            lines_in("a", from, "b"),
            template("b", "{{{payload}}}\n", "c"),
            json!({"id": "c", "type": "tcp out", "z": "t", "host": "localhost", "port": to.to_string(), "beserver": "client", "base64": false, "end": false, "wires": []}),
        ],
    );
    let mut source = connect(from);
    for n in 0..50 {
        say(&mut source, &format!("{n}\n"));
    }
    running.line_with("cannot connect to localhost");
    let server = TcpListener::bind(("127.0.0.1", to)).unwrap();
    let mut peer = accept(&server);
    for n in 0..50 {
        assert_eq!(line(&mut peer), format!("{n}\n"));
    }
    // Its connection is lost, and it comes again.
    drop(peer);
    running.line_with("connection lost to localhost");
    say(&mut source, "again\n");
    assert_eq!(line(&mut accept(&server)), "again\n");
}

#[test]
fn a_line_goes_over_tls_and_a_stranger_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate =
        CertificateParams::new(vec!["localhost".to_string()]).unwrap().self_signed(&key).unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_string();
    std::fs::write(path("own.pem"), certificate.pem()).unwrap();
    std::fs::write(path("own.key"), key.serialize_pem()).unwrap();
    let (plain, secret) = (free_port(), free_port());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut secret_in = lines_in("c", secret, "d");
    secret_in["tls"] = json!("s");
    let mut running = run(
        folder.path(),
        vec![
            json!({"id": "s", "type": "tls-config", "cert": path("own.pem"), "key": path("own.key")}),
            json!({"id": "k", "type": "tls-config", "ca": path("own.pem")}),
            lines_in("a", plain, "n"),
            template("n", "{{{payload}}}\n", "b"),
            json!({"id": "b", "type": "tcp out", "z": "t", "host": "localhost", "port": secret.to_string(), "beserver": "client", "tls": "k", "wires": []}),
            secret_in,
            json!({"id": "d", "type": "tcp out", "z": "t", "host": "127.0.0.1", "port": listener.local_addr().unwrap().port().to_string(), "beserver": "client", "wires": []}),
        ],
    );
    say(&mut connect(plain), "over TLS\n");
    let mut received = [0; 8];
    accept(&listener).read_exact(&mut received).unwrap();
    assert_eq!(&received, b"over TLS");
    say(&mut connect(secret), "no TLS at all\n");
    running.line_with("was refused: no TLS");
}

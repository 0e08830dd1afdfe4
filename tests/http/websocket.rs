//! WebSockets of flows, with clients that frame what they say themselves, also wrongly.

use std::io::{Read, Write};
use std::net::TcpListener;

use serde_json::{Value as Json, json};

use crate::gateway::{Client, Gateway, template};

const SHAKE: &str = "GET /ws/live HTTP/1.1\r\nhost: x\r\nconnection: keep-alive, Upgrade\r\nupgrade: websocket\r\n\
                     sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

fn connect(gateway: &Gateway) -> Client {
    let mut client = gateway.connect();
    client.say(SHAKE);
    let reply = client.reply(false);
    assert_eq!(reply.status, 101);
    assert_eq!(reply.header("sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    client
}

/// A masked frame.
fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x80 | opcode];
    match payload.len() {
        short @ 0..=125 => frame.push(0x80 | short as u8),
        long @ 126..=65_535 => {
            frame.push(0x80 | 126);
            frame.extend((long as u16).to_be_bytes());
        }
        longer => {
            frame.push(0x80 | 127);
            frame.extend((longer as u64).to_be_bytes());
        }
    }
    let mask = [1, 2, 3, 4];
    frame.extend(mask);
    frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

fn say(client: &mut Client, opcode: u8, payload: &[u8]) {
    client.0.get_mut().write_all(&frame(opcode, payload)).unwrap();
}

/// The next frame: its opcode and its payload.
fn hear(client: &mut Client) -> (u8, String) {
    let mut head = [0; 2];
    client.0.read_exact(&mut head).unwrap();
    let length = match head[1] {
        126 => {
            let mut length = [0; 2];
            client.0.read_exact(&mut length).unwrap();
            u16::from_be_bytes(length) as usize
        }
        127 => panic!("no answer here is so long"),
        short => usize::from(short),
    };
    let mut payload = vec![0; length];
    client.0.read_exact(&mut payload).unwrap();
    (head[0] & 0x0f, String::from_utf8_lossy(&payload).into_owned())
}

fn listener(max: usize) -> Vec<Json> {
    vec![
        json!({"id": "l", "type": "websocket-listener", "path": "/ws/live", "wholemsg": "false", "max": max}),
        json!({"id": "i", "type": "websocket in", "z": "t", "name": "", "server": "l", "client": "", "wires": [["s"]]}),
        // What begins with "all" goes to everybody, the rest back to who has said it.
        json!({"id": "s", "type": "switch", "z": "t", "property": "payload", "propertyType": "msg", "checkall": "false", "outputs": 2,
            "rules": [{"t": "regex", "v": "^all", "vt": "str"}, {"t": "else"}], "wires": [["a"], ["b"]]}),
        json!({"id": "a", "type": "change", "z": "t", "rules": [{"t": "delete", "p": "_session", "pt": "msg"}], "wires": [["o"]]}),
        template("b", "{{{payload}}}!", "o"),
        json!({"id": "o", "type": "websocket out", "z": "t", "name": "", "server": "l", "client": "", "wires": []}),
    ]
}

fn until_served(gateway: &Gateway) {
    // What is no WebSocket there is answered like what is not there; the handshake without a key is not.
    let end = std::time::Instant::now() + crate::gateway::PATIENCE;
    while gateway.ask("GET", "/ws/live", "connection: upgrade\r\nupgrade: websocket\r\n", "").status == 404 {
        assert!(std::time::Instant::now() < end, "nobody serves the path");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}

#[test]
fn clients_talk_and_are_answered_alone_or_together() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(folder.path(), listener(1_000_000));
    until_served(&gateway);
    let (mut one, mut two) = (connect(&gateway), connect(&gateway));
    say(&mut one, 1, "grüezi".as_bytes());
    assert_eq!(hear(&mut one), (1, "grüezi!".to_string()));
    say(&mut two, 9, b"are you there");
    assert_eq!(hear(&mut two), (10, "are you there".to_string()));
    say(&mut two, 1, b"all of you");
    assert_eq!(
        [hear(&mut one), hear(&mut two)],
        [(1, "all of you".to_string()), (1, "all of you".to_string())]
    );
    say(&mut one, 8, &[0x03, 0xe8]);
    assert_eq!(hear(&mut one).0, 8);
    say(&mut two, 1, b"still here");
    assert_eq!(hear(&mut two), (1, "still here!".to_string()));
}

#[test]
fn wrong_handshakes_and_frames_are_refused_and_the_others_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(folder.path(), listener(1000));
    until_served(&gateway);
    let mut good = connect(&gateway);
    for (headers, status) in [
        ("connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n", 400),
        (
            "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 7\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
            426,
        ),
        ("connection: upgrade\r\nupgrade: h2c\r\n", 400),
        ("", 404),
    ] {
        assert_eq!(gateway.ask("GET", "/ws/live", headers, "").status, status, "{headers}");
    }
    let unmasked = [0x81, 0x02, b'h', b'i'].to_vec();
    let no_utf8 = frame(1, b"\xff\xfe");
    let endless = {
        let mut frame = vec![0x82, 0xff];
        frame.extend(u64::MAX.to_be_bytes());
        frame.extend([0; 4]);
        frame
    };
    let mut in_pieces = frame(1, &[b'x'; 900]);
    in_pieces[0] = 0x01;
    let mut rest = frame(0, &[b'x'; 900]);
    rest[0] = 0x80;
    in_pieces.extend(rest);
    for wrong in [
        frame(2, &[b'x'; 5000]),
        endless,
        in_pieces,
        unmasked,
        no_utf8,
        frame(3, b"?"),
        frame(9, &[b'x'; 200]),
    ] {
        let mut client = connect(&gateway);
        let _ = client.0.get_mut().write_all(&wrong);
        let (opcode, _) = hear(&mut client);
        assert_eq!(opcode, 8, "{:?}", &wrong[..4]);
        client.rest();
    }
    // One that goes without a word.
    drop(connect(&gateway));
    say(&mut good, 1, b"fine");
    assert_eq!(hear(&mut good), (1, "fine!".to_string()));
}

#[test]
fn a_client_that_does_not_read_is_cut_and_the_others_are_served() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(folder.path(), listener(1_000_000));
    until_served(&gateway);
    let (deaf, mut loud) = (connect(&gateway), connect(&gateway));
    let piece = [b"all ".to_vec(), vec![b'x'; 60_000]].concat();
    // More than the systems on the way can hold: the deaf one holds the others up until it is cut, and no longer.
    for _ in 0..400 {
        say(&mut loud, 1, &piece);
        assert_eq!(hear(&mut loud).1.len(), piece.len());
    }
    drop(deaf);
}

#[test]
fn a_gateway_is_a_client_of_another_and_connects_again() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let server = || {
        let mut nodes = listener(1_000_000);
        nodes.push(json!({"id": "t", "type": "tab"}));
        let file = other.path().join("flow.json");
        std::fs::write(&file, Json::Array(nodes).to_string()).unwrap();
        let address = format!("127.0.0.1:{port}");
        crate::support::Running::start(crate::support::command(&[
            "run",
            file.to_str().unwrap(),
            "--listen",
            &address,
        ]))
    };
    let first = server();
    let mut gateway = Gateway::start(
        folder.path(),
        vec![
            json!({"id": "c", "type": "websocket-client", "path": format!("ws://127.0.0.1:{port}/ws/live"), "wholemsg": "false", "hb": "5", "subprotocol": "", "tls": ""}),
            json!({"id": "n", "type": "inject", "z": "t", "props": [{"p": "payload"}], "payload": "tick", "payloadType": "str", "repeat": "0.1", "wires": [["o"]]}),
            json!({"id": "o", "type": "websocket out", "z": "t", "server": "", "client": "c", "wires": []}),
            json!({"id": "i", "type": "websocket in", "z": "t", "server": "", "client": "c", "wires": [["d"]]}),
            json!({"id": "d", "type": "debug", "z": "t", "active": true, "tosidebar": true, "complete": "payload", "targetType": "msg", "wires": []}),
        ],
    );
    gateway.running.line_with("tick!");
    drop(first);
    gateway.running.line_with("connection lost to ws://");
    let _second = server();
    gateway.running.line_with("connected to ws://");
    gateway.running.line_with("tick!");
}

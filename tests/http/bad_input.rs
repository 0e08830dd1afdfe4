//! Clients that are broken, slow or hostile. None of them stops the gateway, and each gets a fitting answer.

use std::io::Write;
use std::net::TcpStream;

use crate::gateway::{Client, Gateway, http_in, response};

fn gateway(folder: &std::path::Path, options: &[&str]) -> Gateway {
    let nodes = vec![http_in("a", "post", "/a", &["r"]), http_in("b", "get", "/b/:x", &["r"]), response("r")];
    let gateway = Gateway::with(folder, nodes, options);
    gateway.until("POST", "/a", 200);
    gateway.until("GET", "/b/1", 200);
    gateway
}

#[test]
fn what_is_no_request_is_refused_and_the_rest_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = gateway(folder.path(), &["--api-max-length", "1000"]);
    for (said, status) in [
        ("garbage\r\n\r\n".to_string(), "400"),
        ("\x16\x03\x01\x02\x00\x01\x00\x01\u{7f}\r\n\r\n".to_string(), "400"),
        ("GET /b/1 HTTP/9.9\r\n\r\n".to_string(), "400"),
        ("GET /b/1\u{0} HTTP/1.1\r\n\r\n".to_string(), "400"),
        ("GET /b/1 HTTP/1.1\r\nbad header\r\n\r\n".to_string(), "400"),
        ("POST /a HTTP/1.1\r\nhost: x\r\ncontent-length: many\r\n\r\n".to_string(), "400"),
        (
            "POST /a HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxx".to_string(),
            "400",
        ),
        ("POST /a HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n".to_string(), "400"),
        (format!("GET /b/{} HTTP/1.1\r\n\r\n", "x".repeat(100_000)), "4"),
        (format!("GET /b/1 HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(500)), "431"),
        (format!("GET /b/1 HTTP/1.1\r\na: {}\r\n\r\n", "x".repeat(100_000)), "431"),
        (format!("POST /a HTTP/1.1\r\nhost: x\r\ncontent-length: 2000\r\n\r\n{}", "x".repeat(2000)), "413"),
        (
            format!(
                "POST /a HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n800\r\n{}\r\n0\r\n\r\n",
                "x".repeat(2048)
            ),
            "413",
        ),
        (
            "POST /a HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 1\r\n\r\n{"
                .to_string(),
            "400",
        ),
        ("CONNECT other:443 HTTP/1.1\r\n\r\n".to_string(), "404"),
        ("OPTIONS * HTTP/1.1\r\nhost: x\r\n\r\n".to_string(), "404"),
        ("GET /b/%zz HTTP/1.1\r\nhost: x\r\n\r\n".to_string(), "404"),
        ("GET /b/../../etc/passwd HTTP/1.1\r\nhost: x\r\n\r\n".to_string(), "404"),
        ("GET //b/1 HTTP/1.1\r\nhost: x\r\n\r\n".to_string(), "404"),
        ("GET /b/..%2f..%2fetc HTTP/1.1\r\nhost: x\r\n\r\n".to_string(), "200"),
        ("GET http://other/b/1 HTTP/1.1\r\nhost: other\r\n\r\n".to_string(), "200"),
    ] {
        let mut client = gateway.connect();
        // It may answer, and close, before all is said.
        let _ = client.0.get_mut().write_all(said.as_bytes());
        let mut line = String::new();
        let _ = std::io::BufRead::read_line(&mut client.0, &mut line);
        let short: String = said.chars().take(60).collect();
        assert!(line.starts_with(&format!("HTTP/1.1 {status}")), "{short:?} is answered with {line:?}");
    }
    assert_eq!(gateway.ask("POST", "/a", "", "still here").body, "still here");
}

#[test]
fn a_client_that_is_too_slow_is_cut() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = gateway(folder.path(), &[]);
    let mut slow = gateway.connect();
    slow.say("GET /b/1 HTTP/1.1\r\nhost: x\r\nx-slow");
    // It is closed without another word from here.
    let rest = slow.rest();
    assert!(rest.is_empty() || rest.starts_with("HTTP/1.1 408"), "{rest}");
    assert_eq!(gateway.ask("GET", "/b/1", "", "").status, 200);
}

#[test]
fn a_thousand_connections_are_served_and_one_more_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = gateway(folder.path(), &["--http-connections", "1000"]);
    let mut clients: Vec<Client> = Vec::new();
    // Those that were closed before may still be counted.
    while clients.len() < 1000 {
        let mut client = gateway.connect();
        client.say("GET /b/1 HTTP/1.1\r\nhost: x\r\n\r\n");
        if client.reply(true).status == 200 {
            clients.push(client);
        }
    }
    let mut more = gateway.connect();
    more.say("GET /b/1 HTTP/1.1\r\nhost: x\r\n\r\n");
    assert_eq!(more.reply(true).status, 503);
    for client in clients.iter_mut().rev().take(100) {
        client.say("GET /b/2 HTTP/1.1\r\nhost: x\r\n\r\n");
        assert_eq!(client.reply(true).status, 200);
    }
    drop(clients);
    gateway.until("GET", "/b/1", 200);
}

#[test]
fn when_the_flow_does_not_keep_up_clients_are_told_to_come_again() {
    let folder = tempfile::tempdir().unwrap();
    // Nobody listens there: what is sent waits, and so do its clients.
    let nowhere = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut late = response("r");
    late["after"] = serde_json::json!("delivered");
    let nodes = vec![
        http_in("a", "post", "/a", &["s", "r"]),
        serde_json::json!({"id": "s", "type": "tcp out", "z": "t", "host": "127.0.0.1", "port": nowhere.to_string(), "beserver": "client", "outbox": {"mode": "off"}, "wires": []}),
        late,
        http_in("b", "get", "/b", &["q"]),
        response("q"),
    ];
    let gateway = Gateway::with(folder.path(), nodes, &["--http-connections", "5000"]);
    gateway.until("GET", "/b", 200);
    let body = "x".repeat(400_000);
    let request = format!("POST /a HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let mut waiting: Vec<TcpStream> = Vec::new();
    loop {
        let mut client = gateway.connect();
        client.say(&request);
        client.0.get_mut().set_nonblocking(false).unwrap();
        client.0.get_mut().set_read_timeout(Some(std::time::Duration::from_millis(50))).unwrap();
        let mut first = [0; 12];
        if let Ok(12) = std::io::Read::read(client.0.get_mut(), &mut first) {
            assert_eq!(&first, b"HTTP/1.1 503");
            break;
        }
        waiting.push(client.0.into_inner());
        assert!(waiting.len() < 2000, "the memory is not bounded");
    }
    // The others are not held up.
    assert_eq!(gateway.ask("GET", "/b", "", "").status, 200);
}

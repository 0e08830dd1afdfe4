//! Requests of flows to other servers, some of which are not there or not right.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use rcgen::{CertificateParams, KeyPair};
use serde_json::{Value as Json, json};

use crate::gateway::{Gateway, PATIENCE, http_in, response};

fn request(id: &str, url: &str, tls: &str) -> Json {
    json!({"id": id, "type": "http request", "z": "t", "method": "use", "ret": "txt", "paytoqs": "ignore", "url": url, "tls": tls,
        "persist": false, "proxy": "", "insecureHTTPParser": false, "authType": "", "senderr": false, "headers": [], "wires": [["r"]]})
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn one_gateway_asks_another() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let served = Gateway::start(
        other.path(),
        vec![
            http_in("a", "post", "/echo/:x", &["c"]),
            response("r"),
            json!({"id": "c", "type": "change", "z": "t", "wires": [["r"]], "rules": [
                {"t": "set", "p": "payload.x", "pt": "msg", "to": "req.params.x", "tot": "msg"}]}),
        ],
    );
    served.until("POST", "/echo/1", 200);
    let url = format!("http://127.0.0.1:{}/echo/{{{{payload.n}}}}", served.port);
    let gateway = Gateway::start(
        folder.path(),
        vec![
            http_in("a", "post", "/ask", &["m"]),
            request("q", &url, ""),
            response("r"),
            json!({"id": "m", "type": "change", "z": "t", "wires": [["q"]], "rules": [
                {"t": "set", "p": "method", "pt": "msg", "to": "POST", "tot": "str"},
                {"t": "delete", "p": "headers", "pt": "msg"}]}),
        ],
    );
    gateway.until("POST", "/ask", 404);
    // Many at once: each is answered with its own.
    let mut clients: Vec<_> = (0..100)
        .map(|n| {
            let mut client = gateway.connect();
            let body = format!("{{\"n\":\"{n}\"}}");
            client.say(&format!("POST /ask HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len()));
            client
        })
        .collect();
    for (n, client) in clients.iter_mut().enumerate() {
        let reply = client.reply(true);
        assert_eq!((reply.status, reply.json()), (200, json!({"n": n.to_string(), "x": n.to_string()})));
        // The headers of the other answer are not sent on.
        assert!(reply.header("x-node-red-request-node").is_none());
    }
}

#[test]
fn servers_are_asked_over_tls_and_those_that_are_not_right_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate =
        CertificateParams::new(vec!["localhost".to_string()]).unwrap().self_signed(&key).unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_string();
    std::fs::write(path("own.pem"), certificate.pem()).unwrap();
    std::fs::write(path("own.key"), key.serialize_pem()).unwrap();
    let (secret, closed) = (free_port(), free_port());
    let gateway = Gateway::start(
        folder.path(),
        vec![
            json!({"id": "s", "type": "tls-config", "cert": path("own.pem"), "key": path("own.key")}),
            json!({"id": "k", "type": "tls-config", "ca": path("own.pem")}),
            json!({"id": "e", "type": "tcp in", "z": "t", "server": "server", "port": secret.to_string(), "datamode": "stream",
                "datatype": "utf8", "newline": "\\r\\n\\r\\n", "topic": "", "trim": false, "base64": false, "tls": "s", "wires": [["f"]]}),
            json!({"id": "f", "type": "template", "z": "t", "field": "payload", "template": "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret", "wires": [["g"]]}),
            json!({"id": "g", "type": "tcp out", "z": "t", "host": "", "port": "", "beserver": "reply", "base64": false, "end": false, "wires": []}),
            http_in("a1", "get", "/trusted", &["q1"]),
            request("q1", &format!("https://localhost:{secret}/"), "k"),
            http_in("a2", "get", "/untrusted", &["q2"]),
            request("q2", &format!("https://localhost:{secret}/"), ""),
            http_in("a3", "get", "/closed", &["q3"]),
            request("q3", &format!("http://127.0.0.1:{closed}/"), ""),
            http_in("a4", "get", "/unknown", &["q4"]),
            request("q4", "http://no-such-host.invalid/", ""),
            http_in("a5", "get", "/othername", &["q5"]),
            request("q5", &format!("https://127.0.0.1:{secret}/"), "k"),
            response("r"),
        ],
    );
    for (target, says) in [
        ("/trusted", "secret"),
        ("/untrusted", "RequestError: "),
        ("/closed", "ECONNREFUSED"),
        ("/unknown", "ENOTFOUND"),
        ("/othername", "for another name"),
    ] {
        let end = Instant::now() + PATIENCE;
        let mut body = gateway.until("GET", target, 200).body;
        // The listener of this very flow may open a moment later.
        while !body.contains(says) && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(10));
            body = gateway.ask("GET", target, "", "").body;
        }
        assert!(body.contains(says), "{target}: {body}");
        assert!(target == "/trusted" || !body.contains("secret"), "{target}: {body}");
    }
}

#[test]
fn requests_go_through_a_proxy_except_where_they_are_not_to() {
    let folder = tempfile::tempdir().unwrap();
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = proxy.local_addr().unwrap().port();
    let mut far = request("q", "http://far.invalid/x", "");
    far["proxy"] = json!("p");
    let mut near = request("n", &format!("http://localhost:{port}/near"), "");
    near["proxy"] = json!("p");
    let gateway = Gateway::start(
        folder.path(),
        vec![
            json!({"id": "p", "type": "http proxy", "url": format!("http://127.0.0.1:{port}"), "noproxy": ["localhost"], "credentials": {"username": "u", "password": "p"}}),
            http_in("a", "get", "/far", &["q"]),
            far,
            http_in("b", "get", "/near", &["n"]),
            near,
            response("r"),
        ],
    );
    let heard = std::thread::spawn(move || {
        let read = |stream: &TcpStream| {
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let mut all = Vec::new();
            while let Some(Ok(line)) = lines.next() {
                if line.is_empty() {
                    break;
                }
                all.push(line);
            }
            all
        };
        let (mut stream, _) = proxy.accept().unwrap();
        let mut heard = read(&stream);
        stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").unwrap();
        heard.extend(read(&stream));
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nfar").unwrap();
        let (mut stream, _) = proxy.accept().unwrap();
        heard.extend(read(&stream));
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nnear").unwrap();
        let _ = stream.read(&mut [0; 1]);
        heard
    });
    assert_eq!(gateway.until("GET", "/far", 200).body, "far");
    assert_eq!(gateway.until("GET", "/near", 200).body, "near");
    let heard = heard.join().unwrap();
    assert_eq!(heard[0], "CONNECT far.invalid:80 HTTP/1.1");
    for wanted in ["Proxy-Authorization: Basic dTpw", "GET /x HTTP/1.1", "GET /near HTTP/1.1"] {
        assert!(heard.iter().any(|line| line == wanted), "{wanted}: {heard:?}");
    }
}

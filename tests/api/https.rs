//! The listener with TLS: a certificate that it makes, one of the owner's, and one that is replaced.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use super::{PASSWORD, user};
use crate::certificates::Authority;
use crate::gateway::{PATIENCE, start};
use crate::support::{self, Running};

struct Https {
    running: Running,
    port: u16,
}

impl Https {
    fn start(folder: &Path, more: &[&str]) -> Https {
        let data = folder.join("data");
        user(&data, "ada", "admin", &[]);
        let mut options = vec!["--data", data.to_str().unwrap(), "--tls"];
        options.extend(more);
        let mut running = start(folder, vec![], &options);
        let line = running.line_with("listening for HTTPS on");
        let port = line.rsplit_once(':').unwrap().1.trim().parse().unwrap();
        Https { running, port }
    }

    /// A client that trusts these, and nobody else.
    fn client(&self, trusted: &str) -> Client {
        let certificate = Certificate::from_pem(trusted.as_bytes()).unwrap();
        let agent = ureq::Agent::config_builder()
            .tls_config(TlsConfig::builder().root_certs(RootCerts::from(vec![certificate])).build())
            .timeout_global(Some(PATIENCE))
            .http_status_as_error(false)
            .build();
        Client { agent: agent.into(), at: format!("https://localhost:{}", self.port) }
    }
}

struct Client {
    agent: ureq::Agent,
    at: String,
}

impl Client {
    /// Whether it gets an answer. The first one comes when the flow runs.
    fn is_let_in(&self) -> Result<bool, ureq::Error> {
        let end = Instant::now() + PATIENCE;
        while self.agent.get(format!("{}/health/ready", self.at)).call()?.status() != 200 {
            assert!(Instant::now() < end, "it does not get ready");
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(true)
    }

    fn until(&self, what: &str, so: impl Fn(&Client) -> bool) {
        let end = Instant::now() + PATIENCE;
        while !so(self) {
            assert!(Instant::now() < end, "waited in vain until {what}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

#[test]
fn a_certificate_is_made_once_and_a_browser_session_is_for_https_only() {
    let folder = tempfile::tempdir().unwrap();
    let mut gateway = Https::start(folder.path(), &[]);
    let told = gateway.running.said();
    assert!(told.contains("made a certificate for HTTPS") && told.contains("tls/certificate.pem"), "{told}");
    let file = folder.path().join("data/tls/certificate.pem");
    let pem = std::fs::read_to_string(&file).unwrap();
    let client = gateway.client(&pem);
    assert!(client.is_let_in().unwrap());
    let stranger = gateway.client(&Authority::new("another").pem);
    assert!(stranger.is_let_in().is_err(), "who does not trust it does not talk to it");

    let at = |path: &str| format!("{}{path}", client.at);
    let body = json!({"username": "ada", "password": PASSWORD}).to_string();
    let mut reply = client.agent.post(at("/api/v1/session")).send(&body).unwrap();
    assert_eq!(reply.status(), 200);
    let cookie = reply.headers()["set-cookie"].to_str().unwrap().to_string();
    for part in ["Secure", "HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let who: Json = serde_json::from_str(&reply.body_mut().read_to_string().unwrap()).unwrap();
    assert_eq!(
        who,
        json!({"name": "ada", "kind": "session",
            "may": ["read", "inject", "deploy", "admin", "metrics", "dashboard", "operate"]})
    );
    let session = cookie.split(';').next().unwrap();
    let get =
        |path: &str| client.agent.get(at(path)).header("cookie", session).call().unwrap().status().as_u16();
    assert_eq!((get("/api/v1/session"), get("/flows")), (200, 200));
    let end = |origin: &str| {
        let request =
            client.agent.delete(at("/api/v1/session")).header("cookie", session).header("origin", origin);
        request.call().unwrap().status().as_u16()
    };
    assert_eq!(end("https://evil.example"), 403);
    assert_eq!(end(&client.at), 204);
    assert_eq!((get("/api/v1/session"), get("/flows")), (401, 401));
    let log_in =
        |origin: &str| client.agent.post(at("/api/v1/session")).header("origin", origin).send(&body).unwrap();
    assert_eq!(log_in("https://evil.example").status(), 403);
    assert_eq!(log_in(&client.at).status(), 200);

    // The next start has the same one.
    drop(gateway);
    let again = Https::start(folder.path(), &[]);
    assert!(again.client(&pem).is_let_in().unwrap());
    assert_eq!(std::fs::read_to_string(&file).unwrap(), pem);
}

#[test]
fn who_speaks_http_is_told_and_who_says_nothing_holds_nobody_up() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = Https::start(folder.path(), &[]);
    let pem = std::fs::read_to_string(folder.path().join("data/tls/certificate.pem")).unwrap();
    let silent: Vec<TcpStream> =
        (0..20).map(|_| TcpStream::connect(("127.0.0.1", gateway.port)).unwrap()).collect();
    let mut plain = TcpStream::connect(("127.0.0.1", gateway.port)).unwrap();
    plain.write_all(b"GET /flows HTTP/1.1\r\nhost: gateway\r\n\r\n").unwrap();
    plain.shutdown(std::net::Shutdown::Write).unwrap();
    let mut reply = String::new();
    plain.read_to_string(&mut reply).unwrap();
    let (head, body) = reply.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 400 ") && body.contains("https://"), "{reply}");
    assert!(head.contains(&format!("content-length: {}", body.len())), "{reply}");
    assert!(gateway.client(&pem).is_let_in().unwrap());
    drop(silent);
}

#[test]
fn files_that_are_replaced_count_without_a_restart_and_broken_ones_do_not() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (Authority::new("first"), Authority::new("second"));
    let put = |authority: &Authority| authority.sign("localhost", false).write(folder.path(), "own");
    put(&first);
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_string();
    let (certificate, key) = (path("own.pem"), path("own.key"));
    let mut gateway = Https::start(folder.path(), &["--tls-certificate", &certificate, "--tls-key", &key]);
    assert!(!folder.path().join("data/tls").exists(), "none is made where one is named");
    let (by_first, by_second) = (gateway.client(&first.pem), gateway.client(&second.pem));
    assert!(by_first.is_let_in().unwrap() && by_second.is_let_in().is_err());

    std::fs::write(&certificate, "not a certificate").unwrap();
    gateway.running.signal("HUP");
    let told = gateway.running.line_with("cannot be used");
    assert!(told.contains("not in PEM form"), "{told}");
    assert!(by_first.is_let_in().unwrap(), "the one before goes on");

    put(&second);
    gateway.running.signal("HUP");
    by_second.until("the new one counts", |client| client.is_let_in().is_ok_and(|is_in| is_in));
    // Without a word of anybody, as a renewal that runs at night does it.
    put(&first);
    by_first.until("the next one counts", |client| client.is_let_in().is_ok_and(|is_in| is_in));
    assert!(by_second.is_let_in().is_err());
}

#[test]
fn commands_reach_it_with_the_certificate_to_trust() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = Https::start(folder.path(), &[]);
    let data = folder.path().join("data");
    let pem = std::fs::read_to_string(data.join("tls/certificate.pem")).unwrap();
    assert!(gateway.client(&pem).is_let_in().unwrap());
    let made = support::tidegate(&[
        "token",
        "create",
        "ci",
        "--scope",
        "read",
        "--scope",
        "deploy",
        "--data",
        data.to_str().unwrap(),
    ]);
    assert_eq!(made.code, 0, "{}", made.err);
    let token = made.out.split_whitespace().find(|word| word.starts_with("tg_")).unwrap().to_string();
    let to = format!("https://localhost:{}", gateway.port);
    let flow = folder.path().join("flow.json").to_str().unwrap().to_string();
    let run = |more: &[&str]| {
        let mut arguments = vec!["deploy", &flow, "--to", &to];
        arguments.extend(more);
        support::ended(support::command(&arguments).env("TIDEGATE_TOKEN", &token).output().unwrap())
    };
    let refused = run(&[]);
    assert!(refused.code == 1 && refused.err.contains("--ca"), "{}", refused.err);
    let trusted = run(&["--ca", data.join("tls/certificate.pem").to_str().unwrap()]);
    assert_eq!(trusted.code, 0, "{}", trusted.err);
    let wrong = run(&["--ca", data.join("tls/key.pem").to_str().unwrap()]);
    assert!(wrong.code == 1 && wrong.err.contains("no certificate in it"), "{}", wrong.err);
}

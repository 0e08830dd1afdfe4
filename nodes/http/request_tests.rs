use serde_json::{Value as Json, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::lines::testkit::{TestHost, Told};
use crate::testing::{MemoryHost, config};

/// Nothing takes so long, unless it never comes.
const PATIENCE: Duration = Duration::from_secs(20);

async fn node(properties: Json) -> (HttpRequest, Arc<TestHost>) {
    let form = Form::read(&config("http request", properties, &MemoryHost::default())).unwrap();
    let (mut node, host) = (HttpRequest::new(form), Arc::new(TestHost::default()));
    Connector::open(&mut node, host.clone()).await.unwrap();
    (node, host)
}

/// A server that gives these answers, one to each request, on as many connections as are made. It tells what it was asked.
async fn serving(answers: Vec<&'static str>) -> (u16, tokio::task::JoinHandle<(Vec<String>, usize)>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(async move {
        let (mut heard, mut connections) = (Vec::new(), 0);
        let mut answers = answers.into_iter();
        let mut next = answers.next();
        'connections: while next.is_some() {
            let (mut stream, _) = listener.accept().await.unwrap();
            connections += 1;
            while let Some(answer) = next {
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    match stream.read_u8().await {
                        Ok(byte) => request.push(byte),
                        Err(_) => continue 'connections,
                    }
                }
                heard.push(String::from_utf8(request).unwrap());
                stream.write_all(answer.as_bytes()).await.unwrap();
                next = answers.next();
            }
        }
        (heard, connections)
    });
    (port, server)
}

async fn asked(node: &mut HttpRequest, messages: Vec<Json>) -> Arc<Told> {
    let told = Arc::new(Told::default());
    let mut batch = messages.into_iter().map(|message| told.delivery(message)).collect();
    node.handle(&mut batch).await.unwrap();
    assert!(batch.is_empty());
    while !node.kept.is_empty() {
        tokio::time::timeout(PATIENCE, node.next()).await.expect("it ends").unwrap();
    }
    told
}

fn answer(told: &Told) -> Json {
    told.answers.lock().unwrap()[0].clone()
}

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 7\r\nSet-Cookie: a=1; Path=/\r\n\r\n{\"n\":5}";

#[tokio::test]
async fn the_answer_goes_on_with_the_message() {
    for (ret, payload) in [
        ("txt", json!("{\"n\":5}")),
        ("obj", json!({"n": 5})),
        ("bin", json!({"type": "Buffer", "data": b"{\"n\":5}"})),
    ] {
        let (port, server) = serving(vec![OK]).await;
        let url = format!("http://127.0.0.1:{port}/x?y=1#z");
        let (mut node, host) = node(json!({"url": url, "ret": ret, "method": "GET"})).await;
        let answer = answer(&*asked(&mut node, vec![json!({"topic": "t", "payload": "p"})]).await);
        assert_eq!(
            [&answer["payload"], &answer["statusCode"], &answer["topic"]],
            [&payload, &json!(200), &json!("t")]
        );
        assert_eq!(answer["responseCookies"], json!({"a": {"value": "1", "Path": "/"}}));
        assert_eq!(
            (answer["responseUrl"].as_str(), &answer["redirectList"]),
            (Some(url.as_str()), &json!([]))
        );
        assert_eq!(answer["headers"]["set-cookie"], json!(["a=1; Path=/"]));
        let (heard, _) = server.await.unwrap();
        assert!(
            heard[0].starts_with("GET /x?y=1 HTTP/1.1\r\n")
                && heard[0].contains(&format!("Host: 127.0.0.1:{port}\r\n")),
            "{}",
            heard[0]
        );
        assert_eq!(host.shown(), Some(json!({})));
    }
}

#[tokio::test]
async fn redirects_are_followed_and_listed() {
    let redirect = "HTTP/1.1 303 See Other\r\nLocation: /there\r\nSet-Cookie: s=1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let (port, server) = serving(vec![redirect, OK]).await;
    let url = format!("http://127.0.0.1:{port}/here");
    let (mut node, _) = node(json!({"url": url, "method": "POST"})).await;
    let told = asked(&mut node, vec![json!({"payload": ""})]).await;
    let answer = answer(&told);
    assert_eq!(answer["redirectList"], json!([{"location": "/there", "cookies": {"s": {"value": "1"}}}]));
    assert!(answer["responseUrl"].as_str().unwrap().ends_with("/there"));
    let (heard, _) = server.await.unwrap();
    assert!(heard[1].starts_with("GET /there ") && heard[1].contains("Cookie: s=1"), "{}", heard[1]);
}

#[tokio::test]
async fn a_connection_is_kept_where_it_is_to_be() {
    for (persist, connections) in [(true, 1), (false, 2)] {
        let (port, server) = serving(vec![OK, OK]).await;
        let (mut node, _) =
            node(json!({"url": format!("http://127.0.0.1:{port}/"), "persist": persist})).await;
        for _ in 0..2 {
            assert_eq!(answer(&*asked(&mut node, vec![json!({})]).await)["statusCode"], 200);
        }
        assert_eq!(server.await.unwrap().1, connections);
    }
}

#[tokio::test]
async fn digest_authentication_answers_the_challenge() {
    let challenge = "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth\"\r\nContent-Length: 0\r\n\r\n";
    let (port, server) = serving(vec![challenge, OK]).await;
    let url = format!("http://127.0.0.1:{port}/d");
    let (mut node, _) =
        node(json!({"url": url, "authType": "digest", "credentials": {"user": "u", "password": "p"}})).await;
    assert_eq!(answer(&*asked(&mut node, vec![json!({})]).await)["statusCode"], 200);
    let (heard, _) = server.await.unwrap();
    assert!(
        !heard[0].contains("Authorization") && heard[1].contains("Authorization: Digest username=\"u\""),
        "{}",
        heard[1]
    );
}

#[tokio::test]
async fn what_goes_wrong_is_told_as_in_node_red() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent_port = silent.local_addr().unwrap().port();
    let (garbage, _garbage) = serving(vec!["hello\r\n\r\n"]).await;
    let (large, _large) = serving(vec!["HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"]).await;
    let (cut, _cut) = serving(vec!["HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"]).await;
    for (port, code) in [
        (closed, "ECONNREFUSED"),
        (silent_port, "ETIMEDOUT"),
        (garbage, "HPE_INVALID"),
        (large, ""),
        (cut, ""),
    ] {
        let (mut node, host) = node(json!({"url": format!("http://127.0.0.1:{port}/"), "max": 1000})).await;
        let timeout = if code == "ETIMEDOUT" { 50 } else { 10_000 };
        let answer = answer(&*asked(&mut node, vec![json!({"requestTimeout": timeout})]).await);
        let given = answer["statusCode"].as_str().unwrap();
        assert!(given.starts_with('E') || given.starts_with('H'), "{answer}");
        assert!(code.is_empty() || given == code, "{answer}");
        assert!(answer["payload"].as_str().unwrap().starts_with("RequestError: "), "{answer}");
        assert_eq!(host.errors.lock().unwrap().len(), 1);
    }
    let (mut node, _) = node(json!({"url": format!("http://127.0.0.1:{closed}/"), "senderr": true})).await;
    let told = asked(&mut node, vec![json!({})]).await;
    assert!(
        told.failed.lock().unwrap()[0].0.contains("ECONNREFUSED") && told.answers.lock().unwrap().is_empty()
    );
}

#[tokio::test]
async fn many_are_asked_at_once_and_what_is_under_way_is_given_back() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    let (mut node, _) = node(json!({"url": format!("http://127.0.0.1:{port}/")})).await;
    let told = Arc::new(Told::default());
    let mut batch: Vec<Delivery> = told.payloads(0..WINDOW as i64 + 10);
    node.handle(&mut batch).await.unwrap();
    assert_eq!(batch.len(), 10, "more than the window are not taken");
    assert_eq!(node.take_unconfirmed().len(), WINDOW);
    batch.into_iter().for_each(Delivery::confirm);
}

use serde_json::{Value as Json, json};

use super::*;
use crate::lines::testkit::{TestHost, json_of};
use crate::testing::{MemoryHost, MemoryHttp, config};

async fn node(properties: Json) -> (Box<dyn crate::connector::DynConnector>, MemoryHttp, Arc<TestHost>) {
    let http = MemoryHttp::default();
    let host = Arc::new(TestHost { http: Some(http.clone()), ..TestHost::default() });
    let built = build(&config("http in", properties, &MemoryHost::default())).unwrap();
    let crate::node::Kind::Connector(mut node) = built.kind else { panic!("a connector") };
    node.open(host.clone()).await.unwrap();
    (node, http, host)
}

#[tokio::test]
async fn a_request_becomes_a_message() {
    let (mut node, http, _) = node(json!({"url": "/sites/:site", "method": "post"})).await;
    let headers = [("host", "board.local:1880"), ("content-type", "application/json"), ("cookie", "a=1")];
    let id = http.request("POST", "/sites/17?unit=C&x[]=1", &headers, b"{\"t\":21.5}").unwrap();
    let incoming = node.next().await.unwrap();
    let message = json_of(&incoming[0].value);
    assert_eq!(message["payload"], json!({"t": 21.5}));
    assert_eq!(message["res"], json!({"_res": id.as_str()}));
    let expected = json!({
        "method": "POST", "url": "/sites/17?unit=C&x[]=1", "originalUrl": "/sites/17?unit=C&x[]=1", "baseUrl": "",
        "path": "/sites/17", "protocol": "http", "secure": false, "httpVersion": "1.1", "hostname": "board.local",
        "ip": "127.0.0.1", "cookies": {"a": "1"},
        "headers": {"host": "board.local:1880", "content-type": "application/json", "cookie": "a=1"},
        "query": {"unit": "C", "x": ["1"]}, "params": {"site": "17"}, "body": {"t": 21.5},
    });
    assert_eq!(message["req"], expected);
    assert!(incoming[0].answered && incoming[0].acknowledge == Some(0));
}

#[tokio::test]
async fn the_payload_of_a_get_is_its_query_and_head_is_served_too() {
    let (mut node, http, _) = node(json!({"url": "q", "method": "get"})).await;
    http.request("GET", "/q?a=1&a=2", &[], b"").unwrap();
    http.request("HEAD", "/Q/", &[], b"").unwrap();
    assert_eq!(http.request("POST", "/q", &[], b"").unwrap_err().status, 404);
    let incoming = node.next().await.unwrap();
    let payloads: Vec<Json> = incoming.iter().map(|one| json_of(&one.value)["payload"].clone()).collect();
    assert_eq!(payloads, [json!({"a": ["1", "2"]}), json!({})]);
}

#[tokio::test]
async fn files_are_read_where_they_are_wanted() {
    let form = b"--b\r\ncontent-disposition: form-data; name=\"site\"\r\n\r\n17\r\n--b\r\ncontent-disposition: form-data; \
                 name=\"f\"; filename=\"a.bin\"\r\n\r\nxyz\r\n--b--\r\n";
    let headers = [("content-type", "multipart/form-data; boundary=b")];
    let (mut with, http, _) = node(json!({"url": "/u", "method": "post", "upload": "true"})).await;
    http.request("POST", "/u", &headers, form).unwrap();
    let message = json_of(&with.next().await.unwrap()[0].value);
    assert_eq!(message["payload"], json!({"site": "17"}));
    assert_eq!(message["req"]["files"][0]["originalname"], "a.bin");
    assert_eq!(http.request("POST", "/u", &headers, b"--b").unwrap_err().status, 400);
    let (mut raw, http, _) = node(json!({"url": "/u", "method": "post", "skipBodyParsing": true})).await;
    http.request("POST", "/u", &headers, b"x").unwrap();
    assert_eq!(
        json_of(&raw.next().await.unwrap()[0].value)["payload"],
        json!({"type": "Buffer", "data": [120]})
    );
}

#[tokio::test]
async fn when_the_flow_does_not_keep_up_the_client_is_told() {
    let (mut node, http, _) = node(json!({"url": "/a", "method": "get"})).await;
    for _ in 0..WAITING {
        http.request("GET", "/a", &[], b"").unwrap();
    }
    let refused = http.request("GET", "/a", &[], b"").unwrap_err();
    assert_eq!(refused.status, 503);
    assert!(refused.headers.iter().any(|(name, _)| name == "retry-after"));
    assert_eq!(node.next().await.unwrap().len(), BATCH);
    http.request("GET", "/a", &[], b"").unwrap();
}

#[tokio::test]
async fn a_request_that_nobody_answers_is_an_error_and_a_lost_one_is_told_elsewhere() {
    let (mut node, http, host) = node(json!({"url": "/a", "method": "get"})).await;
    let ids: Vec<Str> =
        (0..3).map(|n| http.request("GET", &format!("/a?n={n}"), &[], b"").unwrap()).collect();
    http.answer(&ids[2], Answer::text(200, ""), crate::web::When::Now);
    node.next().await.unwrap();
    node.acknowledge(&[(0, Outcome::Done), (1, Outcome::Undelivered), (2, Outcome::Done)]).await.unwrap();
    let errors = host.errors.lock().unwrap();
    assert_eq!(errors.len(), 1);
    assert!(errors[0].0.contains("504"), "{}", errors[0].0);
    assert_eq!(errors[0].1["req"]["url"], "/a?n=0");
    assert_eq!(http.settled(&ids[1]), Some(Outcome::Undelivered));
}

#[tokio::test]
async fn a_closed_node_serves_nothing() {
    let (mut node, http, _) = node(json!({"url": "/a", "method": "delete"})).await;
    http.request("DELETE", "/a", &[], b"").unwrap();
    node.close().await;
    assert_eq!(http.request("DELETE", "/a", &[], b"").unwrap_err().status, 404);
}

#[test]
fn what_cannot_be_served_is_refused() {
    for (properties, at) in [
        (json!({"url": "", "method": "get"}), "/url"),
        (json!({"url": "/a(", "method": "get"}), "/url"),
        (json!({"url": "/a", "method": "trace"}), "/method"),
    ] {
        let error = build(&config("http in", properties, &MemoryHost::default())).err().unwrap();
        assert!(matches!(&error, NodeError::Config { pointer, .. } if pointer == at), "{error}");
    }
}

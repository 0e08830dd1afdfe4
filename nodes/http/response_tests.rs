use serde_json::{Value as Json, json};

use super::*;
use crate::connector::DynConnector;
use crate::lines::testkit::{TestHost, Told};
use crate::testing::{MemoryHost, MemoryHttp, config};

async fn node(properties: Json) -> (Box<dyn DynConnector>, MemoryHttp, Arc<TestHost>) {
    let http = MemoryHttp::default();
    let host = Arc::new(TestHost { http: Some(http.clone()), ..TestHost::default() });
    let built = build(&config("http response", properties, &MemoryHost::default())).unwrap();
    let crate::node::Kind::Connector(mut node) = built.kind else { panic!("a connector") };
    node.open(host.clone()).await.unwrap();
    (node, http, host)
}

async fn send(node: &mut Box<dyn DynConnector>, messages: Vec<Json>) -> Arc<Told> {
    let told = Arc::new(Told::default());
    let mut batch = messages.into_iter().map(|message| told.delivery(message)).collect();
    node.handle(&mut batch).await.unwrap();
    assert!(batch.is_empty());
    told
}

#[tokio::test]
async fn the_request_is_answered_and_a_second_answer_is_a_warning() {
    let (mut node, http, host) = node(json!({"statusCode": "201", "headers": {"x-a": "1"}})).await;
    let message = json!({"res": {"_res": "r"}, "payload": "done"});
    let told = send(&mut node, vec![message.clone(), message, json!({"payload": 1})]).await;
    assert_eq!(told.confirmed.lock().unwrap().len(), 3);
    let (answer, when) = http.answers("r")[0].clone();
    assert_eq!((answer.status, &*answer.body, when), (201, &b"done"[..], When::Now));
    assert_eq!(answer.headers[0], ("x-a".into(), "1".into()));
    assert!(host.logged("answered before") && host.logged("No response object"));
}

#[tokio::test]
async fn an_answer_that_waits_for_the_others_is_left_with_the_listener() {
    let (mut node, http, _) = node(json!({"after": "delivered"})).await;
    send(&mut node, vec![json!({"res": {"_res": "r"}})]).await;
    assert_eq!(http.answers("r")[0].1, When::Delivered);
}

#[tokio::test]
async fn what_cannot_be_sent_fails_and_the_client_hears_of_it() {
    let (mut node, http, _) = node(json!({})).await;
    let told = send(&mut node, vec![json!({"res": {"_res": "r"}, "statusCode": 42})]).await;
    assert!(told.failed.lock().unwrap()[0].0.contains("msg.statusCode"));
    assert_eq!(http.answers("r")[0].0.status, 500);
}

#[test]
fn a_wrong_form_is_refused() {
    for (properties, at) in [
        (json!({"statusCode": "99"}), "/statusCode"),
        (json!({"headers": {"a b": "1"}}), "/headers"),
        (json!({"headers": [1]}), "/headers"),
        (json!({"after": "later"}), "/after"),
    ] {
        let error = build(&config("http response", properties, &MemoryHost::default())).err().unwrap();
        assert!(matches!(&error, NodeError::Config { pointer, .. } if pointer == at), "{error}");
    }
}

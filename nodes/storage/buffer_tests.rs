use serde_json::{Value as Json, json};

use super::*;
use crate::lines::testkit::{TestHost, Told};
use crate::message::Outcome::{Done, Undelivered};
use crate::testing::{MemoryHost, MemoryLogs, assert_refused, config};

struct Bench {
    node: Buffer,
    host: Arc<TestHost>,
    told: Arc<Told>,
}

impl Bench {
    async fn new(properties: Json) -> Bench {
        let config = config("buffer", properties, &MemoryHost::default());
        let mut node = make(config.read().unwrap()).unwrap();
        let host = TestHost::keeping(&MemoryLogs::default());
        Connector::open(&mut node, host.clone()).await.unwrap();
        Bench { node, host, told: Arc::default() }
    }

    /// Hands over; gives what is left.
    async fn hand(&mut self, mut batch: Vec<Delivery>) -> Vec<Delivery> {
        self.node.handle(&mut batch).await.unwrap();
        batch
    }

    async fn payloads(&mut self, payloads: impl IntoIterator<Item = i64>) -> Vec<i64> {
        let batch = self.told.payloads(payloads);
        of(&self.hand(batch).await)
    }

    async fn word(&mut self, word: &str) {
        let delivery = self.told.delivery(json!({"buffer": word, "payload": 0}));
        assert!(self.hand(vec![delivery]).await.is_empty());
    }

    /// What goes out at once: numbers and payloads.
    async fn out(&mut self) -> (Vec<u64>, Vec<i64>) {
        match tokio::time::timeout(Duration::from_millis(20), self.node.next()).await {
            Ok(incoming) => incoming
                .unwrap()
                .iter()
                .map(|one| (one.acknowledge.unwrap(), one.value.get("payload").unwrap().as_i64().unwrap()))
                .unzip(),
            Err(_) => (Vec::new(), Vec::new()),
        }
    }

    async fn settle(&mut self, numbers: &[u64], outcome: Outcome) {
        let outcomes: Vec<_> = numbers.iter().map(|&number| (number, outcome)).collect();
        self.node.acknowledge(&outcomes).await.unwrap();
    }
}

fn of(deliveries: &[Delivery]) -> Vec<i64> {
    deliveries.iter().map(|delivery| delivery.message().payload().as_i64().unwrap()).collect()
}

#[tokio::test]
async fn a_message_is_confirmed_when_what_was_made_from_it_is_delivered() {
    let mut bench = Bench::new(json!({"window": 3})).await;
    assert_eq!(bench.payloads(1..=5).await, [4, 5], "the window is full");
    let (numbers, out) = bench.out().await;
    assert_eq!(out, [1, 2, 3]);
    assert!(bench.told.confirmed_payloads().is_empty());
    assert_eq!(bench.out().await.1, [0; 0]);
    bench.settle(&numbers[..2], Done).await;
    assert_eq!(bench.told.confirmed_payloads(), [1, 2]);
    assert!(bench.node.next().await.unwrap().is_empty(), "it tells that there is room");
    assert_eq!(bench.payloads([4, 5]).await, [0; 0]);
    assert_eq!(bench.out().await.1, [4, 5]);
    assert_eq!(of(&bench.node.take_unconfirmed()), [3, 4, 5]);
}

#[tokio::test]
async fn what_was_lost_downstream_goes_out_again_before_what_is_not_out() {
    let mut bench = Bench::new(json!({})).await;
    bench.payloads(1..=3).await;
    let (numbers, _) = bench.out().await;
    bench.settle(&numbers[..1], Undelivered).await;
    bench.settle(&numbers[1..2], Done).await;
    bench.settle(&numbers[2..], Undelivered).await;
    let began = std::time::Instant::now();
    bench.payloads([4]).await;
    assert_eq!(bench.out().await.1, [0; 0], "nothing goes before it");
    let incoming = bench.node.next().await.unwrap();
    assert!(began.elapsed() > Duration::from_millis(900));
    let again: Vec<i64> =
        incoming.iter().map(|one| one.value.get("payload").unwrap().as_i64().unwrap()).collect();
    assert_eq!(again, [1, 3, 4]);
    let numbers: Vec<u64> = incoming.iter().map(|one| one.acknowledge.unwrap()).collect();
    bench.settle(&numbers, Done).await;
    assert_eq!(bench.told.confirmed_payloads(), [2, 1, 3, 4]);
    assert!(bench.node.take_unconfirmed().is_empty());
}

#[tokio::test]
async fn it_is_a_gate_that_messages_open_and_close() {
    let mut bench = Bench::new(json!({"open": "held", "window": 4})).await;
    assert_eq!(bench.payloads(1..=6).await, [5, 6]);
    assert_eq!(bench.out().await.1, [0; 0]);
    bench.word("release one").await;
    bench.word("release one").await;
    let (numbers, out) = bench.out().await;
    assert_eq!(out, [1, 2]);
    // What was let through and lost is let through again.
    bench.settle(&numbers[..1], Undelivered).await;
    bench.node.again_at = None;
    assert_eq!(bench.out().await.1, [1]);
    assert_eq!(bench.out().await.1, [0; 0]);
    bench.word("release").await;
    assert_eq!(bench.out().await.1, [3, 4]);
    bench.word("hold").await;
    bench.payloads([7]).await;
    bench.word("hum").await;
    assert_eq!(bench.told.confirmed_payloads(), [0; 4], "words go no further");
    let failed = bench.told.failed.lock().unwrap();
    assert!(failed[0].0.starts_with("msg.buffer is no word for this node: use hold"), "{failed:?}");
}

#[tokio::test]
async fn a_word_is_heard_while_the_window_is_full() {
    let mut bench = Bench::new(json!({"open": "held", "window": 1})).await;
    assert_eq!(bench.payloads([1, 2]).await, [2]);
    // It asks again now and then, because a word may have come before the others.
    assert!(bench.node.next().await.unwrap().is_empty());
    let batch = vec![
        bench.told.delivery(json!({"buffer": "release", "payload": 0})),
        bench.told.delivery(json!({"payload": 2})),
    ];
    assert_eq!(of(&bench.hand(batch).await), [2]);
    assert_eq!(bench.out().await.1, [1]);
}

#[tokio::test]
async fn always_open_does_not_look_at_words() {
    let mut bench = Bench::new(json!({})).await;
    bench.word("hold").await;
    assert_eq!(bench.out().await.1, [0]);
}

#[tokio::test]
async fn the_badge_says_how_many_wait() {
    let mut bench = Bench::new(json!({"open": "open", "window": 2})).await;
    bench.out().await;
    assert_eq!(bench.host.shown(), Some(json!({"fill": "green", "shape": "ring", "text": "empty"})));
    bench.word("hold").await;
    bench.payloads(1..=3).await;
    // Not at once: a badge that changes a thousand times a second helps nobody.
    assert_eq!(bench.host.statuses.lock().unwrap().len(), 1);
    let end = std::time::Instant::now() + Duration::from_secs(10);
    while bench.host.shown().unwrap()["text"] != "held: more than 2 wait" {
        assert!(std::time::Instant::now() < end, "{:?}", bench.host.shown());
        bench.out().await;
        bench.payloads([3]).await;
    }
}

#[tokio::test]
async fn a_gateway_without_data_says_what_to_do() {
    let config = config("buffer", json!({}), &MemoryHost::default());
    let mut node = make(config.read().unwrap()).unwrap();
    let refused = Connector::open(&mut node, Arc::new(TestHost::default())).await;
    assert_eq!(refused, Err(NodeError::fatal("this gateway keeps no data: start it with --data DIR")));
}

#[test]
fn wrong_properties_are_refused_with_their_place() {
    for (properties, pointer) in [
        (json!({"open": "sometimes"}), "/open"),
        (json!({"window": 0}), "/window"),
        (json!({"window": 1e9}), "/window"),
    ] {
        assert_refused(build(&config("buffer", properties, &MemoryHost::default())), pointer);
    }
}

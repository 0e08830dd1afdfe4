//! A host of connectors in memory, for the tests of connectors.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use serde_json::{Value as Json, json};

use crate::connector::{Connector, ConnectorHost, Delivery, DynResource, Results, Ticket};
use crate::error::NodeError;
use crate::host::{Level, Logs, Status};
use crate::message::Message;
use crate::testing::{MemoryHttp, MemoryLogs};
use crate::value::{Object, Str, Value};
use crate::web::Http;

#[derive(Default)]
pub struct TestHost {
    pub logs: Mutex<Vec<(Level, String)>>,
    pub statuses: Mutex<Vec<Status>>,
    /// Errors, with what they were over.
    pub errors: Mutex<Vec<(String, Json)>>,
    /// The gateway's logs, where it keeps data.
    pub kept: Option<MemoryLogs>,
    /// The gateway's HTTP listener.
    pub http: Option<MemoryHttp>,
    /// Resources by their ids.
    pub resources: std::collections::HashMap<String, Arc<dyn DynResource>>,
}

impl ConnectorHost for TestHost {
    fn status(&self, status: Status) {
        self.statuses.lock().unwrap().push(status);
    }

    fn log(&self, level: Level, text: &str) {
        self.logs.lock().unwrap().push((level, text.to_string()));
    }

    fn raise(&self, error: NodeError, value: Object) {
        self.errors.lock().unwrap().push((error.to_string(), json_of(&value)));
    }

    fn resource(&self, id: &str) -> Option<Arc<dyn DynResource>> {
        self.resources.get(id).cloned()
    }

    fn wall_ms(&self) -> i64 {
        1_700_000_000_000
    }

    fn logs(&self) -> Option<Arc<dyn Logs>> {
        self.kept.clone().map(|logs| Arc::new(logs) as Arc<dyn Logs>)
    }

    fn http(&self) -> Option<Arc<dyn Http>> {
        self.http.clone().map(|http| Arc::new(http) as Arc<dyn Http>)
    }
}

impl TestHost {
    pub fn keeping(logs: &MemoryLogs) -> Arc<TestHost> {
        Arc::new(TestHost { kept: Some(logs.clone()), ..TestHost::default() })
    }

    pub fn shown(&self) -> Option<Json> {
        let statuses = self.statuses.lock().unwrap();
        statuses.last().map(|status| json_of(&status.to_object()))
    }

    pub fn logged(&self, part: &str) -> bool {
        self.logs.lock().unwrap().iter().any(|(_, text)| text.contains(part))
    }
}

/// What became of deliveries.
#[derive(Debug, Default)]
pub struct Told {
    pub confirmed: Mutex<Vec<Json>>,
    pub failed: Mutex<Vec<(String, Json)>>,
    pub answers: Mutex<Vec<Json>>,
}

impl Results for Told {
    fn confirmed(&self, _ticket: &Ticket, message: Message) {
        self.confirmed.lock().unwrap().push(json_of(&message.value));
    }

    fn failed(&self, _ticket: &Ticket, error: NodeError, message: Message) {
        self.failed.lock().unwrap().push((error.to_string(), json_of(&message.value)));
    }

    fn name(&self, ticket: &Ticket) -> Option<Str> {
        (ticket.number > 0).then(|| Str::from(format!("device/node/{}", ticket.number)))
    }

    fn answered(&self, _port: u16, message: Message) {
        self.answers.lock().unwrap().push(json_of(&message.value));
    }
}

impl Told {
    pub fn delivery(self: &Arc<Told>, msg: Json) -> Delivery {
        Delivery::new(Message::new(object(&msg)), self.clone())
    }

    /// One that an outbox gave, which has a name.
    pub fn named(self: &Arc<Told>, number: u64, msg: Json) -> Delivery {
        let ticket = Ticket { number, sent_as: None };
        Delivery::with_ticket(Message::new(object(&msg)), ticket, self.clone())
    }

    pub fn confirmed_payloads(&self) -> Vec<i64> {
        let confirmed = self.confirmed.lock().unwrap();
        confirmed.iter().map(|message| message["payload"].as_i64().unwrap()).collect()
    }

    /// Messages with these payloads.
    pub fn payloads(self: &Arc<Told>, payloads: impl IntoIterator<Item = i64>) -> Vec<Delivery> {
        payloads.into_iter().map(|payload| self.delivery(json!({ "payload": payload }))).collect()
    }
}

/// Lets the connector work until the condition holds. It is to give nothing meanwhile.
pub async fn until<C: Connector>(node: &mut C, mut holds: impl FnMut(&C) -> bool) {
    while !holds(node) {
        tokio::select! {
            incoming = node.next() => assert!(incoming.unwrap().is_empty(), "nothing is expected"),
            () = tokio::task::yield_now() => {}
        }
    }
}

pub fn object(json: &Json) -> Object {
    match Value::from(json) {
        Value::Object(object) => object,
        other => panic!("a message is an object, not {}", other.kind()),
    }
}

pub fn json_of(object: &Object) -> Json {
    serde_json::to_value(object).unwrap()
}

/// A directory that goes with the test.
pub struct TempDir(pub PathBuf);

impl TempDir {
    pub fn new(name: &str) -> TempDir {
        let path = std::env::temp_dir().join(format!("tidegate-{name}-{}", std::process::id()));
        // What a test that was killed left behind.
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        TempDir(path)
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

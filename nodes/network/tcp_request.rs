//! tcp request: each message has a connection of its own, and gets the answer that came through it.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::future::pending;
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::form::DataType;
use super::keep::Keep;
use super::request::Exchange;
use super::stream::{Tls, place};
use super::tcp_in::connections;
use super::tcp_out_form::payload;
use super::tcp_request_form::{DESCRIPTOR, Form, Until};
use crate::connector::{Connector, ConnectorHost, Delivery, Incoming};
use crate::error::NodeError;
use crate::host::Status;
use crate::node::{Built, NodeConfig, NodeType};

pub const NODE: NodeType = NodeType { descriptor: &DESCRIPTOR, build };

/// Messages in hand. More are not taken.
const WINDOW: usize = 1000;
/// Connections at a time. More messages wait.
pub const CONNECTIONS: usize = 64;

fn build(config: &NodeConfig) -> Result<Built, NodeError> {
    let form = Form::read(config)?;
    Ok(match form.until {
        Until::Never => Built::connector(Keep::new(form)),
        _ => Built::connector(TcpRequest::new(form)),
    })
}

struct TcpRequest {
    form: Form,
    tls: Tls,
    host: Option<Arc<dyn ConnectorHost>>,
    kept: BTreeMap<u64, Delivery>,
    next: u64,
    /// The messages for each server: the first is under way, the others wait, so that devices that serve one at a
    /// time are asked one at a time.
    servers: HashMap<String, VecDeque<(u64, Exchange)>>,
    running: JoinSet<Ended>,
    places: Arc<Semaphore>,
}

struct Ended {
    number: u64,
    server: String,
    answer: Result<Option<Vec<u8>>, NodeError>,
}

impl TcpRequest {
    fn new(form: Form) -> TcpRequest {
        TcpRequest {
            form,
            tls: Tls::default(),
            host: None,
            kept: BTreeMap::new(),
            next: 0,
            servers: HashMap::new(),
            running: JoinSet::new(),
            places: Arc::new(Semaphore::new(CONNECTIONS)),
        }
    }

    fn ask(&mut self, delivery: Delivery) {
        let message = delivery.message();
        let asked =
            self.form.target(&message.value).and_then(|target| Ok((target, payload(message, false)?)));
        let ((host, port), bytes) = match asked {
            Ok(asked) => asked,
            Err(error) => return delivery.fail(error),
        };
        let server = place(&host, port);
        let Form { until, timeout, max, .. } = self.form;
        let exchange = Exchange { host, port, tls: self.tls.clone(), bytes, until, timeout, max };
        let number = self.next;
        self.next += 1;
        self.kept.insert(number, delivery);
        let waiting = self.servers.entry(server.clone()).or_default();
        waiting.push_back((number, exchange));
        if waiting.len() == 1 {
            self.start(server);
        }
    }

    /// The first of its queue stays there as a mark that one is under way.
    fn start(&mut self, server: String) {
        let Some((number, exchange)) = self.servers.get_mut(&server).and_then(VecDeque::front_mut) else {
            return;
        };
        let number = *number;
        let tls = exchange.tls.clone();
        let exchange = Exchange {
            host: std::mem::take(&mut exchange.host),
            port: exchange.port,
            tls,
            bytes: exchange.bytes.take(),
            until: exchange.until,
            timeout: exchange.timeout,
            max: exchange.max,
        };
        let places = self.places.clone();
        self.running.spawn(async move {
            // It is never closed.
            let _place = places.acquire_owned().await;
            Ended { number, server, answer: exchange.run().await }
        });
    }

    fn ended(&mut self, ended: Ended) {
        let Some(waiting) = self.servers.get_mut(&ended.server) else { return };
        waiting.pop_front();
        if waiting.is_empty() {
            self.servers.remove(&ended.server);
        } else {
            self.start(ended.server);
        }
        let mut status = match self.servers.len() {
            0 => Status::clear(),
            open => Status::new("green", "dot", connections(open)),
        };
        let Some(delivery) = self.kept.remove(&ended.number) else { return };
        match ended.answer {
            Ok(Some(answer)) => {
                let datatype = if self.form.is_text { DataType::Utf8 } else { DataType::Buffer };
                let mut value = delivery.message().value.clone();
                value.insert("payload", datatype.payload(answer));
                delivery.answer(0, value);
            }
            Ok(None) => delivery.confirm(),
            Err(error) => {
                status = Status::new("red", "ring", "error");
                delivery.fail(error);
            }
        }
        self.show(status);
    }

    fn show(&self, status: Status) {
        if let Some(host) = &self.host {
            host.status(status);
        }
    }
}

impl Connector for TcpRequest {
    async fn open(&mut self, host: Arc<dyn ConnectorHost>) -> Result<(), NodeError> {
        self.tls = Tls::find(&*host, &self.form.tls)?;
        host.status(Status::clear());
        self.host = Some(host);
        Ok(())
    }

    async fn next(&mut self) -> Result<Vec<Incoming>, NodeError> {
        // Can be dropped: what has ended stays until it is asked for.
        match self.running.join_next().await {
            Some(Ok(ended)) => self.ended(ended),
            // It panicked: all that is under way is given back and asked again.
            Some(Err(error)) => return Err(NodeError::disconnected(format!("a request failed: {error}"))),
            None => return pending().await,
        }
        Ok(Vec::new())
    }

    async fn handle(&mut self, batch: &mut Vec<Delivery>) -> Result<(), NodeError> {
        let mut offered = std::mem::take(batch).into_iter();
        let before = self.servers.len();
        while self.kept.len() < WINDOW
            && let Some(delivery) = offered.next()
        {
            self.ask(delivery);
        }
        batch.extend(offered);
        if self.servers.len() > before {
            self.show(Status::new("green", "dot", connections(self.servers.len())));
        }
        Ok(())
    }

    fn take_unconfirmed(&mut self) -> Vec<Delivery> {
        self.servers.clear();
        // Dropping the set ends what is under way.
        self.running = JoinSet::new();
        std::mem::take(&mut self.kept).into_values().collect()
    }
}

#[cfg(test)]
#[path = "tcp_request_tests.rs"]
mod tests;

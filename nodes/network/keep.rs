//! tcp request that keeps its connections: one for each server, and all that comes through it is handed on.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::outgoing::{Left, Outgoing, Receipt, at};
use super::peer::{Event, Events, Peer, What};
use super::stream::{self, Tls, place};
use super::tcp_in::connections;
use super::tcp_out_form::payload;
use super::tcp_request::CONNECTIONS;
use super::tcp_request_form::Form;
use crate::connector::{Connector, ConnectorHost, Delivery, Incoming};
use crate::error::NodeError;
use crate::host::Status;
use crate::value::{Object, Str, Value};

/// Messages in hand. More are not taken.
const WINDOW: usize = 1000;

pub struct Keep {
    form: Form,
    tls: Tls,
    host: Option<Arc<dyn ConnectorHost>>,
    /// By the number of the connection.
    links: BTreeMap<Str, Link>,
    /// What has not left, in the order in which it came.
    kept: BTreeMap<u64, (Str, Delivery)>,
    next: u64,
    left: (mpsc::UnboundedSender<Left>, mpsc::UnboundedReceiver<Left>),
    events: (Events, mpsc::Receiver<Event>),
    tasks: JoinSet<()>,
    full_until: Option<Instant>,
}

struct Link {
    server: String,
    outgoing: Arc<Outgoing>,
    is_open: bool,
    /// The last message that went out: what comes in goes on with its properties, as in Node-RED.
    last: Object,
}

impl Keep {
    pub fn new(form: Form) -> Keep {
        Keep {
            form,
            tls: Tls::default(),
            host: None,
            links: BTreeMap::new(),
            kept: BTreeMap::new(),
            next: 0,
            left: mpsc::unbounded_channel(),
            events: Events::channel(),
            tasks: JoinSet::new(),
            full_until: None,
        }
    }

    /// Gives it back when there is no room for it.
    fn send(&mut self, delivery: Delivery) -> Option<Delivery> {
        let message = delivery.message();
        if let Some(reset) = message.get("reset").filter(|reset| reset.truthy()) {
            self.reset(reset);
            if !message.value.contains_key("payload") {
                delivery.confirm();
                return None;
            }
        }
        let target =
            self.form.target(&message.value).and_then(|target| Ok((target, payload(message, false)?)));
        let ((host, port), bytes) = match target {
            Ok(target) => target,
            Err(error) => {
                delivery.fail(error);
                return None;
            }
        };
        let server = place(&host, port);
        let known = self.links.iter().find(|(_, link)| link.server == server).map(|(id, _)| id.clone());
        let id = match known {
            Some(id) => id,
            None if self.links.len() >= CONNECTIONS => {
                let text = format!("there are {CONNECTIONS} connections: msg.reset closes one, or all");
                delivery.fail(NodeError::rejected(text));
                return None;
            }
            None => self.connect(host, port, server),
        };
        let link = self.links.get_mut(&id)?;
        if let Some(until) = link.outgoing.full_until() {
            if until > Instant::now() {
                self.full_until = Some(until);
                return Some(delivery);
            }
            link.outgoing.kill();
        }
        link.last = message.value.clone();
        let Some(bytes) = bytes else {
            delivery.confirm();
            return None;
        };
        let number = self.next;
        self.next += 1;
        let receipt = Receipt::new(number, self.left.0.clone());
        self.kept.insert(number, (id, delivery));
        link.outgoing.push(bytes, receipt);
        None
    }

    fn connect(&mut self, host: String, port: u16, server: String) -> Str {
        let id = Str::from(format!("{:016}", self.next));
        self.next += 1;
        let outgoing = Arc::new(Outgoing::default());
        let link = Link { server, outgoing: outgoing.clone(), is_open: false, last: Object::new() };
        self.links.insert(id.clone(), link);
        let (tls, cutting) = (self.tls.clone(), self.form.cutting.clone());
        let peer =
            Peer { id: id.clone(), from: None, outgoing, events: self.events.0.clone(), lingers: false };
        self.tasks.spawn(async move {
            let connected = tokio::select! {
                connected = stream::connect(&host, port, &tls) => connected,
                () = peer.outgoing.killed() => Err(NodeError::disconnected("the connection was reset")),
            };
            match connected {
                Ok(stream) => peer.serve(stream, Some(cutting)).await,
                Err(error) => {
                    // Nobody to tell means that the node is closed.
                    let _ =
                        peer.events.tell(&peer.id, None, What::Refused(error.message().to_string())).await;
                    peer.outgoing.close();
                }
            }
        });
        id
    }

    /// `true` closes all, `"host:port"` that one.
    fn reset(&mut self, reset: &Value) {
        let is_meant = |link: &Link| match reset {
            Value::Bool(all) => *all,
            Value::Str(server) => link.server == server.as_str(),
            _ => false,
        };
        let ids: Vec<Str> =
            self.links.iter().filter(|(_, link)| is_meant(link)).map(|(id, _)| id.clone()).collect();
        for id in ids {
            if let Some(link) = self.links.get(&id) {
                link.outgoing.kill();
            }
            self.gone(&id, "the connection was reset");
        }
        self.show_connections();
    }

    fn take(&mut self, event: Event) -> Option<Incoming> {
        match event.what {
            What::Data(payload) | What::Last(payload) => {
                let mut value = self.links.get(&event.id)?.last.clone();
                value.insert("payload", payload);
                return Some(Incoming { value, ..Incoming::default() });
            }
            What::Opened => {
                self.links.get_mut(&event.id)?.is_open = true;
                self.show_connections();
            }
            What::TooLong => {
                let link = self.links.get(&event.id)?;
                let text = format!("{} has sent {} bytes without a delimiter", link.server, self.form.max);
                self.host.as_ref()?.raise(NodeError::rejected(text), link.last.clone());
            }
            What::Refused(why) => {
                if self.gone(&event.id, &why) {
                    self.show(Status::new("red", "ring", "error"));
                }
            }
            What::Gone => {
                // What was written before that has been told already.
                self.settle_all();
                if self.gone(&event.id, "the connection was closed before all was sent") {
                    self.show(Status::new("grey", "ring", "disconnected"));
                }
            }
        }
        None
    }

    /// `false`: that was known.
    fn gone(&mut self, id: &Str, why: &str) -> bool {
        let is_known = self.links.remove(id).is_some();
        let lost: Vec<u64> = self.kept.iter().filter(|(_, (of, _))| of == id).map(|(n, _)| *n).collect();
        for number in lost {
            if let Some((_, delivery)) = self.kept.remove(&number) {
                delivery.fail(NodeError::rejected(why));
            }
        }
        is_known
    }

    fn settle_all(&mut self) {
        while let Ok(left) = self.left.1.try_recv() {
            self.settle(left);
        }
    }

    /// What has not left fails with its connection, which knows why.
    fn settle(&mut self, left: Left) {
        if left.all
            && let Some((_, delivery)) = self.kept.remove(&left.number)
        {
            delivery.confirm();
        }
    }

    fn show_connections(&self) {
        let open = self.links.values().filter(|link| link.is_open).count();
        let shape = if open == 0 { "ring" } else { "dot" };
        self.show(Status::new("green", shape, connections(open)));
    }

    fn show(&self, status: Status) {
        if let Some(host) = &self.host {
            host.status(status);
        }
    }
}

impl Connector for Keep {
    async fn open(&mut self, host: Arc<dyn ConnectorHost>) -> Result<(), NodeError> {
        self.tls = Tls::find(&*host, &self.form.tls)?;
        host.status(Status::clear());
        self.host = Some(host);
        Ok(())
    }

    async fn next(&mut self) -> Result<Vec<Incoming>, NodeError> {
        loop {
            // Each wait can be dropped at any time.
            tokio::select! {
                Some(event) = self.events.1.recv() => {
                    let incoming = self.take(event);
                    if incoming.is_some() || self.full_until.is_some() {
                        return Ok(incoming.into_iter().collect());
                    }
                }
                Some(left) = self.left.1.recv() => {
                    self.settle(left);
                    return Ok(Vec::new());
                }
                Some(_) = self.tasks.join_next() => {}
                () = at(self.full_until) => {
                    self.full_until = None;
                    return Ok(Vec::new());
                }
            }
        }
    }

    async fn handle(&mut self, batch: &mut Vec<Delivery>) -> Result<(), NodeError> {
        self.full_until = None;
        let mut offered = std::mem::take(batch).into_iter();
        while self.kept.len() < WINDOW
            && let Some(delivery) = offered.next()
        {
            if let Some(delivery) = self.send(delivery) {
                batch.push(delivery);
                break;
            }
        }
        batch.extend(offered);
        Ok(())
    }

    fn take_unconfirmed(&mut self) -> Vec<Delivery> {
        self.settle_all();
        std::mem::take(&mut self.kept).into_values().map(|(_, delivery)| delivery).collect()
    }

    async fn close(&mut self) {
        self.links.clear();
        self.tasks.shutdown().await;
        self.events = Events::channel();
    }
}

#[cfg(test)]
#[path = "keep_tests.rs"]
mod tests;

//! tcp out to many: all that connect here, or the connections of `tcp in` nodes.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::outgoing::{Left, Outgoing, Receipt, at};
use super::peer::{Event, What};
use super::sessions::{Sessions, session_of};
use super::stream::{self, Tls};
use super::tcp_in::connections;
use super::tcp_out_form::{Common, payload};
use super::tcp_server::{Server, Service};
use crate::connector::{Connector, ConnectorHost, Delivery, Incoming};
use crate::error::NodeError;
use crate::host::{Level, Status};
use crate::value::Value;

/// Messages in hand. More are not taken.
const WINDOW: usize = 1024;

pub struct TcpOut {
    serves: Option<Serves>,
    is_base64: bool,
    /// Where it sends to.
    sessions: Arc<Sessions>,
    host: Option<Arc<dyn ConnectorHost>>,
    /// What is on its way, in the order in which it came.
    kept: BTreeMap<u64, Kept>,
    next: u64,
    left: (mpsc::UnboundedSender<Left>, mpsc::UnboundedReceiver<Left>),
    /// A message waits for a connection that does not take what it has, and until when that may be.
    full_until: Option<Instant>,
}

struct Serves {
    port: u16,
    connections: usize,
    end: bool,
    tls: String,
    server: Option<Server>,
    open: usize,
}

struct Kept {
    delivery: Delivery,
    /// Connections that have not told yet what became of it.
    waiting: usize,
    /// Whether it is for one connection only, which then has to have it.
    is_reply: bool,
}

impl TcpOut {
    pub fn serving(port: u16, connections: usize, common: Common) -> TcpOut {
        let Common { is_base64, end, tls } = common;
        let serves = Serves { port, connections, end, tls, server: None, open: 0 };
        TcpOut { serves: Some(serves), ..TcpOut::replying(is_base64, Arc::default()) }
    }

    pub fn replying(is_base64: bool, sessions: Arc<Sessions>) -> TcpOut {
        TcpOut {
            serves: None,
            is_base64,
            sessions,
            host: None,
            kept: BTreeMap::new(),
            next: 0,
            left: mpsc::unbounded_channel(),
            full_until: None,
        }
    }
}

impl Connector for TcpOut {
    async fn open(&mut self, host: Arc<dyn ConnectorHost>) -> Result<(), NodeError> {
        self.host = Some(host.clone());
        let Some(serves) = &mut self.serves else {
            host.status(Status::clear());
            return Ok(());
        };
        let acceptor = Tls::find(&*host, &serves.tls)?.acceptor()?;
        let listener = stream::listen(serves.port)?;
        let port = listener.local_addr().map_or(serves.port, |address| address.port());
        host.log(Level::Info, &format!("listening on port {port}"));
        host.status(Status::text(connections(0)));
        let (connections, own) = (serves.connections, self.sessions.clone());
        let service = Service { acceptor, cutting: None, connections, own, shared: None };
        serves.server = Some(Server::start(listener, service, host));
        serves.open = 0;
        Ok(())
    }

    /// Hears what has left, and of connections that come and go.
    async fn next(&mut self) -> Result<Vec<Incoming>, NodeError> {
        loop {
            let server = self.serves.as_mut().and_then(|serves| serves.server.as_mut());
            // Each wait can be dropped at any time.
            tokio::select! {
                Some(left) = self.left.1.recv() => {
                    self.settle(left);
                    self.settle_all();
                    return Ok(Vec::new());
                }
                event = event(server) => match event {
                    Some(event) => self.saw(event),
                    None => return Err(NodeError::disconnected("the listener has ended")),
                },
                () = at(self.full_until) => {
                    self.full_until = None;
                    return Ok(Vec::new());
                }
            }
        }
    }

    async fn handle(&mut self, batch: &mut Vec<Delivery>) -> Result<(), NodeError> {
        self.settle_all();
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
        std::mem::take(&mut self.kept).into_values().map(|kept| kept.delivery).collect()
    }

    async fn close(&mut self) {
        let server = self.serves.as_mut().and_then(|serves| serves.server.take());
        if let Some(server) = server {
            server.stop().await;
        }
    }
}

async fn event(server: Option<&mut Server>) -> Option<Event> {
    match server {
        Some(server) => server.events.recv().await,
        None => pending().await,
    }
}

impl TcpOut {
    /// Gives it back when there is no room for it.
    fn send(&mut self, delivery: Delivery) -> Option<Delivery> {
        let message = delivery.message();
        let session = if self.serves.is_some() { None } else { session_of(&message.value) };
        let targets = match session {
            None => self.sessions.all(),
            Some(id) => match self.sessions.find(id) {
                Some(found) => vec![found],
                None => {
                    let text = format!("the connection {id} that it came from is closed");
                    delivery.fail(NodeError::rejected(text));
                    return None;
                }
            },
        };
        let is_reply = session.is_some();
        if self.serves.is_none() && message.get("reset").and_then(Value::as_bool) == Some(true) {
            targets.iter().for_each(|target| target.kill());
            delivery.confirm();
            return None;
        }
        let bytes = match payload(message, self.is_base64) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => {
                delivery.confirm();
                return None;
            }
            Err(error) => {
                delivery.fail(error);
                return None;
            }
        };
        if self.has_to_wait(&targets) {
            return Some(delivery);
        }
        let end = self.serves.as_ref().is_some_and(|serves| serves.end);
        let number = self.next;
        self.next += 1;
        let mut waiting = 0;
        for target in &targets {
            waiting += 1;
            target.push(bytes.clone(), Receipt::new(number, self.left.0.clone()));
            if end {
                target.finish();
            }
        }
        if waiting == 0 {
            delivery.confirm();
        } else {
            self.kept.insert(number, Kept { delivery, waiting, is_reply });
        }
        None
    }

    /// Whether one of them has no room. One that has had none for long is cut off, so that others need not wait.
    fn has_to_wait(&mut self, targets: &[Arc<Outgoing>]) -> bool {
        let now = Instant::now();
        for target in targets {
            match target.full_until() {
                Some(until) if until <= now => {
                    target.kill();
                    if let Some(host) = &self.host {
                        host.log(Level::Warn, "a connection was closed: the other side does not read");
                    }
                }
                Some(until) => {
                    self.full_until = Some(until);
                    return true;
                }
                None => {}
            }
        }
        false
    }

    fn settle_all(&mut self) {
        while let Ok(left) = self.left.1.try_recv() {
            self.settle(left);
        }
    }

    fn settle(&mut self, left: Left) {
        let Some(kept) = self.kept.get_mut(&left.number) else { return };
        kept.waiting -= 1;
        let is_lost = kept.is_reply && !left.all;
        if kept.waiting > 0 {
            return;
        }
        let Some(kept) = self.kept.remove(&left.number) else { return };
        if is_lost {
            kept.delivery.fail(NodeError::rejected("the connection was closed before all was sent"));
        } else {
            kept.delivery.confirm();
        }
    }

    fn saw(&mut self, event: Event) {
        let (Some(host), Some(serves)) = (&self.host, &mut self.serves) else { return };
        let from = event.from.map(|from| from.to_string()).unwrap_or_default();
        match event.what {
            What::Opened => {
                serves.open += 1;
                host.log(Level::Info, &format!("connection from {from}"));
            }
            What::Gone => {
                serves.open = serves.open.saturating_sub(1);
                host.log(Level::Info, &format!("connection closed from {from}"));
            }
            What::Refused(why) => {
                host.log(Level::Warn, &format!("a connection from {from} was refused: {why}"));
            }
            // What comes in is thrown away.
            What::Data(_) | What::Last(_) | What::TooLong => {}
        }
        host.status(Status::text(connections(serves.open)));
    }
}

#[cfg(test)]
#[path = "tcp_out_tests.rs"]
mod tests;

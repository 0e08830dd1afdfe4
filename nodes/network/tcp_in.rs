//! tcp in: what comes over TCP, from those that connect here or from a server.

use std::future::pending;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::outgoing::Outgoing;
use super::peer::{EVENTS, Event, Events, Peer, What};
use super::sessions::{Sessions, session};
use super::stream::{self, Tls, place};
use super::tcp_in_form::{DESCRIPTOR, Form};
use super::tcp_server::{Server, Service};
use crate::connector::{Connector, ConnectorHost, Incoming};
use crate::error::NodeError;
use crate::host::{Level, Status};
use crate::node::{Built, NodeConfig, NodeType};
use crate::value::{Object, Str};

pub const NODE: NodeType = NodeType { descriptor: &DESCRIPTOR, build };

fn build(config: &NodeConfig) -> Result<Built, NodeError> {
    make(config, Sessions::shared()).map(Built::connector)
}

fn make(config: &NodeConfig, sessions: Arc<Sessions>) -> Result<TcpIn, NodeError> {
    let form = Form::read(config)?;
    Ok(TcpIn { form, sessions, open: None, connections: 0, lost: None })
}

struct TcpIn {
    form: Form,
    sessions: Arc<Sessions>,
    open: Option<Open>,
    connections: usize,
    /// The connection to the server is gone, and all that came from it is handed over.
    lost: Option<NodeError>,
}

struct Open {
    source: Source,
    host: Arc<dyn ConnectorHost>,
}

enum Source {
    Server(Server),
    Client { events: mpsc::Receiver<Event>, task: JoinHandle<()> },
}

impl Connector for TcpIn {
    async fn open(&mut self, host: Arc<dyn ConnectorHost>) -> Result<(), NodeError> {
        (self.connections, self.lost) = (0, None);
        let tls = Tls::find(&*host, &self.form.tls)?;
        let source = match &self.form.host {
            None => Source::Server(self.listen(&tls, &host)?),
            Some(server) => {
                host.status(Status::new("grey", "dot", "connecting"));
                let stream = stream::connect(server, self.form.port, &tls).await?;
                host.log(Level::Info, &format!("connected to {}", place(server, self.form.port)));
                self.client(stream)
            }
        };
        self.open = Some(Open { source, host });
        Ok(())
    }

    async fn next(&mut self) -> Result<Vec<Incoming>, NodeError> {
        let mut came = Vec::new();
        loop {
            if let Some(error) = self.lost.take() {
                return Err(error);
            }
            let Some(open) = &mut self.open else { return pending().await };
            let events = match &mut open.source {
                Source::Server(server) => &mut server.events,
                Source::Client { events, .. } => events,
            };
            // Takes nothing when it is dropped, and there is no other wait behind it.
            if events.recv_many(&mut came, EVENTS).await == 0 {
                return Err(NodeError::disconnected("the connection has ended"));
            }
            let incoming: Vec<Incoming> = came.drain(..).filter_map(|event| self.take(event)).collect();
            if !incoming.is_empty() {
                return Ok(incoming);
            }
        }
    }

    async fn close(&mut self) {
        match self.open.take().map(|open| open.source) {
            Some(Source::Server(server)) => server.stop().await,
            Some(Source::Client { task, events }) => {
                drop(events);
                task.abort();
            }
            None => {}
        }
    }
}

impl Drop for TcpIn {
    fn drop(&mut self) {
        if let Some(Source::Client { task, .. }) = self.open.take().map(|open| open.source) {
            task.abort();
        }
    }
}

impl TcpIn {
    fn listen(&self, tls: &Tls, host: &Arc<dyn ConnectorHost>) -> Result<Server, NodeError> {
        let acceptor = tls.acceptor()?;
        let listener = stream::listen(self.form.port)?;
        let port = listener.local_addr().map_or(self.form.port, |address| address.port());
        host.log(Level::Info, &format!("listening on port {port}"));
        let service = Service {
            acceptor,
            cutting: Some(self.form.cutting.clone()),
            connections: self.form.connections,
            own: Arc::default(),
            shared: Some(self.sessions.clone()),
        };
        Ok(Server::start(listener, service, host.clone()))
    }

    fn client(&self, stream: stream::BoxedStream) -> Source {
        let (events, receiver) = Events::channel();
        let (id, outgoing) = (self.sessions.new_id(), Arc::new(Outgoing::default()));
        let entry = self.sessions.enter(&id, outgoing.clone());
        let cutting = Some(self.form.cutting.clone());
        let task = tokio::spawn(async move {
            let _entry = entry;
            Peer { id, from: None, outgoing, events, lingers: true }.serve(stream, cutting).await;
        });
        Source::Client { events: receiver, task }
    }

    fn take(&mut self, event: Event) -> Option<Incoming> {
        let is_client = self.form.host.is_some();
        match event.what {
            What::Data(payload) | What::Last(payload) => {
                let mut value = Object::new();
                value.insert("topic", self.form.topic.as_str());
                value.insert("payload", payload);
                about(&mut value, &event.id, event.from);
                return Some(Incoming { value, ..Incoming::default() });
            }
            What::Opened if is_client => {
                let mut status = Status::new("green", "dot", "connected");
                status.other.insert("_session", session(&event.id));
                self.show(status);
            }
            What::Opened => {
                self.connections += 1;
                self.count(&event.id, event.from, "connect");
            }
            What::Gone if is_client => {
                self.lost.get_or_insert_with(|| {
                    let server = place(self.form.host.as_deref().unwrap_or_default(), self.form.port);
                    NodeError::disconnected(format!("connection lost to {server}"))
                });
            }
            What::Gone => {
                self.connections = self.connections.saturating_sub(1);
                self.count(&event.id, event.from, "disconnect");
            }
            What::TooLong => {
                let unit = if self.form.cutting.stream { "without a delimiter" } else { "and has not ended" };
                let text = format!(
                    "the other side has sent {} bytes {unit}: the connection is closed",
                    self.form.cutting.max
                );
                let mut value = Object::new();
                value.insert("topic", self.form.topic.as_str());
                about(&mut value, &event.id, event.from);
                if let Some(open) = &self.open {
                    open.host.raise(NodeError::rejected(text), value);
                }
            }
            What::Refused(why) => {
                let from = event.from.map(|from| from.to_string()).unwrap_or_default();
                if let Some(open) = &self.open {
                    open.host.log(Level::Warn, &format!("a connection from {from} was refused: {why}"));
                }
            }
        }
        None
    }

    fn count(&self, id: &Str, from: Option<SocketAddr>, event: &str) {
        let mut status = Status::text(connections(self.connections));
        status.other.insert("event", event);
        about(&mut status.other, id, from);
        self.show(status);
    }

    fn show(&self, status: Status) {
        if let Some(open) = &self.open {
            open.host.status(status);
        }
    }
}

/// As Node-RED says it.
pub fn connections(count: usize) -> String {
    if count == 1 { "1 connection".to_string() } else { format!("{count} connections") }
}

/// Where something came from.
fn about(object: &mut Object, id: &Str, from: Option<SocketAddr>) {
    if let Some(from) = from {
        object.insert("ip", from.ip().to_string());
        object.insert("port", i64::from(from.port()));
    }
    object.insert("_session", session(id));
}

#[cfg(test)]
#[path = "tcp_in_tests.rs"]
mod tests;

//! tcp out to a server: each message is kept until all its bytes are with the operating system.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::outgoing::{Left, Outgoing, Receipt};
use super::peer::{Event, Events, Peer, What};
use super::stream::{self, Tls, place};
use super::tcp_out_form::{Common, payload};
use crate::connector::{Connector, ConnectorHost, Delivery, Incoming};
use crate::error::NodeError;
use crate::host::{Level, Status};

/// Messages in hand. More are not taken.
const WINDOW: usize = 256;

pub struct TcpOutClient {
    server: String,
    port: u16,
    common: Common,
    tls: Tls,
    host: Option<Arc<dyn ConnectorHost>>,
    link: Option<Link>,
    /// What has not left, in the order in which it came.
    kept: BTreeMap<u64, Delivery>,
    next: u64,
    left: (mpsc::UnboundedSender<Left>, mpsc::UnboundedReceiver<Left>),
}

struct Link {
    outgoing: Arc<Outgoing>,
    events: mpsc::Receiver<Event>,
    task: JoinHandle<()>,
}

impl TcpOutClient {
    pub fn new(server: String, port: u16, common: Common) -> TcpOutClient {
        TcpOutClient {
            server,
            port,
            common,
            tls: Tls::default(),
            host: None,
            link: None,
            kept: BTreeMap::new(),
            next: 0,
            left: mpsc::unbounded_channel(),
        }
    }

    async fn connect(&mut self) -> Result<(), NodeError> {
        self.show(Status::new("grey", "dot", "connecting"));
        let stream = stream::connect(&self.server, self.port, &self.tls).await?;
        let (events, receiver) = Events::channel();
        let outgoing = Arc::new(Outgoing::default());
        let peer = Peer { id: "".into(), from: None, outgoing: outgoing.clone(), events, lingers: false };
        let task = tokio::spawn(async move { peer.serve(stream, None).await });
        self.link = Some(Link { outgoing, events: receiver, task });
        self.show(Status::new("green", "dot", "connected"));
        Ok(())
    }

    fn show(&self, status: Status) {
        if let Some(host) = &self.host {
            host.status(status);
        }
    }

    fn has_room(&self) -> bool {
        // One that closes after each message sends one at a time.
        let window = if self.common.end { 1 } else { WINDOW };
        let is_full = self.link.as_ref().is_some_and(|link| link.outgoing.full_until().is_some());
        self.kept.len() < window && !is_full
    }

    async fn send(&mut self, delivery: Delivery) -> Result<(), NodeError> {
        let bytes = match payload(delivery.message(), self.common.is_base64) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => {
                delivery.confirm();
                return Ok(());
            }
            Err(error) => {
                delivery.fail(error);
                return Ok(());
            }
        };
        let number = self.next;
        self.next += 1;
        // Kept first: it comes back from there when there is no connection.
        self.kept.insert(number, delivery);
        if self.link.is_none() {
            self.connect().await?;
        }
        let Some(link) = &self.link else { return Ok(()) };
        let is_open = link.outgoing.push(bytes, Receipt::new(number, self.left.0.clone()));
        if !is_open {
            return Err(self.lost());
        }
        if self.common.end {
            link.outgoing.finish();
        }
        Ok(())
    }

    fn settle(&mut self, left: Left) -> Result<(), NodeError> {
        if !left.all {
            // It stays with those that are given back, and the connection is gone.
            return if self.kept.contains_key(&left.number) { Err(self.lost()) } else { Ok(()) };
        }
        if let Some(delivery) = self.kept.remove(&left.number) {
            delivery.confirm();
        }
        if self.common.end {
            // It closes by itself, without haste.
            self.link = None;
            self.show(Status::clear());
        }
        Ok(())
    }

    fn lost(&self) -> NodeError {
        NodeError::disconnected(format!("connection lost to {}", place(&self.server, self.port)))
    }
}

impl Connector for TcpOutClient {
    async fn open(&mut self, host: Arc<dyn ConnectorHost>) -> Result<(), NodeError> {
        self.tls = Tls::find(&*host, &self.common.tls)?;
        self.host = Some(host.clone());
        self.connect().await?;
        host.log(Level::Info, &format!("connected to {}", place(&self.server, self.port)));
        Ok(())
    }

    /// Hears what has left, and that the connection is gone.
    async fn next(&mut self) -> Result<Vec<Incoming>, NodeError> {
        loop {
            let gone = async {
                match &mut self.link {
                    Some(link) => link.events.recv().await,
                    None => pending().await,
                }
            };
            // Both waits can be dropped at any time.
            tokio::select! {
                biased;
                Some(left) = self.left.1.recv() => {
                    self.settle(left)?;
                    return Ok(Vec::new());
                }
                event = gone => match event.map(|event| event.what) {
                    Some(What::Gone) | None => return Err(self.lost()),
                    Some(_) => {}
                },
            }
        }
    }

    async fn handle(&mut self, batch: &mut Vec<Delivery>) -> Result<(), NodeError> {
        let mut offered = std::mem::take(batch).into_iter();
        let mut sent = Ok(());
        while sent.is_ok()
            && self.has_room()
            && let Some(delivery) = offered.next()
        {
            sent = self.send(delivery).await;
        }
        batch.extend(offered);
        sent
    }

    fn take_unconfirmed(&mut self) -> Vec<Delivery> {
        if let Some(link) = &self.link {
            link.outgoing.close();
        }
        while let Ok(left) = self.left.1.try_recv() {
            if left.all
                && let Some(delivery) = self.kept.remove(&left.number)
            {
                delivery.confirm();
            }
        }
        std::mem::take(&mut self.kept).into_values().collect()
    }

    async fn close(&mut self) {
        // What was written leaves in any case: that is the operating system's work.
        if let Some(link) = self.link.take() {
            link.task.abort();
        }
    }
}

impl Drop for TcpOutClient {
    fn drop(&mut self) {
        if let Some(link) = self.link.take() {
            link.task.abort();
        }
    }
}

#[cfg(test)]
#[path = "tcp_out_client_tests.rs"]
mod tests;

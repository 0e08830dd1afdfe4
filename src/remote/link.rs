//! A connection to the broker for deploys, for gateways and for those who deploy. The engine opens it, again and again; what
//! is said over it is said until the broker has it, and what is listened to is listened to again after each break.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use tidegate_nodes::error::NodeError;
use tidegate_nodes::mqtt::client::{Client, Connecting, Sending, Told};
use tidegate_nodes::value::Str;
use tokio::sync::watch;

use super::address::Address;
use super::topics::LARGEST_PACKET;
use crate::engine::{Engine, NodeRef};

pub struct Link {
    client: Arc<Client>,
    stands: watch::Receiver<u64>,
    is_up: bool,
    filters: BTreeSet<String>,
    /// Not with the broker yet, and not sent over this connection.
    waiting: VecDeque<Said>,
    /// Sent, and not confirmed.
    flying: BTreeMap<u64, Said>,
    last: u64,
    heard: VecDeque<Heard>,
}

struct Said {
    number: u64,
    topic: String,
    payload: Bytes,
}

#[derive(Debug)]
pub enum Heard {
    Up,
    Down,
    Message {
        topic: Str,
        payload: Bytes,
    },
    /// The broker has what was said under this number.
    Sent(u64),
    /// It will never have it, or never let us hear something: why.
    Refused(String),
}

/// Where to, and as whom.
pub struct Peer<'p> {
    pub address: &'p Address,
    pub authority: Option<&'p Path>,
    pub client_id: String,
    /// What is said for it when it is gone, and where.
    pub last_will: Option<(String, String)>,
}

impl Link {
    /// Begins to connect. The engine does so until it stops.
    pub fn open(engine: &Engine, peer: Peer<'_>) -> Result<Link, NodeError> {
        let client = Client::new(Connecting {
            url: peer.address.url.clone(),
            user: peer.address.user.clone(),
            password: peer.address.password.to_string(),
            authority: peer.authority.map(|file| file.to_string_lossy().into_owned()),
            client_id: peer.client_id,
            will: peer.last_will,
            largest_packet: LARGEST_PACKET,
        })?;
        // Ids that editors make have no spaces.
        let name = "the connection for deploys";
        let node = NodeRef {
            id: Str::new(name),
            document_id: Str::new(name),
            type_name: Str::new("mqtt-broker"),
            name: Str::default(),
            flow: Str::default(),
        };
        let stands = client.stands();
        engine.open_beside(node, client.built());
        Ok(Link {
            client,
            stands,
            is_up: false,
            filters: BTreeSet::new(),
            waiting: VecDeque::new(),
            flying: BTreeMap::new(),
            last: 0,
            heard: VecDeque::new(),
        })
    }

    pub fn is_up(&self) -> bool {
        self.is_up
    }

    /// Everything that was said is with the broker.
    pub fn is_quiet(&self) -> bool {
        self.waiting.is_empty() && self.flying.is_empty()
    }

    /// Says something, retained. What waits still for the same topic is not said any more.
    pub fn say(&mut self, topic: String, payload: impl Into<Bytes>) -> u64 {
        self.last += 1;
        self.waiting.retain(|said| said.topic != topic);
        self.waiting.push_back(Said { number: self.last, topic, payload: payload.into() });
        self.pump();
        self.last
    }

    pub fn subscribe(&mut self, filter: String) {
        if self.is_up {
            self.ask(&filter);
        }
        self.filters.insert(filter);
    }

    pub fn unsubscribe(&mut self, filter: &str) {
        if self.filters.remove(filter) {
            self.client.unsubscribe(filter);
        }
    }

    /// Waits for what comes next. Nothing is lost when the future is dropped.
    pub async fn hear(&mut self) -> Heard {
        loop {
            if let Some(heard) = self.heard.pop_front() {
                return heard;
            }
            let told = self.client.next(&mut self.stands).await;
            told.into_iter().for_each(|told| self.told(told));
            self.pump();
        }
    }

    fn told(&mut self, told: Told) {
        match told {
            Told::Up => {
                self.came_down();
                self.is_up = true;
                let filters: Vec<String> = self.filters.iter().cloned().collect();
                filters.iter().for_each(|filter| self.ask(filter));
                self.heard.push_back(Heard::Up);
            }
            Told::Down if self.is_up => {
                self.came_down();
                self.heard.push_back(Heard::Down);
            }
            Told::Down | Told::Room => {}
            Told::Message { topic, payload } => self.heard.push_back(Heard::Message { topic, payload }),
            Told::Sent { number, refused } => {
                let Some(said) = self.flying.remove(&number) else { return };
                self.heard.push_back(match refused {
                    None => Heard::Sent(number),
                    Some(why) => Heard::Refused(format!("the broker does not take {}: {why}", said.topic)),
                });
            }
            Told::NotSubscribed { filter, why } => {
                self.heard.push_back(Heard::Refused(format!("the broker does not give {filter}: {why}")));
            }
        }
    }

    /// What was not confirmed may not have arrived.
    fn came_down(&mut self) {
        self.is_up = false;
        while let Some((_, said)) = self.flying.pop_last() {
            // Something newer was said there meanwhile.
            if !self.waiting.iter().any(|waiting| waiting.topic == said.topic) {
                self.waiting.push_front(said);
            }
        }
    }

    fn ask(&mut self, filter: &str) {
        if let Err(error) = self.client.subscribe(filter) {
            self.heard.push_back(Heard::Refused(format!("{filter}: {error}")));
        }
    }

    fn pump(&mut self) {
        while let (true, Some(said)) = (self.is_up, self.waiting.pop_front()) {
            match self.client.publish(said.number, &said.topic, said.payload.clone()) {
                Sending::Taken => drop(self.flying.insert(said.number, said)),
                Sending::NoRoom => {
                    self.waiting.push_front(said);
                    return;
                }
                Sending::Refused(why) => {
                    self.heard.push_back(Heard::Refused(format!("{}: {why}", said.topic)));
                }
            }
        }
    }
}

//! An MQTT connection for the gateway itself, outside of any flow. It is hosted as the broker of a flow is, so that it is
//! opened again with the same back-off, and speaks through the same session.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::watch;

use super::broker::Broker;
use super::mailbox::{Event, Mailbox};
use super::packet::{Publish, Qos, SubscribeOptions};
use super::session_out::Publishing;
use super::settings_raw::{Credentials, Raw};
use crate::connector::{DynResource, Resource, ResourceHost};
use crate::error::NodeError;
use crate::host::{Level, Logs};
use crate::node::{Built, Kind};
use crate::tls::{Pem, TlsSettings};
use crate::value::Str;
use crate::web::Http;

/// Where to connect to, and as whom.
pub struct Connecting {
    /// Without a user and a password: `mqtt://host:port`, `mqtts://host:port`.
    pub url: String,
    pub user: String,
    pub password: String,
    /// A file with the certificates to trust in place of those of the system.
    pub authority: Option<String>,
    pub client_id: String,
    /// What the broker says, retained, when this client is gone.
    pub will: Option<(String, String)>,
    pub largest_packet: usize,
}

/// What has happened.
#[derive(Debug)]
pub enum Told {
    Up,
    Down,
    Message {
        topic: Str,
        payload: Bytes,
    },
    /// The broker has the message of this number, or says why not.
    Sent {
        number: u64,
        refused: Option<String>,
    },
    /// It is not let in to what it wanted to hear.
    NotSubscribed {
        filter: Arc<str>,
        why: String,
    },
    /// More can be sent again.
    Room,
}

/// What became of the wish to send something.
pub enum Sending {
    Taken,
    NoRoom,
    Refused(String),
}

pub struct Client {
    broker: Broker,
    mailbox: Arc<Mailbox>,
    user: u64,
    tls: Option<Arc<dyn DynResource>>,
    /// Which of its connections stands; 0 is none.
    stands: watch::Sender<u64>,
}

/// Under which name the broker asks for the TLS settings.
const TLS: &str = "tls";
/// Seconds. A gateway that was cut off counts as gone after one and a half of it.
const KEEP_ALIVE: f64 = 30.0;

impl Client {
    pub fn new(connecting: Connecting) -> Result<Arc<Client>, NodeError> {
        let (will_topic, will_payload) = connecting.will.unwrap_or_default();
        let broker = Broker::new(Raw {
            url: connecting.url,
            tls: connecting.authority.as_ref().map(|_| TLS.to_string()).unwrap_or_default(),
            clientid: connecting.client_id,
            keepalive: Some(KEEP_ALIVE),
            maximum_packet_size: Some(connecting.largest_packet as f64),
            // Who leaves in order says the same as the broker would say for one that is lost.
            close_topic: will_topic.clone(),
            close_payload: will_payload.clone().into(),
            close_qos: Some(1.0),
            close_retain: true,
            will_topic,
            will_payload: will_payload.into(),
            will_qos: Some(1.0),
            will_retain: true,
            credentials: Credentials { user: connecting.user, password: connecting.password },
            ..Raw::default()
        })?;
        let tls = connecting.authority.map(|file| -> Arc<dyn DynResource> {
            Arc::new(TlsSettings { authority: Pem::File(file), ..TlsSettings::default() })
        });
        let mailbox = Arc::<Mailbox>::default();
        let user = broker.join(mailbox.clone());
        Ok(Arc::new(Client { broker, mailbox, user, tls, stands: watch::Sender::new(0) }))
    }

    /// For whoever hosts it.
    pub fn built(self: &Arc<Client>) -> Built {
        Built::of(Kind::Resource(self.clone()))
    }

    /// To be given to [`Client::next`].
    pub fn stands(&self) -> watch::Receiver<u64> {
        let mut stands = self.stands.subscribe();
        stands.mark_changed();
        stands
    }

    pub fn is_connected(&self) -> bool {
        self.broker.is_connected()
    }

    /// From now on, also over connections that come later.
    pub fn subscribe(&self, filter: &str) -> Result<(), NodeError> {
        let options = SubscribeOptions { qos: Qos::AtLeastOnce, ..SubscribeOptions::default() };
        self.broker.subscribe(self.user, filter, options)
    }

    pub fn unsubscribe(&self, filter: &str) {
        self.broker.unsubscribe(self.user, filter);
    }

    /// Sends at QoS 1, retained. What it was comes as [`Told::Sent`], unless the connection is lost before: then it may or
    /// may not have arrived.
    pub fn publish(&self, number: u64, topic: &str, payload: Bytes) -> Sending {
        let packet = Publish {
            topic: Str::new(topic),
            payload,
            qos: Qos::AtLeastOnce,
            retain: true,
            ..Publish::default()
        };
        let mut sending = Sending::NoRoom;
        self.broker.publish(self.user, |put| {
            sending = match put(number, packet) {
                Publishing::Taken => Sending::Taken,
                Publishing::NoRoom => Sending::NoRoom,
                Publishing::Refused(error) => Sending::Refused(error.to_string()),
            };
        });
        sending
    }

    /// Waits until something happens. Nothing is lost when the future is dropped. Messages count as taken with this.
    pub async fn next(&self, stands: &mut watch::Receiver<u64>) -> VecDeque<Told> {
        let events = tokio::select! {
            biased;
            _ = stands.changed() => {
                let told = if *stands.borrow_and_update() == 0 { Told::Down } else { Told::Up };
                return [told].into();
            }
            events = self.mailbox.take() => events,
        };
        let mut settled = Vec::new();
        let told = events.into_iter().filter_map(|event| match event {
            Event::Message { publish, number, .. } => {
                settled.extend(number);
                Some(Told::Message { topic: publish.topic, payload: publish.payload })
            }
            Event::Sent { number, verdict } => {
                let refused = verdict.is_refusal().then(|| verdict.to_string());
                Some(Told::Sent { number, refused })
            }
            Event::Subscribed { filter, verdict } if verdict.is_refusal() => {
                Some(Told::NotSubscribed { filter, why: verdict.to_string() })
            }
            Event::Subscribed { .. } => None,
            Event::Room => Some(Told::Room),
        });
        let told = told.collect();
        self.broker.settle(settled.into_iter());
        told
    }
}

impl Resource for Client {
    async fn wanted(&self) {
        Resource::wanted(&self.broker).await;
    }

    async fn open(&self, host: Arc<dyn ResourceHost>) -> Result<(), NodeError> {
        static OPENED: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
        let host = match &self.tls {
            Some(tls) => Arc::new(WithTls { host, tls: tls.clone() }),
            None => host,
        };
        Resource::open(&self.broker, host).await?;
        self.stands.send_replace(OPENED.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        Ok(())
    }

    async fn run(&self) -> Result<(), NodeError> {
        Resource::run(&self.broker).await
    }

    async fn close(&self) {
        Resource::close(&self.broker).await;
        self.stands.send_if_modified(|stands| std::mem::replace(stands, 0) != 0);
    }
}

/// The host, and TLS settings that stand in no flow.
struct WithTls {
    host: Arc<dyn ResourceHost>,
    tls: Arc<dyn DynResource>,
}

impl ResourceHost for WithTls {
    fn log(&self, level: Level, text: &str) {
        self.host.log(level, text);
    }

    fn lost(&self, count: u64, reason: &'static str) {
        self.host.lost(count, reason);
    }

    fn resource(&self, id: &str) -> Option<Arc<dyn DynResource>> {
        if id == TLS { Some(self.tls.clone()) } else { self.host.resource(id) }
    }

    fn random(&self) -> u64 {
        self.host.random()
    }

    fn wall_ms(&self) -> i64 {
        self.host.wall_ms()
    }

    fn logs(&self) -> Option<Arc<dyn Logs>> {
        self.host.logs()
    }

    fn http(&self) -> Option<Arc<dyn Http>> {
        self.host.http()
    }
}

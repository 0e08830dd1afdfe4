//! The shared connection to a broker: carries the session's bytes, keeps it alive, and is switched on and off.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use tokio::sync::{Notify, watch};

use super::codec4::Codec4;
use super::codec5::Codec5;
use super::connection::Link;
use super::frame::Frames;
use super::mailbox::Mailbox;
use super::packet::{Codec, ConnAck, Publish, SubscribeOptions, Version};
use super::session::Session;
use super::session_out::Publishing;
use super::settings::Settings;
use super::settings_raw::Raw;
use super::transport;
use crate::connector::{Resource, ResourceHost};
use crate::error::NodeError;
use crate::host::Level;
use crate::tls::TlsSettings;

/// How long a broker may take to answer the CONNECT, and how long the last bytes may take to leave.
const ANSWER: Duration = Duration::from_secs(30);
const GOODBYE: Duration = Duration::from_secs(2);

pub struct Broker {
    configured: Raw,
    state: Mutex<State>,
    session: Mutex<Session>,
    /// There is something to write.
    pub(super) unwritten: Notify,
    /// Whether the connection is wanted, and how often that has changed.
    wish: watch::Sender<Wish>,
    link: tokio::sync::Mutex<Option<Link>>,
}

struct State {
    settings: Settings,
    /// One for the life of the gateway, where the flow gives none.
    own_id: Option<String>,
    host: Option<Arc<dyn ResourceHost>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Wish {
    on: bool,
    turn: u64,
}

impl Broker {
    pub fn new(configured: Raw) -> Result<Broker, NodeError> {
        let settings = configured.settings()?;
        let wish = Wish { on: settings.auto_connect, turn: 0 };
        let session = Session::new(codec(settings.version), settings.version == Version::V5);
        Ok(Broker {
            configured,
            session: Mutex::new(session),
            state: Mutex::new(State { settings, own_id: None, host: None }),
            unwritten: Notify::new(),
            wish: watch::Sender::new(wish),
            link: tokio::sync::Mutex::new(None),
        })
    }

    pub fn settings(&self) -> Settings {
        self.state().settings.clone()
    }

    pub fn is_v5(&self) -> bool {
        self.state().settings.version == Version::V5
    }

    pub fn is_local(&self) -> bool {
        self.state().settings.address.is_local()
    }

    pub fn is_connected(&self) -> bool {
        self.session().is_connected()
    }

    pub fn is_wanted(&self) -> bool {
        self.wish.borrow().on
    }

    /// Switches the connection on, with other settings where some are given.
    pub fn switch_on(&self, change: Option<&serde_json::Value>) -> Result<(), NodeError> {
        if let Some(change) = change {
            let settings = self.configured.changed_by(change)?.settings()?;
            let mut state = self.state();
            if settings.version != state.settings.version {
                self.session().set_codec(codec(settings.version), settings.version == Version::V5);
            }
            state.settings = settings;
        }
        self.wish.send_modify(|wish| *wish = Wish { on: true, turn: wish.turn + 1 });
        Ok(())
    }

    pub fn switch_off(&self) {
        self.wish.send_modify(|wish| *wish = Wish { on: false, turn: wish.turn + 1 });
    }

    pub fn join(&self, mailbox: Arc<Mailbox>) -> u64 {
        self.session().join(mailbox)
    }

    pub fn leave(&self, user: u64, unsettled: Vec<(u64, Publish)>) {
        self.session().leave(user, unsettled, Instant::now());
    }

    pub fn subscribe(&self, user: u64, filter: &str, options: SubscribeOptions) -> Result<(), NodeError> {
        let told = self.session().subscribe(user, filter, options);
        self.unwritten.notify_one();
        told.map_err(NodeError::rejected)
    }

    pub fn unsubscribe(&self, user: u64, filter: &str) {
        self.session().unsubscribe(user, filter, true, Instant::now());
        self.unwritten.notify_one();
    }

    /// How many messages of QoS 1 and 2 to offer: one at least, so that who offers it hears when there is room.
    pub fn room(&self) -> usize {
        self.session().room().max(1)
    }

    /// Hands over messages: `each` is called once, with what takes one.
    pub fn publish(&self, user: u64, each: impl FnOnce(&mut dyn FnMut(u64, Publish) -> Publishing)) {
        let mut session = self.session();
        each(&mut |number, packet| session.publish(user, number, packet));
        drop(session);
        self.unwritten.notify_one();
    }

    pub fn settle(&self, numbers: impl Iterator<Item = u64>) {
        let mut session = self.session();
        numbers.for_each(|number| session.settle(number));
        drop(session);
        self.unwritten.notify_one();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn session(&self) -> MutexGuard<'_, Session> {
        // A panic in it would be a mistake; the packets that follow show whether it is whole.
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn log(&self, level: Level, text: &str) {
        let host = self.state().host.clone();
        if let Some(host) = host {
            host.log(level, text);
        }
    }

    fn connect_settings(&self, host: &dyn ResourceHost) -> Settings {
        let mut state = self.state();
        let mut settings = state.settings.clone();
        if settings.connect.client_id.is_empty() {
            let id = state.own_id.get_or_insert_with(|| format!("tidegate_{:016x}", host.random()));
            settings.connect.client_id = id.clone();
        }
        settings
    }

    async fn connect(&self, host: Arc<dyn ResourceHost>) -> Result<(), NodeError> {
        self.state().host = Some(host.clone());
        let settings = self.connect_settings(&*host);
        let lent = settings.tls.as_ref().map(|id| {
            host.resource(id).ok_or_else(|| {
                NodeError::config("/tls", format!("the TLS settings {id} are not there or not right"))
            })
        });
        let lent = lent.transpose()?;
        let default = TlsSettings::default();
        let tls = match &lent {
            None => &default,
            Some(lent) => lent
                .as_any()
                .downcast_ref::<TlsSettings>()
                .ok_or_else(|| NodeError::config("/tls", "these are no TLS settings"))?,
        };
        let (reader, writer) = transport::connect(&settings.address, Some(tls)).await?;
        let limit = settings.connect.maximum_packet as usize;
        let mut link = Link {
            reader,
            writer,
            received: BytesMut::new(),
            frames: Frames::new(limit),
            leaving: Bytes::new(),
            keep_alive: Duration::from_secs(u64::from(settings.connect.keep_alive)),
            broken: false,
        };
        let answer =
            tokio::time::timeout(ANSWER, self.shake_hands(&mut link, &settings)).await.unwrap_or_else(
                |_| Err(NodeError::disconnected(format!("{} does not answer", settings.address))),
            )?;
        if let Some(seconds) = answer.keep_alive {
            link.keep_alive = Duration::from_secs(u64::from(seconds));
        }
        let kept = if answer.session_present { ", which has kept the session" } else { "" };
        host.log(Level::Info, &format!("connected to {}{kept}", settings.address));
        self.begin(answer, settings);
        self.unwritten.notify_one();
        *self.link.lock().await = Some(link);
        Ok(())
    }

    fn begin(&self, answer: ConnAck, settings: Settings) {
        let mut session = self.session();
        session.connected(answer, &settings);
        if let Some(birth) = settings.birth {
            // Nobody waits for it: a user with the number 0 is none.
            session.publish(0, 0, birth);
        }
    }

    pub(super) fn tell(&self, lost: std::collections::BTreeMap<&'static str, u64>, notes: Vec<String>) {
        let host = self.state().host.clone();
        let Some(host) = host else { return };
        for note in notes {
            host.log(Level::Warn, &note);
        }
        for (reason, count) in lost {
            host.lost(count, reason);
        }
    }
}

impl Resource for Broker {
    async fn wanted(&self) {
        // The sender is ours.
        let _ = self.wish.subscribe().wait_for(|wish| wish.on).await;
    }

    async fn open(&self, host: Arc<dyn ResourceHost>) -> Result<(), NodeError> {
        let mut wish = self.wish.subscribe();
        let Wish { on, turn } = *wish.borrow_and_update();
        if !on {
            return Err(NodeError::disconnected("it was switched off"));
        }
        tokio::select! {
            connected = self.connect(host) => connected,
            _ = wish.wait_for(|wish| wish.turn != turn) => Err(NodeError::disconnected("it was switched off or changed")),
        }
    }

    async fn run(&self) -> Result<(), NodeError> {
        let mut wish = self.wish.subscribe();
        let Wish { on, turn } = *wish.borrow_and_update();
        if !on {
            return Ok(());
        }
        let mut link = self.link.lock().await;
        let Some(Link { reader, writer, received, frames, leaving, keep_alive, broken }) = &mut *link else {
            return Err(NodeError::disconnected("there is no connection"));
        };
        let (heard, said) = (Mutex::new(Instant::now()), Mutex::new(Instant::now()));
        let error = tokio::select! {
            error = self.read(reader, received, frames, &heard) => error,
            error = self.write(writer, leaving, &said) => error,
            error = self.watch(*keep_alive, &heard, &said) => error,
            _ = wish.wait_for(|wish| wish.turn != turn) => return Ok(()),
        };
        *broken = true;
        Err(error)
    }

    async fn close(&self) {
        let taken = self.link.lock().await.take();
        let Some(mut link) = taken else {
            self.session().disconnected(false);
            return;
        };
        if !link.broken {
            let goodbye = self.say_goodbye(&mut link);
            if tokio::time::timeout(GOODBYE, goodbye).await.is_err() {
                self.log(Level::Warn, "the broker did not take the last bytes in time");
            }
        }
        let (lost, notes) = {
            let mut session = self.session();
            session.disconnected(link.broken);
            (std::mem::take(&mut session.lost), std::mem::take(&mut session.notes))
        };
        self.tell(lost, notes);
    }
}

pub(super) fn codec(version: Version) -> Arc<dyn Codec> {
    match version {
        Version::V3 => Arc::new(Codec4 { old: true }),
        Version::V4 => Arc::new(Codec4 { old: false }),
        Version::V5 => Arc::new(Codec5),
    }
}

impl std::fmt::Debug for Broker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "broker {}", self.state().settings.address)
    }
}

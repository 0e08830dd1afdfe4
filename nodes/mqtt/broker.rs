//! The shared connection to a broker: carries the session's bytes, keeps it alive, and is switched on and off.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use tokio::sync::{Notify, watch};

use super::codec4::Codec4;
use super::codec5::Codec5;
use super::frame::{Frame, Frames};
use super::mailbox::Mailbox;
use super::packet::{Codec, ConnAck, Publish, SubscribeOptions, Version};
use super::reasons;
use super::session::{Publishing, Session};
use super::settings::{Raw, Settings};
use super::transport::{self, Reader, Writer};
use crate::connector::{Resource, ResourceHost};
use crate::error::NodeError;
use crate::host::Level;
use crate::tls::{TlsSettings, explain};

/// How long a broker may take to answer the CONNECT, and how long the last bytes may take to leave.
const ANSWER: Duration = Duration::from_secs(30);
const GOODBYE: Duration = Duration::from_secs(2);

pub struct Broker {
    configured: Raw,
    state: Mutex<State>,
    session: Mutex<Session>,
    /// There is something to write.
    unwritten: Notify,
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

struct Link {
    reader: Reader,
    writer: Writer,
    received: BytesMut,
    frames: Frames,
    /// Taken from the session, and not all written.
    leaving: Bytes,
    keep_alive: Duration,
    broken: bool,
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

    /// Hands over messages until there is no room, or none left. `Err` for those that cannot be sent.
    pub fn publish(&self, user: u64, mut next: impl FnMut(&mut dyn FnMut(u64, Publish) -> Publishing)) {
        let mut session = self.session();
        next(&mut |number, packet| session.publish(user, number, packet));
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

    fn session(&self) -> MutexGuard<'_, Session> {
        // A panic in it would be a mistake; the packets that follow show whether it is whole.
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn log(&self, level: Level, text: &str) {
        let host = self.state().host.clone();
        if let Some(host) = host {
            host.log(level, text);
        }
    }

    /// CONNECT, and the answer to it.
    async fn shake_hands(&self, link: &mut Link, settings: &Settings) -> Result<ConnAck, NodeError> {
        let codec = codec(settings.version);
        let mut out = BytesMut::new();
        codec.connect(&settings.connect, &mut out).map_err(NodeError::rejected)?;
        let mut bytes = out.freeze();
        let address = &settings.address;
        let lost = |error: std::io::Error| {
            NodeError::disconnected(format!("the connection to {address} is lost: {}", explain(&error)))
        };
        while !bytes.is_empty() {
            link.writer.write(&mut bytes).await.map_err(lost)?;
        }
        let strange =
            |text: String| NodeError::disconnected(format!("{address} does not speak MQTT: {text}"));
        loop {
            if let Some(frame) = link.frames.next(&mut link.received).map_err(strange)? {
                let Frame::Whole(2, frame) = frame else {
                    return Err(strange("it answers with another packet than CONNACK".to_string()));
                };
                let answer = codec.read_conn_ack(frame).map_err(strange)?;
                if answer.code == 0 {
                    return Ok(answer);
                }
                let reason =
                    answer.reason.as_deref().map(|reason| format!(" ({})", reasons::shortened(reason)));
                let text = reasons::text(answer.code);
                return Err(NodeError::disconnected(format!(
                    "{address} refuses the connection: {text}{}",
                    reason.unwrap_or_default()
                )));
            }
            if link.reader.read(&mut link.received).await.map_err(lost)? == 0 {
                return Err(NodeError::disconnected(format!(
                    "{address} closes the connection instead of answering"
                )));
            }
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

    async fn read(
        &self,
        reader: &mut Reader,
        received: &mut BytesMut,
        frames: &mut Frames,
        heard: &Mutex<Instant>,
    ) -> NodeError {
        loop {
            let now = Instant::now();
            *heard.lock().unwrap_or_else(PoisonError::into_inner) = now;
            {
                let mut session = self.session();
                loop {
                    let frame = match frames.next(received) {
                        Ok(Some(frame)) => frame,
                        Ok(None) => break,
                        Err(error) => return NodeError::disconnected(format!("the broker sent {error}")),
                    };
                    if let Err(error) = session.receive(frame, now) {
                        return error;
                    }
                }
            }
            self.unwritten.notify_one();
            match reader.read(received).await {
                Ok(0) => return NodeError::disconnected("the broker has closed the connection"),
                Ok(_) => {}
                Err(error) => return lost(&error),
            }
        }
    }

    async fn write(&self, writer: &mut Writer, leaving: &mut Bytes, said: &Mutex<Instant>) -> NodeError {
        loop {
            if leaving.is_empty() {
                *leaving = self.session().out.split().freeze();
            }
            if leaving.is_empty() {
                self.unwritten.notified().await;
                continue;
            }
            match writer.write(leaving).await {
                Ok(bytes) => {
                    *said.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
                    self.session().wrote(bytes);
                }
                Err(error) => return lost(&error),
            }
        }
    }

    /// Pings, and notices a broker that says nothing any more. Looks after what waits in the session.
    async fn watch(&self, keep_alive: Duration, heard: &Mutex<Instant>, said: &Mutex<Instant>) -> NodeError {
        let at = |time: &Mutex<Instant>| *time.lock().unwrap_or_else(PoisonError::into_inner);
        let mut tick =
            tokio::time::interval(Duration::from_secs(1).min(keep_alive / 4 + Duration::from_millis(250)));
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut asked: Option<Instant> = None;
        loop {
            tick.tick().await;
            let now = Instant::now();
            if let Some(since) = asked.filter(|since| at(heard) < *since)
                && now.duration_since(since) > keep_alive.max(Duration::from_secs(2))
            {
                let text = format!("nothing was heard from the broker for {} s", keep_alive.as_secs() * 2);
                return NodeError::disconnected(text);
            }
            // A little early, for the broker counts from when it has heard.
            let due =
                !keep_alive.is_zero() && now.duration_since(at(said).min(at(heard))) >= keep_alive * 3 / 4;
            let mut session = self.session();
            if due && asked.is_none_or(|since| at(heard) >= since) {
                session.put(&[0xc0, 0]);
                asked = Some(now);
            }
            session.tick(now);
            let (lost, notes) = (std::mem::take(&mut session.lost), std::mem::take(&mut session.notes));
            drop(session);
            self.unwritten.notify_one();
            self.tell(lost, notes);
        }
    }

    fn tell(&self, lost: std::collections::BTreeMap<&'static str, u64>, notes: Vec<String>) {
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

impl Broker {
    /// What is on its way, the close message, and DISCONNECT, after which the broker does not send the will.
    async fn say_goodbye(&self, link: &mut Link) {
        let close = self.settings().close;
        {
            let mut session = self.session();
            if let Some(close) = close {
                // One that waits for an answer would not get it any more; the broker takes it all the same.
                session.publish(0, 0, close);
            }
            session.put(&[0xe0, 0]);
        }
        loop {
            if link.leaving.is_empty() {
                link.leaving = self.session().out.split().freeze();
            }
            if link.leaving.is_empty() {
                break;
            }
            match link.writer.write(&mut link.leaving).await {
                Ok(bytes) => self.session().wrote(bytes),
                Err(_) => return,
            }
        }
        link.writer.close().await;
    }
}

fn lost(error: &std::io::Error) -> NodeError {
    NodeError::disconnected(format!("the connection is lost: {}", explain(error)))
}

fn codec(version: Version) -> Arc<dyn Codec> {
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

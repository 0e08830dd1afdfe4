//! A connection to a broker that is open: carries the bytes of the session, and keeps itself alive.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};

use super::broker::{Broker, codec};
use super::frame::{Frame, Frames};
use super::packet::ConnAck;
use super::reasons;
use super::settings::Settings;
use super::transport::{Reader, Writer};
use crate::error::NodeError;
use crate::tls::explain;

pub struct Link {
    pub reader: Reader,
    pub writer: Writer,
    pub received: BytesMut,
    pub frames: Frames,
    /// Taken from the session, and not all written.
    pub leaving: Bytes,
    pub keep_alive: Duration,
    pub broken: bool,
}

impl Broker {
    /// CONNECT, and the answer to it.
    pub(super) async fn shake_hands(
        &self,
        link: &mut Link,
        settings: &Settings,
    ) -> Result<ConnAck, NodeError> {
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

    pub(super) async fn read(
        &self,
        reader: &mut Reader,
        received: &mut BytesMut,
        frames: &mut Frames,
        heard: &Mutex<Instant>,
    ) -> NodeError {
        let mut flood = Flood::new();
        loop {
            let now = Instant::now();
            *heard.lock().unwrap_or_else(PoisonError::into_inner) = now;
            let mut unasked = 0;
            {
                let mut session = self.session();
                loop {
                    let frame = match frames.next(received) {
                        Ok(Some(frame)) => frame,
                        Ok(None) => break,
                        Err(error) => return NodeError::disconnected(format!("the broker sent {error}")),
                    };
                    unasked += u32::from(is_unasked(&frame));
                    if let Err(error) = session.receive(frame, now) {
                        return error;
                    }
                }
            }
            self.unwritten.notify_one();
            match flood.after(unasked, now) {
                Rest::None => {}
                Rest::Turn => tokio::task::yield_now().await,
                Rest::Linger => tokio::time::sleep(LINGER).await,
            }
            match reader.read(received).await {
                Ok(0) => return NodeError::disconnected("the broker has closed the connection"),
                Ok(_) => {}
                Err(error) => return lost(&error),
            }
        }
    }

    pub(super) async fn write(
        &self,
        writer: &mut Writer,
        leaving: &mut Bytes,
        said: &Mutex<Instant>,
    ) -> NodeError {
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
    pub(super) async fn watch(
        &self,
        keep_alive: Duration,
        heard: &Mutex<Instant>,
        said: &Mutex<Instant>,
    ) -> NodeError {
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

    /// What is on its way, the close message, and DISCONNECT, after which the broker does not send the will.
    pub(super) async fn say_goodbye(&self, link: &mut Link) {
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

/// Messages that the broker does not wait with: of QoS 0.
fn is_unasked(frame: &Frame) -> bool {
    matches!(frame, Frame::Whole(3, bytes) if bytes[0] & 0b110 == 0)
}

/// More messages a second than this are a flood.
const FLOOD: f64 = 5_000.0;
/// Over so long it is looked at.
const LOOK: Duration = Duration::from_millis(10);
/// The longest that a message may wait for others in a flood.
const LINGER: Duration = Duration::from_millis(1);
/// A read with more than so many has waited long enough.
const MANY: u32 = 100;

/// What is done between two reads.
#[derive(Debug, PartialEq, Eq)]
enum Rest {
    None,
    /// The nodes have a turn, so that what came goes on before more comes.
    Turn,
    /// In a flood a broker sends message by message, and a thread that wakes for each does little else: so a little is
    /// waited for more of them.
    Linger,
}

struct Flood {
    since: Instant,
    count: u32,
    is_on: bool,
}

impl Flood {
    fn new() -> Flood {
        Flood { since: Instant::now(), count: 0, is_on: false }
    }

    fn after(&mut self, messages: u32, now: Instant) -> Rest {
        self.count += messages;
        let time = now.duration_since(self.since);
        if time >= LOOK {
            self.is_on = f64::from(self.count) / time.as_secs_f64() > FLOOD;
            (self.since, self.count) = (now, 0);
        }
        match messages {
            0 => Rest::None,
            1..MANY if self.is_on => Rest::Linger,
            1 => Rest::None,
            _ => Rest::Turn,
        }
    }
}

fn lost(error: &std::io::Error) -> NodeError {
    NodeError::disconnected(format!("the connection is lost: {}", explain(error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_flood_is_waited_for() {
        let start = Instant::now();
        let mut flood = Flood { since: start, count: 0, is_on: false };
        let at = |ms: u64| start + Duration::from_millis(ms);
        // 2,000 a second: none waits.
        let mut ms = 0;
        for _ in 0..100 {
            ms += 1;
            assert_eq!((flood.after(1, at(ms)), flood.after(1, at(ms))), (Rest::None, Rest::None));
        }
        for _ in 0..20 {
            ms += 1;
            flood.after(20, at(ms));
        }
        assert_eq!(flood.after(20, at(ms)), Rest::Linger);
        // What has come in together goes on at once, and answers are not held up.
        assert_eq!((flood.after(MANY, at(ms)), flood.after(0, at(ms))), (Rest::Turn, Rest::None));
        ms += 1_000;
        assert_eq!(flood.after(1, at(ms)), Rest::None);
    }
}

//! amqp out: publishes, and keeps each message until the broker has confirmed it.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use lapin::Channel;
use lapin::options::ConfirmSelectOptions;
use tokio::time::Instant;

use super::broker::{self, GOODBYE, answer};
use super::flight::{Flight, Sent, Verdict};
use super::output_form::{DESCRIPTOR, Form};
use super::reasons::{self, ACCESS_REFUSED, NOT_FOUND};
use super::topology::Mode;
use crate::connector::{Connector, ConnectorHost, Delivery, DynResource, Incoming};
use crate::error::NodeError;
use crate::host::{Level, Status};
use crate::node::{Built, NodeConfig, NodeType};

pub const NODE: NodeType = NodeType { descriptor: &DESCRIPTOR, build };

/// How long the broker may take to confirm a message before the channel is given up and the message sent again.
const CONFIRM: Duration = Duration::from_secs(60);
/// How often it is looked whether the broker takes messages again, while it is short of memory or disk.
const BLOCKED: Duration = Duration::from_secs(1);
/// lapin copies what is under way, so that is bounded in bytes too; one message goes however large.
const UNDER_WAY: usize = 8 * 1024 * 1024;

fn build(config: &NodeConfig) -> Result<Built, NodeError> {
    let form = Form::read(config)?;
    let (flight, open, host) = (Flight::default(), None, None);
    Ok(Built::connector(AmqpOut {
        form,
        flight,
        open,
        host,
        doubtful: 0,
        badge: Badge::Connected,
        blocked: None,
    }))
}

struct AmqpOut {
    form: Form,
    flight: Flight,
    open: Option<(Arc<dyn DynResource>, Channel)>,
    host: Option<Arc<dyn ConnectorHost>>,
    /// One of so many made the broker close the channel, and it did not say which: each goes alone, until it is found.
    doubtful: usize,
    badge: Badge,
    /// When the broker was last seen to take nothing: it gets its time to confirm anew.
    blocked: Option<Instant>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Badge {
    Connected,
    Refused,
    Blocked,
}

impl Connector for AmqpOut {
    async fn open(&mut self, host: Arc<dyn ConnectorHost>) -> Result<(), NodeError> {
        self.host = Some(host.clone());
        let lent = broker::find(&*host, &self.form.broker)?;
        let channel = broker::of(&lent)?.channel().await?;
        answer("confirmations", channel.confirm_select(ConfirmSelectOptions::default())).await?;
        if let Some(exchange) = &self.form.exchange {
            exchange.prepare(&channel).await?;
        }
        self.open = Some((lent, channel));
        self.badge = Badge::Connected;
        host.status(Status::new("green", "dot", "connected"));
        Ok(())
    }

    /// Hears what is confirmed.
    async fn next(&mut self) -> Result<Vec<Incoming>, NodeError> {
        let Some((lent, channel)) = &self.open else { return pending().await };
        let broker = broker::of(lent)?;
        let Some(oldest) = self.flight.oldest() else { return pending().await };
        let late = self.blocked.map_or(oldest, |blocked| blocked.max(oldest)) + CONFIRM;
        // It is seen within a second when the broker stops to take messages.
        let look = Instant::now() + BLOCKED;
        let verdicts = tokio::select! {
            biased;
            verdicts = self.flight.verdicts(channel) => verdicts,
            () = tokio::time::sleep_until(late.min(look)) => Vec::new(),
        };
        if verdicts.is_empty() && broker.is_blocked() {
            self.blocked = Some(Instant::now());
            self.show(Badge::Blocked, "the broker takes no messages: it is short of memory or disk");
        } else if verdicts.is_empty() && late <= Instant::now() {
            let text = format!("the broker has confirmed nothing for {} s", CONFIRM.as_secs());
            return Err(NodeError::disconnected(text));
        }
        self.take(verdicts)?;
        Ok(Vec::new())
    }

    async fn handle(&mut self, batch: &mut Vec<Delivery>) -> Result<(), NodeError> {
        let Some((lent, channel)) = &self.open else { return Ok(()) };
        let (channel, user) = (channel.clone(), broker::of(lent)?.user().to_string());
        if !channel.status().connected() {
            // `next` tells why, where something is under way.
            return match self.flight.len() {
                0 => Err(NodeError::disconnected("the broker has closed the channel")),
                _ => Ok(()),
            };
        }
        let window = if self.doubtful > 0 { 1 } else { self.form.window };
        let mut offered = std::mem::take(batch).into_iter();
        while self.flight.len() < window
            && (self.flight.bytes() < UNDER_WAY)
            && let Some(delivery) = offered.next()
        {
            let name = delivery.name();
            match self.form.publish(&delivery.message().value, name.as_deref(), &user) {
                Ok(Some(publish)) => self.flight.publish(&channel, delivery, publish, self.form.mandatory),
                // Without a payload there is nothing to publish.
                Ok(None) => delivery.confirm(),
                Err(error) => self.refuse(delivery, error),
            }
        }
        batch.extend(offered);
        Ok(())
    }

    fn take_unconfirmed(&mut self) -> Vec<Delivery> {
        self.flight.take().map(|sent| sent.delivery).collect()
    }

    async fn close(&mut self) {
        let Some((_, channel)) = self.open.take() else { return };
        if channel.status().connected() {
            // Who does not answer is left alone.
            let _ = tokio::time::timeout(GOODBYE, channel.close(200, "goodbye".into())).await;
        }
    }
}

impl AmqpOut {
    fn take(&mut self, verdicts: Vec<(Sent, Verdict)>) -> Result<(), NodeError> {
        let (mut unknown, mut closed) = (Vec::new(), None);
        for (sent, verdict) in verdicts {
            self.doubtful =
                self.doubtful.saturating_sub(usize::from(!matches!(verdict, Verdict::Unknown(_))));
            match verdict {
                Verdict::Confirmed => {
                    sent.delivery.confirm();
                    self.show(Badge::Connected, "");
                }
                Verdict::Returned(why) => {
                    let text = format!(
                        "no queue gets the message to {}: {}",
                        place(&sent),
                        reasons::shortened(&why)
                    );
                    self.refuse(sent.delivery, NodeError::rejected(text));
                }
                Verdict::Refused => {
                    let text = format!(
                        "the broker does not take the message to {} (a queue is full or down)",
                        place(&sent)
                    );
                    self.refuse(sent.delivery, NodeError::rejected(text));
                }
                Verdict::Unknown(error) => {
                    closed = closed.or(Some(error));
                    unknown.push(sent);
                }
            }
        }
        match closed {
            None => Ok(()),
            Some(error) => Err(self.closed(unknown, &error)),
        }
    }

    /// The channel is gone. Where one message is to blame it is refused; the others are sent again.
    fn closed(&mut self, mut unknown: Vec<Sent>, error: &lapin::Error) -> NodeError {
        unknown.extend(self.flight.take());
        let text = reasons::of(error);
        let is_to_blame: Box<dyn Fn(&Sent) -> bool> = match reasons::channel_closed(error) {
            None => Box::new(|_| false),
            Some(NOT_FOUND | ACCESS_REFUSED) => {
                Box::new(|sent| text.contains(&format!("exchange '{}'", sent.exchange)))
            }
            Some(_) => Box::new(|_| false),
        };
        // An exchange of the node's own is waited for, as long as the next opening looks for it.
        let awaited = self.form.exchange.as_ref().filter(|exchange| exchange.mode != Mode::Trust);
        let by_broker = reasons::channel_closed(error).is_some();
        let alone =
            unknown.len() == 1 && awaited.is_none_or(|exchange| !text.contains(exchange.name.as_str()));
        let (mut found, mut kept) = (Vec::new(), Vec::new());
        for sent in unknown {
            let is_awaited = awaited.is_some_and(|exchange| exchange.name.as_str() == sent.exchange);
            let blamed = by_broker && (alone || !is_awaited && is_to_blame(&sent));
            if blamed { found.push(sent) } else { kept.push(sent) }
        }
        drop(is_to_blame);
        self.doubtful = if by_broker && found.is_empty() { kept.len() } else { 0 };
        for sent in found {
            let text = format!("the broker refuses the message to {}: {text}", place(&sent));
            self.refuse(sent.delivery, NodeError::rejected(text));
        }
        self.flight.keep(kept);
        NodeError::disconnected(format!("the channel is closed: {text}"))
    }

    fn refuse(&mut self, delivery: Delivery, error: NodeError) {
        if let Some(host) = &self.host {
            host.log(Level::Warn, error.message());
            self.badge = Badge::Connected;
        }
        self.show(Badge::Refused, error.message());
        delivery.fail(error);
    }

    fn show(&mut self, badge: Badge, reason: &str) {
        let Some(host) = self.host.as_ref().filter(|_| self.badge != badge) else { return };
        self.badge = badge;
        let mut status = match badge {
            Badge::Connected => Status::new("green", "dot", "connected"),
            Badge::Refused => Status::new("red", "dot", "message refused"),
            Badge::Blocked => Status::new("yellow", "dot", "the broker is full"),
        };
        if !reason.is_empty() {
            status.other.insert("reason", reason);
        }
        if badge == Badge::Blocked {
            host.log(Level::Warn, reason);
        }
        host.status(status);
    }
}

fn place(sent: &Sent) -> String {
    format!("exchange {:?} with routing key {:?}", sent.exchange, sent.routing_key)
}

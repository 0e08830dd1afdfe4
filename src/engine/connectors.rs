//! The host loop of connectors, written once: opens, opens again with back-off, carries messages in and out, hands on
//! acknowledgements, closes. Each connector runs in a task of its own on the I/O threads.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tidegate_nodes::connector::{ConnectorHost, Delivery, DynConnector, Ticket};
use tidegate_nodes::error::NodeError;
use tidegate_nodes::host::{Level, Status};
use tokio::sync::watch;

use super::arrivals::Arrivals;
use super::backoff::Backoff;
use super::inbox::Command;
use super::outbox::{self, Handed};
use super::place::Place;
use super::port::Phase;
use super::resources::{self, Standing, User};
use super::waiting::{Stood, commands, hand_commands, ready};

/// How many messages a connector is handed at once.
const BATCH: usize = 256;
const OPEN_TIMEOUT: Duration = Duration::from_secs(60);
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// Runs a connector until it is told to close. One that panics is built again, and stopped after three times in a minute.
pub async fn supervise(
    first: Box<dyn DynConnector>,
    build: impl Fn() -> Result<Box<dyn DynConnector>, NodeError> + Send,
    place: Arc<Place>,
) {
    let mut connector = Ok(first);
    let mut panics: Vec<Duration> = Vec::new();
    loop {
        let error = match connector {
            Ok(connector) => match tokio::spawn(host(connector, place.clone())).await {
                Ok(()) => return,
                Err(error) => error,
            },
            Err(error) => {
                place.lane.command(Command::Failed { node: place.node.clone(), error, message: None });
                return;
            }
        };
        // What it had in hand was dropped with it: its sources were told, or the outbox has it still.
        place.port.in_hand.store(0, Ordering::Relaxed);
        place.port.tracker.forget();
        if let Some(outbox) = &place.port.outbox {
            outbox.take_all_back();
        }
        let now = place.shared.clock.elapsed();
        panics.retain(|when| now.saturating_sub(*when) < Duration::from_secs(60));
        panics.push(now);
        place.status(Status::new("red", "ring", "panicked"));
        if panics.len() >= 3 {
            let error = NodeError::fatal(format!("it panicked 3 times within a minute: {error}"));
            place.lane.command(Command::Failed { node: place.node.clone(), error, message: None });
            return;
        }
        place.log(Level::Error, &format!("panicked: {error}; it starts again"));
        tokio::time::sleep(Duration::from_millis(250 << (2 * panics.len()))).await;
        connector = build();
    }
}

/// Runs a connector until it is told to close, or cannot go on.
async fn host(mut connector: Box<dyn DynConnector>, place: Arc<Place>) {
    let users: Vec<User> = place.uses.iter().map(|lent| lent.enter(&place.shared)).collect();
    keep_open(&mut *connector, &place).await;
    for user in users {
        user.leave().await;
    }
}

async fn keep_open(connector: &mut dyn DynConnector, place: &Arc<Place>) {
    let mut backoff = Backoff::default();
    let mut phase = place.port.phase.subscribe();
    // Arrivals that wait for a credit live here, so that they outlast a lost connection.
    let mut waiting = Arrivals::default();
    while *phase.borrow_and_update() != Phase::Close {
        let Some(stood) = ready(connector, place).await else { break };
        let opened = tokio::select! {
            opened = tokio::time::timeout(OPEN_TIMEOUT, connector.open(place.clone())) => opened,
            () = closing(&mut phase) => break,
        };
        let error = match opened {
            Ok(Ok(())) => {
                let since = tokio::time::Instant::now();
                let served = serve(connector, place, &mut waiting, stood.clone()).await;
                backoff.stood(since.elapsed());
                match served {
                    Ok(()) => break,
                    Err(error) => error,
                }
            }
            Ok(Err(error)) => error,
            Err(_) => NodeError::disconnected(format!("no connection within {} s", OPEN_TIMEOUT.as_secs())),
        };
        place.port.put_back(connector.take_unconfirmed());
        if let Some(outbox) = &place.port.outbox {
            outbox.disconnected();
        }
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, connector.close()).await;
        if matches!(error, NodeError::Fatal(_) | NodeError::Config { .. }) {
            place.status(Status::new("red", "ring", "stopped"));
            place.lane.command(Command::Failed { node: place.node.clone(), error, message: None });
            return;
        }
        if stood.iter().any(|(standing, number)| *standing.borrow() != Standing::Up(*number)) {
            // What happened to the shared connection is told where it is hosted, and it is waited for above.
            continue;
        }
        let wait = backoff.next(place.shared.random());
        let mut status = Status::new("red", "ring", place.port.away());
        status.other.insert("reason", error.message());
        place.status(status);
        place.log(Level::Warn, &format!("{error}; next try in {:.1} s", wait.as_secs_f64()));
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = commands(connector, place) => {}
            () = closing(&mut phase) => break,
        }
    }
    place.port.put_back(connector.take_unconfirmed());
    if let Some(outbox) = &place.port.outbox {
        outbox.disconnected();
    }
    let _ = tokio::time::timeout(CLOSE_TIMEOUT, connector.close()).await;
}

pub async fn closing(phase: &mut watch::Receiver<Phase>) {
    // The sender lives in the port, which outlives this task.
    let _ = phase.wait_for(|phase| *phase == Phase::Close).await;
}

/// Carries messages while the connection stands.
async fn serve(
    connector: &mut dyn DynConnector,
    place: &Arc<Place>,
    waiting: &mut Arrivals,
    stood: Stood,
) -> Result<(), NodeError> {
    let mut phase = place.port.phase.subscribe();
    let mut lost = pin!(resources::lost(stood));
    // After a connector left something in its batch it is offered again only when `next` has come back.
    let mut full = hand_out(connector, place).await?;
    let mut growth = place.port.outbox.as_ref().map(|outbox| outbox.growth());
    // It goes on over the turns of the loop: a connector that always has something to say must not put it off.
    let mut tick = tokio::time::interval(outbox::TICK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        let draining = *phase.borrow_and_update();
        if draining == Phase::Close {
            return last_outcomes(connector, place).await;
        }
        if draining == Phase::Run {
            waiting.admit(place);
        }
        // A sink's `next` also tells of room and confirmations, so it is asked while there is something to hear of.
        let reading = !waiting.is_full() || full || place.port.in_hand.load(Ordering::Relaxed) > 0;
        let wanted = waiting.next_weight().filter(|_| draining == Phase::Run);
        let ticking = place.port.outbox.as_ref().filter(|outbox| outbox.needs_tick());
        tokio::select! {
            changed = phase.changed() => {
                if changed.is_err() {
                    return Ok(());
                }
            }
            () = &mut lost => return Err(NodeError::disconnected("the shared connection is lost")),
            () = place.port.commanded.notified() => hand_commands(connector, place).await,
            outcomes = place.port.tracker.settled() => connector.acknowledge(&outcomes).await?,
            () = place.port.arrived.notified(), if !full => full = hand_out(connector, place).await?,
            _ = tick.tick(), if ticking.is_some() => {
                if let Some(outbox) = ticking {
                    outbox.tick();
                }
                full = hand_out(connector, place).await?;
            }
            () = grown(&mut growth), if !full => full = hand_out(connector, place).await?,
            credit = place.pool.acquire(wanted.unwrap_or_default()), if wanted.is_some() => drop(credit),
            incoming = connector.next(), if reading => {
                waiting.extend(incoming?);
                full = hand_out(connector, place).await?;
            }
        }
    }
}

/// Waits until one of these grows; for ever where there are none.
async fn grown(growth: &mut Option<[watch::Receiver<u64>; 3]>) {
    let Some([a, b, c]) = growth else { return std::future::pending().await };
    // The senders live in the logs, which the outbox holds.
    tokio::select! {
        _ = a.changed() => {}
        _ = b.changed() => {}
        _ = c.changed() => {}
    }
}

/// What was settled before the stop is still told: else a source would give it again after the next start.
async fn last_outcomes(connector: &mut dyn DynConnector, place: &Arc<Place>) -> Result<(), NodeError> {
    let outcomes = place.port.tracker.take_settled();
    if outcomes.is_empty() {
        return Ok(());
    }
    // One that does not hear it in time gives again what it was to forget.
    tokio::time::timeout(CLOSE_TIMEOUT, connector.acknowledge(&outcomes)).await.unwrap_or(Ok(()))
}

async fn next_batch(place: &Arc<Place>) -> Vec<Delivery> {
    let Some(outbox) = &place.port.outbox else {
        let mut inbox = place.port.lock();
        let take = inbox.len().min(BATCH);
        return inbox.drain(..take).map(|held| Delivery::new(held.into_message(), place.clone())).collect();
    };
    let draining = *place.port.phase.borrow() >= Phase::Drain;
    let handed = outbox.next_batch(BATCH, draining).await;
    handed
        .into_iter()
        .map(|Handed { ticket, sent_as, message }| {
            Delivery::with_ticket(message, Ticket { number: ticket, sent_as }, place.clone())
        })
        .collect()
}

/// Hands the connector what waits for it; `true` when it had no room for all.
async fn hand_out(connector: &mut dyn DynConnector, place: &Arc<Place>) -> Result<bool, NodeError> {
    loop {
        let mut batch = next_batch(place).await;
        if batch.is_empty() {
            return Ok(false);
        }
        place.port.in_hand.fetch_add(batch.len(), Ordering::Relaxed);
        let handled = connector.handle(&mut batch).await;
        let left = !batch.is_empty();
        place.port.put_back(batch);
        handled?;
        if left {
            return Ok(true);
        }
    }
}

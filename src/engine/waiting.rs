//! What the host loop of a connector does while its connection is away: waits for the shared connections that it needs, and
//! hands over the messages that tell it what to do.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tidegate_nodes::connector::{Delivery, DynConnector};
use tokio::sync::watch;

use super::connectors::closing;
use super::inbox::Command;
use super::place::Place;
use super::resources::Standing;

/// How each of the shared connections stood when its user was opened.
pub type Stood = Vec<(watch::Receiver<Standing>, u64)>;

/// Waits until the shared connections stand that it needs, and shows how they do. `None`: it is to close.
pub async fn ready(connector: &mut dyn DynConnector, place: &Arc<Place>) -> Option<Stood> {
    let mut phase = place.port.phase.subscribe();
    let mut all: Vec<watch::Receiver<Standing>> = place.uses.iter().map(|lent| lent.standing()).collect();
    let mut stood = Vec::with_capacity(all.len());
    for standing in &mut all {
        loop {
            let now = standing.borrow_and_update().clone();
            if let Standing::Up(number) = now {
                stood.push((standing.clone(), number));
                break;
            }
            place.show(&now);
            tokio::select! {
                // The sender lives in the resource, which `place` holds.
                _ = standing.changed() => {}
                () = commands(connector, place) => {}
                () = closing(&mut phase) => return None,
            }
        }
    }
    Some(stood)
}

/// Hands the connector what tells it what to do. Returns when it goes on as asked; for ever else.
pub async fn commands(connector: &mut dyn DynConnector, place: &Arc<Place>) {
    loop {
        place.port.commanded.notified().await;
        hand_commands(connector, place).await;
    }
}

pub async fn hand_commands(connector: &mut dyn DynConnector, place: &Arc<Place>) {
    while let Some(command) = place.port.next_command() {
        place.port.in_hand.fetch_add(1, Ordering::Relaxed);
        let delivery = Delivery::new(command.into_message(), place.clone());
        if let Err(error) = connector.command(delivery, place.clone()).await {
            place.lane.command(Command::Failed { node: place.node.clone(), error, message: None });
        }
    }
}

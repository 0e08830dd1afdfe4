//! What a running gateway waits for.

use std::time::{Duration, Instant};

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::heal::Heal;
use crate::store::Store;

#[derive(PartialEq, Eq)]
pub enum Heard {
    Stop,
    HangUp,
    TimeIsOver,
    Damage,
}

pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

impl Signals {
    pub fn new() -> std::io::Result<Signals> {
        Ok(Signals {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    pub async fn stop(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }

    pub async fn next(&mut self, end: Option<Instant>, heal: &mut Heal, store: &Store) -> Heard {
        let over = async {
            match end {
                Some(end) => tokio::time::sleep_until(end.into()).await,
                None => std::future::pending().await,
            }
        };
        let damaged = async {
            while !heal.is_due(&store.health(), Instant::now()) {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => Heard::Stop,
            _ = self.terminate.recv() => Heard::Stop,
            _ = self.hang_up.recv() => Heard::HangUp,
            () = over => Heard::TimeIsOver,
            () = damaged => Heard::Damage,
        }
    }
}

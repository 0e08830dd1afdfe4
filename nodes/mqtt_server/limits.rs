//! What clients may use. Everything that a stranger can make grow has its bound here.

use std::time::Duration;

use super::filter::Bounds;

#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    pub connections: usize,
    /// From the first byte to CONNECT.
    pub connect: Duration,
    pub packet: usize,
    pub client_id: usize,
    pub topic: Bounds,
    /// Of one client.
    pub subscriptions: usize,
    pub retained: usize,
    pub retained_bytes: usize,
    /// Sessions that outlast their connections.
    pub sessions: usize,
    /// Seconds that a session may outlast its connection.
    pub session_expiry: u32,
    /// What waits in memory for one client.
    pub queue: usize,
    pub queue_bytes: usize,
    /// What waits in the store for one client.
    pub stored: u64,
    pub stored_bytes: u64,
    /// Messages with one client that it has not acknowledged, and the other way round.
    pub window: u16,
    pub aliases: u16,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            connections: 200,
            connect: Duration::from_secs(10),
            packet: 1024 * 1024,
            client_id: 256,
            topic: Bounds { bytes: 1024, levels: 32 },
            subscriptions: 500,
            retained: 10_000,
            retained_bytes: 32 * 1024 * 1024,
            sessions: 500,
            session_expiry: 7 * 24 * 3600,
            queue: 10_000,
            queue_bytes: 8 * 1024 * 1024,
            stored: 100_000,
            stored_bytes: 64 * 1024 * 1024,
            window: 100,
            aliases: 64,
        }
    }
}

/// CONNECT has no more to say, and who sends it is not known yet.
pub const CONNECT_BYTES: usize = 128 * 1024;
/// Publishes of one client that wait for the disk; it is not read meanwhile.
pub const UNACKNOWLEDGED: usize = 1_000;
/// Bytes that wait for the disk, of all clients together. Beyond them nothing is taken that must be written.
pub const PENDING_BYTES: usize = 32 * 1024 * 1024;
/// How many aliases of topics are used for one client.
pub const ALIASES_OUT: u16 = 64;

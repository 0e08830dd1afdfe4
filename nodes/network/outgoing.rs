//! What waits to leave through one connection, and the way it takes.

use std::collections::VecDeque;
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

/// From here on nothing more is taken, until half of it has left.
const FULL_BYTES: usize = 1024 * 1024;
const FULL_PIECES: usize = 256;
/// A peer is given so long to make room; others wait behind it meanwhile.
const PATIENCE: Duration = SECOND.saturating_mul(5);
/// And a second more for so many bytes.
const BYTES_A_SECOND: usize = 100_000;
/// A peer that takes nothing at all for so long is cut off.
pub const STALLED: Duration = SECOND.saturating_mul(30);
/// Tests have less time.
const SECOND: Duration = if cfg!(test) { Duration::from_millis(50) } else { Duration::from_secs(1) };

/// Tells the node that has sent something whether it has left. Dropped, it has not.
pub struct Receipt {
    number: u64,
    to: mpsc::UnboundedSender<Left>,
    left: bool,
}

/// What became of a piece: whether all its bytes are with the operating system.
#[derive(Debug, PartialEq)]
pub struct Left {
    pub number: u64,
    pub all: bool,
}

impl Receipt {
    /// The channel needs no bound: it holds one for each message that its node has in hand.
    pub fn new(number: u64, to: mpsc::UnboundedSender<Left>) -> Receipt {
        Receipt { number, to, left: false }
    }
}

impl Drop for Receipt {
    fn drop(&mut self) {
        // A node that does not listen is gone.
        let _ = self.to.send(Left { number: self.number, all: self.left });
    }
}

#[derive(Default)]
pub struct Outgoing {
    waiting: Mutex<Waiting>,
    changed: Notify,
    killed: Notify,
}

/// What leaves in one go.
pub struct Piece {
    pub bytes: Arc<[u8]>,
    /// Where the other side is told the difference.
    #[cfg_attr(not(feature = "http"), allow(dead_code))]
    pub is_text: bool,
    receipt: Receipt,
}

#[derive(Default)]
struct Waiting {
    pieces: VecDeque<Piece>,
    bytes: usize,
    count: usize,
    /// Until when there has to be room again.
    full_until: Option<Instant>,
    last: bool,
    gone: bool,
}

impl Outgoing {
    /// `false`: the connection is gone, and the receipt says so.
    pub fn push(&self, bytes: Arc<[u8]>, receipt: Receipt) -> bool {
        self.push_piece(Piece { bytes, is_text: false, receipt })
    }

    #[cfg(feature = "http")]
    pub fn push_text(&self, bytes: Arc<[u8]>, receipt: Receipt) -> bool {
        self.push_piece(Piece { bytes, is_text: true, receipt })
    }

    fn push_piece(&self, piece: Piece) -> bool {
        let mut waiting = self.lock();
        if waiting.gone || waiting.last {
            return false;
        }
        waiting.bytes += piece.bytes.len();
        waiting.count += 1;
        if waiting.full_until.is_none() && (waiting.bytes >= FULL_BYTES || waiting.count >= FULL_PIECES) {
            let longer = SECOND.saturating_mul((waiting.bytes / BYTES_A_SECOND) as u32);
            waiting.full_until = Some(Instant::now() + PATIENCE + longer);
        }
        waiting.pieces.push_back(piece);
        drop(waiting);
        self.changed.notify_one();
        true
    }

    /// Until when the peer may go on holding others up; nothing while there is room.
    pub fn full_until(&self) -> Option<Instant> {
        self.lock().full_until
    }

    /// What is here still leaves; then the connection is closed.
    pub fn finish(&self) {
        self.lock().last = true;
        self.changed.notify_one();
    }

    pub fn kill(&self) {
        self.lock().gone = true;
        self.killed.notify_one();
    }

    pub async fn killed(&self) {
        self.killed.notified().await;
    }

    /// The next that is to leave; nothing when nothing comes any more. Nothing is lost when the future is dropped.
    pub async fn next(&self) -> Option<Piece> {
        loop {
            let (next, last) = {
                let mut waiting = self.lock();
                (waiting.pieces.pop_front(), waiting.last)
            };
            match next {
                Some(piece) => return Some(piece),
                None if last => return None,
                None => self.changed.notified().await,
            }
        }
    }

    /// All of a piece is with the operating system.
    pub fn left(&self, mut piece: Piece) {
        piece.receipt.left = true;
        self.has_left(piece.bytes.len());
    }

    /// Writes until nothing comes any more, or the peer is gone. `false`: it did not take it.
    pub async fn write_to(&self, write: &mut (impl AsyncWrite + Unpin)) -> bool {
        while let Some(piece) = self.next().await {
            if !write_all(write, &piece.bytes).await {
                return false;
            }
            self.left(piece);
        }
        // Who is gone needs no goodbye.
        let _ = tokio::time::timeout(STALLED, write.shutdown()).await;
        true
    }

    fn has_left(&self, bytes: usize) {
        let mut waiting = self.lock();
        waiting.bytes -= bytes;
        waiting.count -= 1;
        if waiting.bytes <= FULL_BYTES / 2 && waiting.count <= FULL_PIECES / 2 {
            waiting.full_until = None;
        }
    }

    /// Nothing leaves from here on.
    pub fn close(&self) {
        let mut waiting = self.lock();
        waiting.gone = true;
        waiting.full_until = None;
        let pieces = std::mem::take(&mut waiting.pieces);
        drop(waiting);
        drop(pieces);
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // The code under the lock cannot panic half-way through a change.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Each piece that is taken gives the peer more time.
async fn write_all(write: &mut (impl AsyncWrite + Unpin), mut bytes: &[u8]) -> bool {
    while !bytes.is_empty() {
        match tokio::time::timeout(STALLED, write.write(bytes)).await {
            Ok(Ok(written)) if written > 0 => bytes = &bytes[written..],
            _ => return false,
        }
    }
    // TLS keeps some back until then.
    matches!(tokio::time::timeout(STALLED, write.flush()).await, Ok(Ok(())))
}

/// Waits until then; for ever where there is no such time.
pub async fn at(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => pending().await,
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    fn piece(length: usize) -> Arc<[u8]> {
        vec![b'x'; length].into()
    }

    #[tokio::test]
    async fn what_has_left_is_told_and_what_has_not_too() {
        let (to, mut left) = mpsc::unbounded_channel();
        let outgoing = Outgoing::default();
        let (mut here, mut there) = tokio::io::duplex(1000);
        for number in 0..2 {
            assert!(outgoing.push(piece(10), Receipt::new(number, to.clone())));
        }
        outgoing.finish();
        assert!(!outgoing.push(piece(1), Receipt::new(2, to.clone())));
        assert!(outgoing.write_to(&mut here).await);
        drop(here);
        let mut read = Vec::new();
        there.read_to_end(&mut read).await.unwrap();
        assert_eq!(read.len(), 20);
        for (number, all) in [(2, false), (0, true), (1, true)] {
            assert_eq!(left.recv().await, Some(Left { number, all }));
        }
    }

    #[tokio::test]
    async fn a_peer_that_does_not_read_is_full_and_then_cut_off() {
        let (to, mut left) = mpsc::unbounded_channel();
        let outgoing = Outgoing::default();
        let (mut here, _there) = tokio::io::duplex(1000);
        outgoing.push(piece(FULL_BYTES), Receipt::new(0, to.clone()));
        assert!(outgoing.full_until().is_some_and(|until| until > Instant::now() + PATIENCE));
        assert!(!outgoing.write_to(&mut here).await);
        outgoing.close();
        assert_eq!(left.recv().await, Some(Left { number: 0, all: false }));
        assert!(outgoing.full_until().is_none() && !outgoing.push(piece(1), Receipt::new(1, to)));
    }

    #[tokio::test]
    async fn room_comes_back_when_half_has_left() {
        let (to, _left) = mpsc::unbounded_channel();
        let outgoing = Outgoing::default();
        let (mut here, mut there) = tokio::io::duplex(1 << 20);
        for number in 0..FULL_PIECES as u64 {
            assert!(outgoing.full_until().is_none());
            outgoing.push(piece(1), Receipt::new(number, to.clone()));
        }
        assert!(outgoing.full_until().is_some());
        outgoing.finish();
        assert!(outgoing.write_to(&mut here).await);
        assert!(outgoing.full_until().is_none());
        drop(here);
        let mut read = Vec::new();
        assert_eq!(there.read_to_end(&mut read).await.unwrap(), FULL_PIECES);
    }
}

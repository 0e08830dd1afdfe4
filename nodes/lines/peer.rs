//! The lines of one connection that are not answered yet, and the way its answers take.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::AsyncWriteExt;
use tokio::sync::{Notify, Semaphore};

use super::line::Answer;
use super::socket::WriteHalf;

/// How many bytes of answers wait for a peer that does not read them.
const OUTBOX_BYTES: usize = 256 * 1024;

/// What the connector knows of a connection.
pub struct Peer {
    outbox: Arc<Outbox>,
    /// Room for unanswered lines: the reader takes, an answer gives back.
    room: Arc<Semaphore>,
    /// The number of the line at the front of `lines`.
    first: u64,
    /// Lines without an answer, and answers that wait for one before them.
    lines: VecDeque<Option<Answer>>,
    ended: bool,
}

impl Peer {
    pub fn new(outbox: Arc<Outbox>, room: Arc<Semaphore>) -> Peer {
        Peer { outbox, room, first: 1, lines: VecDeque::new(), ended: false }
    }

    /// Counts a line that came, with its answer where that is known already.
    pub fn arrived(&mut self, answer: Option<Answer>) -> u64 {
        self.lines.push_back(answer);
        self.first + self.lines.len() as u64 - 1
    }

    pub fn settle(&mut self, number: u64, answer: Answer) {
        let at = number.checked_sub(self.first).and_then(|at| usize::try_from(at).ok());
        if let Some(line) = at.and_then(|at| self.lines.get_mut(at)) {
            *line = Some(answer);
        }
    }

    /// The peer sends no more lines: when the last one is answered the connection is closed.
    pub fn end(&mut self) {
        self.ended = true;
    }

    /// Hands over all answers whose turn it is, in one piece. `false`: the peer does not read them.
    pub fn flush(&mut self) -> bool {
        let mut text = String::new();
        let before = self.lines.len();
        while let Some(Some(answer)) = self.lines.front() {
            answer.write(self.first, &mut text);
            self.first += 1;
            self.lines.pop_front();
        }
        self.room.add_permits(before - self.lines.len());
        let taken = text.is_empty() || self.outbox.push(&text);
        if self.ended && self.lines.is_empty() {
            self.outbox.finish();
        }
        taken
    }

    pub fn finish(&self) {
        self.outbox.finish();
    }

    #[cfg(test)]
    pub fn unanswered(&self) -> usize {
        self.lines.len()
    }

    pub fn kill(&self) {
        self.outbox.killed.notify_one();
    }
}

/// Answers on their way to the task that writes them.
#[derive(Default)]
pub struct Outbox {
    waiting: Mutex<Waiting>,
    changed: Notify,
    killed: Notify,
}

#[derive(Default)]
struct Waiting {
    text: String,
    last: bool,
}

impl Outbox {
    fn push(&self, text: &str) -> bool {
        let mut waiting = self.lock();
        if waiting.text.len() + text.len() > OUTBOX_BYTES {
            return false;
        }
        waiting.text.push_str(text);
        drop(waiting);
        self.changed.notify_one();
        true
    }

    /// What is here still leaves; then the connection is closed.
    pub fn finish(&self) {
        self.lock().last = true;
        self.changed.notify_one();
    }

    /// Writes until all is written behind which nothing comes, or the peer is gone.
    pub async fn write_to(&self, mut write: WriteHalf) {
        loop {
            let (text, last) = {
                let mut waiting = self.lock();
                (std::mem::take(&mut waiting.text), waiting.last)
            };
            // An error means that the peer is gone, and it sends again what was not answered.
            if !text.is_empty() {
                if write.write_all(text.as_bytes()).await.is_err() {
                    return;
                }
            } else if last {
                let _ = write.shutdown().await;
                return;
            } else {
                self.changed.notified().await;
            }
        }
    }

    pub async fn killed(&self) {
        self.killed.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // The code under the lock cannot panic half-way through a change.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! Puts a bundle together from its chunks, in whatever order they come, in no more memory than the bundle takes and a few
//! chunks. It asks for a few at a time. No I/O.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::bundle;
use super::topics::Offer;

/// Chunks that are asked for at once.
const WINDOW: usize = 4;

pub struct Gathering {
    pub offer: Offer,
    bytes: Vec<u8>,
    /// The chunk that comes next at the end of `bytes`.
    next: usize,
    /// Those that came before it.
    early: BTreeMap<usize, Bytes>,
    asked: usize,
}

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Wait.
    More,
    /// It is whole, and what the offer says.
    Whole(Vec<u8>),
    /// What came is not what the offer says.
    Wrong(String),
}

impl Gathering {
    pub fn new(offer: Offer) -> Gathering {
        // What it says is bounded, but not signed: the memory is taken as the bytes come.
        Gathering { offer, bytes: Vec::new(), next: 0, early: BTreeMap::new(), asked: 0 }
    }

    /// Chunks to ask for now.
    pub fn ask(&mut self) -> std::ops::Range<usize> {
        let to = (self.next + WINDOW).min(self.offer.chunks).max(self.asked);
        let range = self.asked..to;
        self.asked = to;
        range
    }

    /// Chunks that were asked for and have not come.
    pub fn missing(&self) -> Vec<usize> {
        (self.next..self.asked).filter(|n| !self.early.contains_key(n)).collect()
    }

    pub fn progress(&self) -> String {
        format!("{}/{}", self.next + self.early.len(), self.offer.chunks)
    }

    pub fn take(&mut self, n: usize, chunk: &Bytes) -> Step {
        if n < self.next || n >= self.asked || self.early.contains_key(&n) {
            return Step::More;
        }
        let early: usize = self.early.values().map(Bytes::len).sum();
        let has = self.bytes.len() + early + chunk.len();
        if has > self.offer.size {
            return Step::Wrong(format!(
                "the chunks at the broker have more bytes than the {} of the offer: chunk {n} or one before it was altered",
                self.offer.size
            ));
        }
        // A copy: it would keep all that was read from the connection together with it.
        self.early.insert(n, Bytes::copy_from_slice(chunk));
        while let Some(chunk) = self.early.remove(&self.next) {
            self.bytes.extend_from_slice(&chunk);
            self.next += 1;
        }
        if self.next < self.offer.chunks {
            return Step::More;
        }
        if self.bytes.len() < self.offer.size {
            return Step::Wrong(format!(
                "a chunk at the broker is cut off: all {} are there, with {} bytes instead of {}",
                self.offer.chunks,
                self.bytes.len(),
                self.offer.size
            ));
        }
        if !self.offer.is(&bundle::hash_of(&self.bytes)) {
            return Step::Wrong(
                "a chunk at the broker was altered: together they have another SHA-256 than the offer"
                    .to_string(),
            );
        }
        Step::Whole(std::mem::take(&mut self.bytes))
    }
}

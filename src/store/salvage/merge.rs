//! Chooses between blocks that speak of the same sequences, so that each is kept once.

use super::source::Image;
use rusqlite::Row;
use std::cmp::Reverse;

/// A block that was found, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    pub first: u64,
    pub last: u64,
    /// The smaller, the more it is trusted.
    pub rank: u8,
    pub image: Image,
    pub at: usize,
}

impl Candidate {
    pub fn of_row(row: &Row<'_>) -> rusqlite::Result<Candidate> {
        Ok(Candidate {
            first: row.get::<_, i64>(0)? as u64,
            last: row.get::<_, i64>(1)? as u64,
            rank: row.get(2)?,
            image: Image { page: row.get(3)?, frame: row.get::<_, i64>(4)? as usize },
            at: row.get::<_, i64>(5)? as usize,
        })
    }
}

/// What is kept of a block.
#[derive(Debug, PartialEq, Eq)]
pub struct Piece {
    pub of: Candidate,
    pub from: u64,
    pub to: u64,
}

/// Blocks that overlap are few; of more than this the least are let go, so that nothing makes it grow.
const OPEN: usize = 256;

#[derive(Default)]
pub struct Merge {
    /// Those that have begun.
    open: Vec<Candidate>,
    ahead: Option<Candidate>,
    began: bool,
    /// The next sequence to decide on.
    at: u64,
    piece: Option<Piece>,
}

impl Merge {
    /// The next piece. `pull` gives the blocks by their first sequence.
    pub fn next<E>(
        &mut self,
        mut pull: impl FnMut() -> Result<Option<Candidate>, E>,
    ) -> Result<Option<Piece>, E> {
        if !self.began {
            self.ahead = pull()?;
            self.began = true;
        }
        loop {
            let at = self.at;
            self.open.retain(|candidate| candidate.last >= at);
            if self.open.is_empty() {
                match &self.ahead {
                    Some(ahead) => self.at = at.max(ahead.first),
                    None => return Ok(self.piece.take()),
                }
            }
            while let Some(ahead) = self.ahead.take_if(|ahead| ahead.first <= self.at) {
                self.open.push(ahead);
                self.ahead = pull()?;
                if self.open.len() > OPEN {
                    self.open.sort_by_key(|candidate| (candidate.rank, Reverse(candidate.last)));
                    self.open.truncate(OPEN / 2);
                }
            }
            let at = self.at;
            let best = self.open.iter().filter(|candidate| candidate.last >= at);
            let Some(best) = best.min_by_key(|candidate| (candidate.rank, Reverse(candidate.last))) else {
                continue;
            };
            // Up to where the next begins, which may be a better one.
            let to = self.ahead.as_ref().map_or(best.last, |ahead| best.last.min(ahead.first - 1));
            self.at = to + 1;
            match &mut self.piece {
                Some(piece) if piece.of == *best && piece.to + 1 == at => piece.to = to,
                piece => {
                    let new = Piece { of: best.clone(), from: at, to };
                    if let Some(done) = piece.replace(new) {
                        return Ok(Some(done));
                    }
                }
            }
        }
    }
}

#[cfg(test)]
#[path = "merge_tests.rs"]
mod tests;

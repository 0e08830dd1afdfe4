//! A log as the process sees it: how far it goes, its segments, who has read how far. The database has the same; this
//! mirror is changed only when a commit has happened, so that whoever looks sees what is on the disk.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use tidegate_nodes::value::Str;
use tokio::sync::watch;

use super::cursor::Cursor;

/// What becomes of old records.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Retention {
    /// Segments are dropped when the log is larger.
    pub max_bytes: Option<u64>,
    pub max_messages: Option<u64>,
    /// Segments are dropped when all in them is older: time that the gateway ran, so that a clock that jumps drops nothing.
    pub max_age_ms: Option<u64>,
    /// Of records with the same key only the newest is kept, once their segment is closed.
    pub compact: bool,
    /// A queue: what its reader is done with is dropped, and nothing else.
    pub queue: bool,
}

/// A run of records in a table of its own, dropped whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Segment {
    pub id: i64,
    pub first: u64,
    /// Nothing while it is the one that is written to.
    pub last: Option<u64>,
    pub bytes: u64,
    pub oldest_ran_ms: Option<u64>,
    pub newest_ran_ms: Option<u64>,
}

pub struct Log {
    pub id: u32,
    pub name: Str,
    view: Mutex<View>,
    /// The sequence that the next record gets; all before it are on the disk.
    next: watch::Sender<u64>,
    cursors: Mutex<BTreeMap<Str, Arc<Cursor>>>,
}

#[derive(Debug, Clone, Default)]
pub struct View {
    pub retention: Retention,
    /// The oldest first; the last is written to.
    pub segments: Vec<Segment>,
}

impl Log {
    pub(super) fn new(id: u32, name: Str, view: View, next: u64) -> Arc<Log> {
        Arc::new(Log {
            id,
            name,
            view: Mutex::new(view),
            next: watch::Sender::new(next),
            cursors: Mutex::default(),
        })
    }

    /// The sequence that the next record gets.
    pub fn next(&self) -> u64 {
        *self.next.borrow()
    }

    /// Tells of each commit that appended to it.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.next.subscribe()
    }

    pub fn view(&self) -> View {
        self.lock().clone()
    }

    /// The sequence of the oldest record that is still there; `next` where there is none.
    pub fn first(&self) -> u64 {
        self.lock().segments.first().map_or_else(|| self.next(), |segment| segment.first)
    }

    /// Bytes of its blocks on the disk.
    pub fn bytes(&self) -> u64 {
        self.lock().segments.iter().map(|segment| segment.bytes).sum()
    }

    pub(super) fn last_segment(&self) -> Option<Segment> {
        self.lock().segments.last().cloned()
    }

    /// The segment that holds a sequence, or the first one behind it.
    pub(super) fn segment_at(&self, sequence: u64) -> Option<Segment> {
        let view = self.lock();
        view.segments.iter().find(|segment| segment.last.is_none_or(|last| last >= sequence)).cloned()
    }

    pub(super) fn publish(&self, segments: Vec<Segment>, next: u64) {
        {
            let mut view = self.lock();
            for segment in segments {
                match view.segments.iter_mut().find(|known| known.id == segment.id) {
                    Some(known) => *known = segment,
                    None => view.segments.push(segment),
                }
            }
        }
        self.next.send_if_modified(|now| std::mem::replace(now, next) != next);
    }

    pub(super) fn dropped(&self, ids: &[i64]) {
        self.lock().segments.retain(|segment| !ids.contains(&segment.id));
    }

    /// Many segments have become one, which has the place and the id of the last of them.
    pub(super) fn merged(&self, ids: &[i64], into: Segment) {
        let mut view = self.lock();
        view.segments.retain(|segment| !ids.contains(&segment.id));
        if let Some(known) = view.segments.iter_mut().find(|known| known.id == into.id) {
            *known = into;
        }
    }

    pub(super) fn set_retention(&self, retention: Retention) {
        self.lock().retention = retention;
    }

    /// The position of a reader, at the beginning where it is new.
    pub fn cursor(&self, reader: &str) -> Arc<Cursor> {
        let mut cursors = self.cursors.lock().unwrap_or_else(PoisonError::into_inner);
        cursors.entry(Str::new(reader)).or_insert_with(|| Arc::new(Cursor::new(reader, 0, 0))).clone()
    }

    pub fn has_reader(&self, reader: &str) -> bool {
        self.cursors.lock().unwrap_or_else(PoisonError::into_inner).contains_key(reader)
    }

    pub fn readers(&self) -> Vec<Arc<Cursor>> {
        self.cursors.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    pub(super) fn put_cursor(&self, cursor: Cursor) {
        let mut cursors = self.cursors.lock().unwrap_or_else(PoisonError::into_inner);
        cursors.insert(cursor.reader.clone(), Arc::new(cursor));
    }

    pub(super) fn forget_reader(&self, reader: &str) {
        self.cursors.lock().unwrap_or_else(PoisonError::into_inner).remove(reader);
    }

    /// Bytes of what a reader is not done with, about: a segment that it is half through counts half.
    pub fn bytes_behind(&self, cursor: &Cursor) -> u64 {
        let position = cursor.position();
        let next = self.next();
        let view = self.lock();
        view.segments
            .iter()
            .map(|segment| {
                let last = segment.last.unwrap_or(next.saturating_sub(1));
                let all = (last + 1).saturating_sub(segment.first);
                let left = (last + 1).saturating_sub(segment.first.max(position + 1));
                if all == 0 {
                    0
                } else {
                    (u128::from(segment.bytes) * u128::from(left) / u128::from(all)) as u64
                }
            })
            .sum()
    }

    fn lock(&self) -> MutexGuard<'_, View> {
        self.view.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! A reader of a log, as the origin of messages.

use std::sync::Arc;

use tidegate_nodes::origin::Origin;

use super::cursor::Cursor;
use super::log::Log;

pub struct Standing {
    pub log: Arc<Log>,
    pub cursor: Arc<Cursor>,
}

impl Standing {
    pub fn origin(self: &Arc<Standing>, first: u64, last: u64) -> Origin {
        Origin { reader: self.clone(), first, last }
    }
}

/// Puts together what touches: mostly one run for each reader.
pub(super) fn runs(origins: Vec<Origin>) -> Vec<(Arc<Standing>, u64, u64)> {
    let standing =
        |origin: Origin| Some((origin.reader.downcast::<Standing>().ok()?, origin.first, origin.last));
    let mut all: Vec<_> = origins.into_iter().filter_map(standing).collect();
    all.sort_by_key(|(standing, first, _)| (Arc::as_ptr(&standing.cursor).addr(), *first));
    let mut runs: Vec<(Arc<Standing>, u64, u64)> = Vec::new();
    for (standing, first, last) in all {
        match runs.last_mut() {
            Some((of, _, end)) if Arc::ptr_eq(&of.cursor, &standing.cursor) && *end + 1 >= first => {
                *end = last.max(*end);
            }
            _ => runs.push((standing, first, last)),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tidegate_nodes::copies::Copy;
    use tidegate_nodes::message::{Admitted, Message, Outcome, Settle, Token};
    use tidegate_nodes::value::Object;

    use super::super::{Commit, Options, Record, Retention, Store, StoreError, admin};
    use super::*;

    struct Nobody;

    impl Settle for Nobody {
        fn settled(&self, _: u64, _: Outcome) {}
    }

    struct Rig {
        dir: tempfile::TempDir,
        store: Store,
        standing: Arc<Standing>,
    }

    fn open(dir: tempfile::TempDir) -> Rig {
        let store = Store::open(dir.path(), Options::default()).unwrap();
        let log = store.log("history", &Retention::default());
        let standing = Arc::new(Standing { cursor: log.cursor("r"), log });
        Rig { dir, store, standing }
    }

    impl Rig {
        fn with_ten() -> Rig {
            let rig = open(tempfile::tempdir().unwrap());
            admin::append(&rig.store, &rig.standing.log, vec![Record::default(); 10]).unwrap();
            rig
        }

        fn message(&self, first: u64, last: u64) -> Message {
            let admitted = Admitted::from(Some(self.standing.origin(first, last)), last, Arc::new(Nobody));
            Message { token: Token::new(Some(admitted), None), ..Message::new(Object::new()) }
        }

        /// A record of another log is made from these messages.
        fn make(&self, of: &[&Message], more: Commit) -> Result<(), StoreError> {
            let records = vec![(self.store.log("made", &Retention::default()), Record::default())];
            let copies = of.iter().filter_map(|message| Copy::of(&message.token)).collect();
            self.store.submit_and_wait(Commit { records, copies, ..more }, Duration::from_secs(10))
        }

        fn done(&self) -> Vec<u64> {
            (1..=10).filter(|n| self.standing.cursor.is_done(*n)).collect()
        }

        fn again(self) -> Rig {
            let Rig { dir, store, standing } = self;
            drop(standing);
            store.close();
            drop(store);
            open(dir)
        }
    }

    #[test]
    fn out_of_order_it_stands_on_the_disk_at_once() {
        let rig = Rig::with_ten();
        rig.make(&[&rig.message(6, 6)], Commit::default()).unwrap();
        assert_eq!((rig.done(), rig.standing.cursor.unsaved()), (vec![6], 0));
        let rig = rig.again();
        assert_eq!((rig.done(), rig.standing.cursor.unsaved()), (vec![6], 0));
        rig.make(&[&rig.message(3, 5)], Commit::default()).unwrap();
        let rig = rig.again();
        assert_eq!(rig.done(), [3, 4, 5, 6]);
        rig.make(&[&rig.message(1, 2)], Commit::default()).unwrap();
        assert_eq!(rig.again().done(), [1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn a_message_of_which_more_is_to_be_made_waits() {
        let rig = Rig::with_ten();
        let (a, b) = (rig.message(1, 2), rig.message(3, 3));
        let elsewhere = a.clone();
        rig.make(&[&a, &b], Commit::default()).unwrap();
        assert_eq!(rig.done(), [3]);
        drop(elsewhere);
        rig.make(&[&a], Commit::default()).unwrap();
        assert_eq!(rig.again().done(), [1, 2, 3]);
    }

    #[test]
    fn a_commit_that_fails_leaves_the_reader_where_it_was() {
        let rig = Rig::with_ten();
        let a = rig.message(1, 4);
        let fails = Commit {
            act: Some(Box::new(|_| Err(StoreError::Mistake("for the test".to_string())))),
            ..Commit::default()
        };
        rig.make(&[&a], fails).unwrap_err();
        assert!(rig.done().is_empty());
        rig.make(&[&a], Commit::default()).unwrap();
        assert_eq!(rig.again().done(), [1, 2, 3, 4]);
    }

    #[test]
    fn a_reader_that_is_put_back_reads_all_again() {
        let rig = Rig::with_ten();
        rig.make(&[&rig.message(5, 7)], Commit::default()).unwrap();
        admin::seek(&rig.store, "history", "r", 3).unwrap();
        assert_eq!(rig.done(), [1, 2]);
        assert_eq!(rig.again().done(), [1, 2]);
    }

    #[test]
    fn what_touches_is_one_run() {
        let rig = Rig::with_ten();
        let of = |first, last| rig.standing.origin(first, last);
        let found = runs(vec![
            of(4, 6),
            of(1, 1),
            of(9, 9),
            of(2, 3),
            Origin { reader: Arc::new(()), first: 1, last: 9 },
        ]);
        let found: Vec<_> = found.iter().map(|(_, first, last)| (*first, *last)).collect();
        assert_eq!(found, [(1, 6), (9, 9)]);
    }
}

//! The model by itself, on recordings made by hand.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::support::images::{Model, Random};
use crate::support::recording::{Event, Files, Tape};

fn name(name: &str) -> PathBuf {
    PathBuf::from(name)
}

fn write(file: usize, offset: u64, byte: u8, length: usize) -> Event {
    Event::Write { file, offset, bytes: vec![byte; length] }
}

/// All that many choices make of a crash at the end.
fn images(model: Model, base: &[(&str, &[u8])], events: &[Event]) -> BTreeSet<Files> {
    let base = base.iter().map(|(path, bytes)| (name(path), bytes.to_vec())).collect();
    let tape = Tape { base, events: events.to_vec() };
    (0..500).map(|seed| tape.image(events.len(), model, &mut Random(seed))).collect()
}

fn of(files: &[(&str, &[u8])]) -> Files {
    files.iter().map(|(path, bytes)| (name(path), bytes.to_vec())).collect()
}

#[test]
fn what_is_synced_is_there() {
    for model in [Model::Prefix, Model::Subset] {
        let events = [
            Event::Create { name: name("a"), file: 0 },
            write(0, 0, b'1', 2),
            Event::Resize { file: 0, size: 1 },
            Event::Sync { file: 0, directory: false },
        ];
        assert_eq!(images(model, &[], &events), BTreeSet::from([of(&[("a", b"1")])]));
    }
}

#[test]
fn a_sync_is_one_of_its_file_only() {
    let events = [write(0, 0, b'1', 1), write(1, 0, b'2', 1), Event::Sync { file: 1, directory: true }];
    let base: [(&str, &[u8]); 2] = [("a", b"0"), ("b", b"0")];
    for model in [Model::Prefix, Model::Subset] {
        let expected = BTreeSet::from([of(&[("a", b"0"), ("b", b"2")]), of(&[("a", b"1"), ("b", b"2")])]);
        assert_eq!(images(model, &base, &events), expected);
    }
}

#[test]
fn only_the_harder_model_leaves_the_order() {
    let events = [write(0, 0, b'1', 1), write(1, 0, b'2', 1)];
    let base: [(&str, &[u8]); 2] = [("a", b"0"), ("b", b"0")];
    let reordered = of(&[("a", b"0"), ("b", b"2")]);
    assert!(!images(Model::Prefix, &base, &events).contains(&reordered));
    assert_eq!(images(Model::Prefix, &base, &events).len(), 3);
    assert!(images(Model::Subset, &base, &events).contains(&reordered));
    assert_eq!(images(Model::Subset, &base, &events).len(), 4);
}

#[test]
fn writes_tear_at_sectors_of_the_file() {
    // From the middle of the first sector to the middle of the third.
    let events = [write(0, 256, b'1', 1024)];
    let base: [(&str, &[u8]); 1] = [("a", &[b'0'; 1536])];
    let written = |image: &Files| -> Vec<bool> {
        let bytes = &image[&name("a")];
        [300, 600, 1100].iter().map(|at| bytes[*at] == b'1').collect()
    };
    let of = |model| images(model, &base, &events).iter().map(written).collect::<BTreeSet<_>>();
    let (yes, no) = (true, false);
    let prefix =
        BTreeSet::from([vec![no, no, no], vec![yes, no, no], vec![yes, yes, no], vec![yes, yes, yes]]);
    assert_eq!(of(Model::Prefix), prefix);
    assert_eq!(of(Model::Subset).len(), 8);
}

#[test]
fn a_deleted_file_is_back_until_the_directory_is_synced() {
    let delete = |synced| Event::Delete { name: name("a"), synced };
    for model in [Model::Prefix, Model::Subset] {
        let (old, none) = (of(&[("a", b"old")]), of(&[]));
        assert_eq!(
            images(model, &[("a", b"old")], &[delete(false)]),
            BTreeSet::from([none.clone(), old.clone()])
        );
        assert_eq!(images(model, &[("a", b"old")], &[delete(true)]), BTreeSet::from([none]));
        // A new file of that name may be the old one still, until it is synced itself.
        let anew = [delete(false), Event::Create { name: name("a"), file: 1 }, write(1, 0, b'n', 1)];
        assert!(images(model, &[("a", b"old")], &anew).contains(&old));
        let synced = [&anew[..], &[Event::Sync { file: 1, directory: false }]].concat();
        assert_eq!(images(model, &[("a", b"old")], &synced), BTreeSet::from([of(&[("a", b"n")])]));
    }
}

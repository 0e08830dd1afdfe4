//! What one client is shown, and what is left out and counted.

use std::sync::Arc;
use std::time::Duration;

use tidegate_nodes::error::NodeError;
use tidegate_nodes::host::{DebugRecord, Level, Status};
use tidegate_nodes::value::{Object, Str, Value};

use super::feed::{Feed, Rate, What};
use super::hub::Hub;
use super::wants::{Selection, Wants};
use crate::engine::{Event, NodeRef, Observer};

const ALL: Rate = Rate { each: 1_000, all: 1_000 };

fn node(id: &str) -> NodeRef {
    NodeRef {
        id: Str::new(id),
        document_id: Str::new(id),
        type_name: Str::new("debug"),
        name: Str::new(""),
        flow: Str::new("t"),
    }
}

fn debug(value: Value) -> Event {
    Event::Debug(DebugRecord {
        property: Str::new("payload"),
        topic: None,
        message_id: None,
        value: Some(value),
        to_sidebar: true,
        to_console: false,
    })
}

fn everything() -> Wants {
    let taps = [Str::new("tapped")].into_iter().collect();
    let wires = [(Str::new("a"), 1, Str::new("b"))].into_iter().collect();
    Wants { statuses: true, debug: true, troubles: true, taps, wires, of: Selection::All }
}

#[test]
fn statuses_and_troubles_overwrite_one_another() {
    let feed = Feed::new(ALL);
    feed.want(everything());
    for n in 0..100 {
        feed.take(&node("a"), &Event::Status(Status::text(n)));
        feed.take(&node("a"), &Event::Lost { count: 2, reason: "a panic" });
    }
    let inbox = feed.drain();
    assert_eq!(inbox.statuses.len(), 1);
    assert_eq!(inbox.statuses["a"].text, Some(Value::Int(99)));
    assert_eq!((inbox.troubles["a"].kind, inbox.troubles["a"].count), ("lost", 200));
    assert!(feed.drain().is_empty());
}

#[test]
fn what_is_not_wanted_is_not_kept() {
    let feed = Feed::new(ALL);
    let events = || {
        [
            Event::Status(Status::text("x")),
            debug(Value::Int(1)),
            Event::Log(Level::Error, "x".to_string()),
            Event::Error { error: NodeError::rejected("x"), caught: false },
            Event::Received(Object::new()),
            Event::Lost { count: 1, reason: "x" },
        ]
    };
    events().iter().for_each(|event| feed.take(&node("a"), event));
    assert!(feed.drain().is_empty());
    // What a Catch took is nobody's trouble, and a debug node may be switched off.
    feed.want(everything());
    feed.take(&node("a"), &Event::Error { error: NodeError::rejected("x"), caught: true });
    feed.take(&node("a"), &Event::Received(Object::new()));
    assert!(feed.drain().is_empty());
    let flows = [Str::new("other"), Str::new("instance")].into_iter().collect();
    feed.want(Wants { of: Selection::Only { flows, nodes: [Str::new("b")].into() }, ..everything() });
    events().iter().for_each(|event| feed.take(&node("a"), event));
    let inbox = feed.drain();
    let told = (inbox.statuses.len(), inbox.shown.len(), inbox.troubles.len());
    assert_eq!(told, (0, 3, 1), "badges are of what is looked at, and trouble is of everywhere");
    for seen in ["b", "instance-inner", "instance-deeper-inner"] {
        feed.take(&node(seen), &Event::Status(Status::text("x")));
    }
    feed.take(&node("tapped"), &Event::Received(Object::new()));
    let inbox = feed.drain();
    assert_eq!((inbox.statuses.len(), inbox.shown.len()), (3, 1));
}

#[test]
fn so_many_are_shown_a_second_and_the_rest_is_counted() {
    let feed = Feed::new(Rate { each: 20, all: 100 });
    feed.want(everything());
    for n in 0..30 {
        feed.take(&node("a"), &debug(Value::Int(n)));
    }
    for n in 0..200 {
        feed.take(&node(&format!("n{n}")), &debug(Value::Int(n)));
    }
    let inbox = feed.drain();
    assert_eq!(inbox.shown.len(), 100);
    assert_eq!((inbox.skipped["a"], inbox.skipped.values().sum::<u64>()), (10, 130));
}

#[test]
fn a_wire_is_tapped_by_itself_and_as_often_as_a_node() {
    let feed = Feed::new(Rate { each: 20, all: 100 });
    let passed = |port, to| Event::Passed { port, to: Str::new(to), value: Object::new() };
    feed.take(&node("a"), &passed(1, "b"));
    assert!(feed.drain().is_empty());
    let of = Selection::Only { flows: Default::default(), nodes: Default::default() };
    feed.want(Wants { of, ..everything() });
    for n in 0..30 {
        feed.take(&node("a"), &passed(1, "b"));
        feed.take(&node("a"), &passed(n, "c"));
        feed.take(&node("b"), &passed(1, "b"));
    }
    let inbox = feed.drain();
    assert_eq!((inbox.shown.len(), inbox.skipped["a"], inbox.skipped.len()), (20, 10, 1));
    assert!(matches!(&inbox.shown[0].what, What::OnWire { port: 1, to, .. } if to.as_str() == "b"));
}

#[test]
fn a_client_that_does_not_read_costs_a_bounded_amount() {
    let feed = Feed::new(Rate { each: u32::MAX, all: u32::MAX });
    feed.want(everything());
    let large = Value::from("x".repeat(1024 * 1024));
    for _ in 0..20 {
        feed.take(&node("large"), &debug(large.clone()));
    }
    let inbox = feed.drain();
    assert!((3..=4).contains(&inbox.shown.len()), "{}", inbox.shown.len());
    assert_eq!(inbox.skipped["large"], 20 - inbox.shown.len() as u64);
    for n in 0..3_000 {
        feed.take(&node("small"), &debug(Value::Int(n)));
    }
    let inbox = feed.drain();
    assert_eq!((inbox.shown.len(), inbox.skipped["small"]), (1_000, 2_000));
    // One that is larger than all of the queue is not kept for a moment.
    feed.take(&node("huge"), &debug(Value::from("x".repeat(5 * 1024 * 1024))));
    assert_eq!(feed.drain().skipped["huge"], 1);
}

struct Counting(std::sync::atomic::AtomicU32);

impl Observer for Counting {
    fn event(&self, _at: Duration, _node: &NodeRef, _event: Event) {
        self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    }
}

#[test]
fn the_hub_hands_on_everything_and_forgets_who_has_gone() {
    let next = Arc::new(Counting(0.into()));
    let hub = Arc::new(Hub::new(next.clone()));
    let tell = || hub.event(Duration::ZERO, &node("a"), Event::Status(Status::text("x")));
    tell();
    let listening = hub.listen(Feed::new(ALL));
    listening.want(everything());
    tell();
    assert_eq!(listening.feed.drain().statuses.len(), 1);
    let feed = listening.feed.clone();
    drop(listening);
    tell();
    assert!(feed.drain().is_empty());
    assert_eq!(next.0.load(std::sync::atomic::Ordering::Relaxed), 3);
    let places: Vec<_> = std::iter::from_fn(|| hub.place()).collect();
    assert_eq!(places.len(), 32);
    // Held meanwhile: a place that is given back is there again.
    let strangers: Vec<_> = std::iter::from_fn(|| hub.place_of_stranger()).collect();
    assert_eq!(strangers.len(), 8);
}

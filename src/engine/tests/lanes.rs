//! Order, loops, panics, bounds: what happens inside a lane.

use std::time::Duration;

use serde_json::json;

use super::super::{Event, Limits, Options};
use super::{flow, node, object, simulate, watching};

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

#[test]
fn branches_are_served_first_in_first_out() {
    // a -> b, c; b -> d; c -> d: all of the first level comes before the second, in the order of the wires.
    let flow = flow(vec![
        node("a", "counter", json!([["b", "c"]]), json!({})),
        node("b", "counter", json!([["p", "d"]]), json!({})),
        node("c", "counter", json!([["p"]]), json!({})),
        node("d", "counter", json!([["p"]]), json!({})),
        json!({"id": "p", "type": "probe", "z": "t", "wires": []}),
    ]);
    let (simulation, log) = simulate(&flow, watching(&["p"]));
    simulation.engine.send("a", object(json!({"payload": 1})));
    simulation.engine.send("a", object(json!({"payload": 2})));
    simulation.settle();
    let payloads: Vec<_> = log.received("p").iter().map(|msg| msg["payload"].clone()).collect();
    assert_eq!(payloads, [json!(1), json!(1), json!(2), json!(2), json!(1), json!(2)]);
}

#[test]
fn a_loop_without_a_pause_is_cut_and_named() {
    let flow = flow(vec![
        node("a", "counter", json!([["b"]]), json!({"name": "first"})),
        node("b", "counter", json!([["a"]]), json!({"name": "second"})),
    ]);
    let (simulation, log) = simulate(&flow, watching(&[]));
    simulation.engine.send("a", object(json!({"payload": 1})));
    simulation.settle();
    let errors = log.errors();
    assert_eq!(errors.len(), 1);
    assert!(errors[0].contains("100000 nodes without a pause"), "{errors:?}");
    assert!(errors[0].contains(r#""second" -> "first" -> "second""#), "{errors:?}");
}

#[test]
fn a_loop_that_multiplies_messages_is_bounded() {
    let flow = flow(vec![
        node("a", "counter", json!([["b", "b"]]), json!({})),
        node("b", "counter", json!([["a"]]), json!({})),
    ]);
    let options = Options { queue_limit: 5_000, hop_limit: 200, ..watching(&[]) };
    let (simulation, log) = simulate(&flow, options);
    simulation.engine.send("a", object(json!({"payload": 1})));
    simulation.settle();
    assert!(log.errors()[0].contains("more than 5000 messages wait"), "{:?}", log.errors()[0]);
}

#[test]
fn a_loop_with_a_pause_runs_for_ever_and_grows_nothing() {
    let flow = flow(vec![
        node("a", "counter", json!([["b"]]), json!({})),
        node("b", "pause", json!([["a"]]), json!({"ms": 1})),
    ]);
    let (simulation, log) = simulate(&flow, watching(&[]));
    simulation.engine.send("a", object(json!({"payload": 1})));
    simulation.run_until(Duration::from_secs(300));
    assert_eq!(log.errors(), [""; 0]);
    let rounds = simulation.engine.counters().nodes().iter().find(|n| n.node == "a").unwrap().received;
    assert_eq!(rounds, 300_001);
    let lanes = simulation.engine.lock().lanes.clone();
    let lane = lanes[0].lane();
    assert!(lane.core.queue.capacity() < 64, "the queue grew to {}", lane.core.queue.capacity());
    assert_eq!(lane.slots[1].around.holding.messages(), 1);
    assert_eq!(lane.slots[1].around.pool.in_flight(), 0);
}

#[test]
fn what_a_panic_breaks_is_one_message() {
    let flow = flow(vec![
        node("a", "fragile", json!([["p"]]), json!({})),
        node("b", "counter", json!([["p"]]), json!({})),
        json!({"id": "p", "type": "probe", "z": "t", "wires": []}),
    ]);
    let (simulation, log) = simulate(&flow, watching(&["p"]));
    let send = |to: &str, payload| simulation.engine.send(to, object(json!({ "payload": payload })));
    send("a", json!(1));
    simulation.run_until(ms(2000));
    send("a", json!("boom"));
    send("b", json!(2));
    // While the node rests this one waits for it.
    send("a", json!(3));
    simulation.run_until(ms(2500));
    assert_eq!(log.errors().len(), 1);
    assert!(log.errors()[0].starts_with("a: panicked, again: "), "{:?}", log.errors());
    assert!(log.errors()[0].contains("it went boom"), "{:?}", log.errors());
    assert_eq!(log.received("p"), [json!({"payload": 1, "count": 1}), json!({"payload": 2, "count": 1})]);
    simulation.run_until(ms(4000));
    // It started again from what it had saved.
    assert_eq!(log.received("p")[2], json!({"payload": 3, "count": 2}));

    send("a", json!("boom"));
    simulation.run_until(ms(20_000));
    send("a", json!("boom"));
    simulation.run_until(ms(30_000));
    send("a", json!(4));
    simulation.settle();
    let errors = log.errors();
    assert!(errors[2].starts_with("a: panicked, stopped: "), "{errors:?}");
    assert!(errors[3].contains("the node is stopped: it panicked 3 times within a minute"), "{errors:?}");
}

#[test]
fn a_large_split_is_pulled_when_there_is_room() {
    let flow = flow(vec![
        node("a", "pieces", json!([["b"]]), json!({})),
        node("b", "counter", json!([["p"]]), json!({})),
        json!({"id": "p", "type": "probe", "z": "t", "wires": []}),
    ]);
    let (simulation, log) = simulate(&flow, watching(&["p"]));
    simulation.engine.send("a", object(json!({"payload": 50_000})));
    simulation.engine.send("a", object(json!({"payload": 3})));
    simulation.settle();
    let received = log.received("p");
    assert_eq!(received.len(), 50_003);
    assert!(received[..50_000].iter().enumerate().all(|(n, msg)| msg["payload"] == n), "in order");
    let lanes = simulation.engine.lock().lanes.clone();
    assert!(lanes[0].lane().core.queue.capacity() < 4_096);
}

#[test]
fn what_a_node_sends_stays_behind_the_pieces_it_handed_over() {
    let flow = flow(vec![
        node("a", "pieces", json!([["p"]]), json!({})),
        json!({"id": "p", "type": "probe", "z": "t", "wires": []}),
    ]);
    let (simulation, log) = simulate(&flow, watching(&["p"]));
    simulation.engine.send("a", object(json!({"payload": 5_000})));
    simulation.engine.send("a", object(json!({"payload": "last"})));
    simulation.settle();
    let received = log.received("p");
    assert_eq!((received.len(), &received[5_000]["payload"]), (5_001, &json!("last")));
}

#[test]
fn a_source_without_a_credit_ticks_once_late() {
    let flow = flow(vec![
        node("tick", "ticker", json!([["hold"]]), json!({})),
        node("hold", "counter", json!([["p"]]), json!({})),
        json!({"id": "p", "type": "probe", "z": "t", "wires": []}),
    ]);
    // Messages are not let go of: the log of what the probe saw holds objects, not tokens, so credits do come back.
    let options = Options { credits: Limits { messages: 1, bytes: 1_000 }, ..watching(&["p"]) };
    let (simulation, log) = simulate(&flow, options);
    simulation.run_until(ms(5));
    assert_eq!(log.received("p").len(), 5);
    let held = simulation.engine.lock().lanes[0].lane().slots[0].around.pool.take(1).expect("a credit");
    simulation.run_until(ms(9));
    assert_eq!(log.received("p").len(), 5, "no credit, no tick");
    drop(held);
    simulation.settle();
    assert_eq!(log.received("p")[5]["payload"], json!(-9), "one tick, late");
    simulation.run_until(ms(10));
    assert_eq!(log.received("p").len(), 7);
}

#[test]
fn a_node_that_hoards_stops_the_intake_and_nothing_is_refused() {
    let flow = flow(vec![
        node("a", "pause", json!([["p"]]), json!({"ms": 1000})),
        json!({"id": "p", "type": "probe", "z": "t", "wires": []}),
    ]);
    let mut options = watching(&["p"]);
    options.settings.hold_limit = 200;
    let (simulation, log) = simulate(&flow, options);
    for n in 0..1000 {
        simulation.engine.send("a", object(json!({ "payload": n })));
    }
    simulation.settle();
    let holding = simulation.engine.lock().lanes[0].lane().slots[0].around.holding.clone();
    let held = holding.messages();
    assert!((100..200).contains(&held), "{held} held");
    simulation.run_until(Duration::from_secs(60));
    assert_eq!(log.received("p").len(), 1000);
    assert_eq!(log.errors(), [""; 0]);
}

#[test]
fn a_source_waits_while_a_node_behind_it_is_full() {
    let flow = flow(vec![
        node("tick", "ticker", json!([["a"]]), json!({})),
        node("a", "pause", json!([["p"]]), json!({"ms": 1000})),
        json!({"id": "p", "type": "probe", "z": "t", "wires": []}),
    ]);
    for by_bytes in [false, true] {
        let mut options = watching(&["p"]);
        match by_bytes {
            false => options.settings.hold_limit = 20,
            true => options.settings.hold_bytes = 1_000,
        }
        let (simulation, log) = simulate(&flow, options);
        simulation.run_until(ms(900));
        let holding = simulation.engine.lock().lanes[0].lane().slots[1].around.holding.clone();
        assert!((2..=20).contains(&holding.messages()), "{} held", holding.messages());
        simulation.run_until(Duration::from_secs(10));
        assert_eq!(log.errors(), [""; 0], "nothing was refused");
        assert!(log.received("p").len() > 50, "it ticks on when there is room");
    }
}

#[test]
fn the_same_run_gives_the_same_bytes_ten_times() {
    let flow = json!([
        {"id": "t", "type": "tab", "label": "one"},
        {"id": "u", "type": "tab", "label": "two"},
        {"id": "tick", "type": "junction", "as": "ticker", "z": "t", "wires": [["a", "b"]]},
        {"id": "a", "type": "junction", "as": "pause", "ms": 3, "z": "t", "wires": [["p"]]},
        {"id": "b", "type": "junction", "as": "counter", "z": "t", "wires": [["p", "x"]]},
        {"id": "x", "type": "junction", "as": "counter", "z": "u", "wires": [["q"]]},
        {"id": "p", "type": "probe", "z": "t", "wires": []},
        {"id": "q", "type": "probe", "z": "u", "wires": []},
    ]);
    let run = || {
        let (simulation, log) = simulate(&flow, watching(&["p", "q"]));
        simulation.run_until(ms(500));
        let events = log.0.lock().unwrap();
        let lines = events.iter().filter(|(_, _, event)| matches!(event, Event::Received(_)));
        lines.map(|(at, node, event)| format!("{at:?} {} {event:?}\n", node.id)).collect::<String>()
    };
    let first = run();
    assert!(first.lines().count() > 1000);
    for _ in 0..9 {
        assert_eq!(run(), first);
    }
}

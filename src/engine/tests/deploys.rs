//! What a deploy keeps, restarts and loses.

use std::time::Duration;

use serde_json::{Value as Json, json};

use super::{flow, node, object, plan, simulate, watching};
use crate::flow::Deployment;

fn chain(gap: u64, wired: bool) -> Json {
    flow(vec![
        node("a", "counter", json!([["b"]]), json!({})),
        node("b", "pause", if wired { json!([["p"]]) } else { json!([["q"]]) }, json!({ "ms": gap })),
        node("c", "counter", json!([["p"]]), json!({})),
        json!({"id": "p", "type": "probe", "z": "t", "wires": []}),
        json!({"id": "q", "type": "probe", "z": "t", "wires": []}),
    ])
}

#[test]
fn what_did_not_change_runs_on_with_its_state_and_what_it_holds() {
    let (simulation, log) = simulate(&chain(100, true), watching(&["p", "q"]));
    for n in 0..3 {
        simulation.engine.send("a", object(json!({ "payload": n })));
    }
    simulation.settle();
    // Only the wire behind the pause is another: nothing is restarted, and what is held leaves by the new wire.
    let deployed = simulation.engine.deploy(plan(&chain(100, false)), Deployment::Nodes);
    assert_eq!((deployed.started.len(), deployed.stopped.len(), deployed.kept, deployed.lost), (0, 0, 5, 0));
    simulation.run_until(Duration::from_secs(1));
    assert_eq!(log.received("p").len(), 0);
    let counts: Vec<_> = log.received("q").iter().map(|msg| msg["count"].clone()).collect();
    assert_eq!(counts, [json!(1), json!(2), json!(3)]);
    simulation.engine.send("a", object(json!({})));
    simulation.run_until(Duration::from_secs(2));
    assert_eq!(log.received("q")[3]["count"], json!(4));
}

#[test]
fn a_changed_node_restarts_alone_and_what_it_held_is_counted() {
    let (simulation, log) = simulate(&chain(100, true), watching(&["p"]));
    for n in 0..3 {
        simulation.engine.send("a", object(json!({ "payload": n })));
    }
    simulation.settle();
    let deployed = simulation.engine.deploy(plan(&chain(200, true)), Deployment::Nodes);
    assert_eq!((deployed.started.as_slice(), deployed.kept, deployed.lost), (&["b".into()][..], 4, 3));
    assert_eq!(log.lost(), 3);
    simulation.engine.send("a", object(json!({})));
    simulation.run_until(Duration::from_secs(1));
    assert_eq!(log.received("p").len(), 1, "what was held is gone, and counted");
    assert_eq!(log.received("p")[0]["count"], json!(4), "its neighbour ran on");
}

#[test]
fn a_full_deploy_starts_everything_anew() {
    let (simulation, log) = simulate(&chain(0, true), watching(&["p"]));
    simulation.engine.send("a", object(json!({})));
    simulation.run_until(Duration::from_secs(1));
    let deployed = simulation.engine.deploy(plan(&chain(0, true)), Deployment::Full);
    assert_eq!((deployed.started.len(), deployed.kept), (5, 0));
    simulation.engine.send("a", object(json!({})));
    simulation.run_until(Duration::from_secs(2));
    let counts: Vec<_> = log.received("p").iter().map(|msg| msg["count"].clone()).collect();
    assert_eq!(counts, [json!(1), json!(1)]);
}

#[test]
fn a_changed_node_takes_over_its_state() {
    let flow = |gap: u64| {
        flow(vec![
            node("a", "counter", json!([["p"]]), json!({ "ms": gap })),
            json!({"id": "p", "type": "probe", "z": "t", "wires": []}),
        ])
    };
    let (simulation, log) = simulate(&flow(1), watching(&["p"]));
    simulation.engine.send("a", object(json!({})));
    simulation.settle();
    let deployed = simulation.engine.deploy(plan(&flow(2)), Deployment::Nodes);
    assert_eq!(deployed.started, ["a"]);
    simulation.engine.send("a", object(json!({})));
    simulation.settle();
    assert_eq!(log.received("p")[1]["count"], json!(2));
}

#[test]
fn tabs_come_and_go() {
    let (simulation, log) = simulate(&chain(10, true), watching(&["p", "y"]));
    let mut two = chain(10, true);
    let more = [
        json!({"id": "u", "type": "tab", "label": "second"}),
        json!({"id": "x", "type": "junction", "as": "counter", "z": "u", "wires": [["y"]]}),
        json!({"id": "y", "type": "probe", "z": "u", "wires": []}),
    ];
    two.as_array_mut().unwrap().extend(more);
    let deployed = simulation.engine.deploy(plan(&two), Deployment::Nodes);
    assert_eq!((deployed.started.len(), deployed.kept), (2, 5));
    assert!(simulation.engine.send("x", object(json!({"payload": 1}))));
    simulation.settle();
    assert_eq!(log.received("y").len(), 1);
    simulation.engine.deploy(plan(&chain(10, true)), Deployment::Nodes);
    assert!(!simulation.engine.send("x", object(json!({"payload": 1}))), "it is gone");
    let counted = simulation.engine.counters().nodes();
    assert!(counted.iter().all(|count| count.node != "x"));
}

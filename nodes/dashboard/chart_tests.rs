use serde_json::{Value as Json, json};

use super::*;
use crate::testing::{Rig, assert_refused};

const NOW: i64 = 1_700_000_000_000;

fn drawn(rig: &Rig, since: Option<u64>) -> (u64, Json) {
    rig.view(since).expect("something has changed")
}

#[test]
fn values_become_lines_and_a_later_look_sees_the_new_points_only() {
    let mut rig = Rig::new("ui-chart", json!({"label": "Load"}));
    rig.send(json!({"payload": 1, "topic": "a"}));
    rig.send(json!({"payload": "2.5", "topic": "b"}));
    let (mark, view) = drawn(&rig, None);
    assert_eq!(
        view["series"],
        json!([{"name": "a", "x": [NOW], "y": [1]}, {"name": "b", "x": [NOW], "y": [2.5]}])
    );
    assert_eq!((&view["chartType"], &view["removeOlderUnit"]), (&json!("line"), &json!(3600)));
    rig.advance_ms(5);
    rig.send(json!({"payload": null, "topic": "a"}));
    let (mark, view) = drawn(&rig, Some(mark));
    assert_eq!(view, json!({"more": [{"name": "a", "x": [NOW + 5], "y": [null]}]}));
    rig.send(json!({"payload": []}));
    assert_eq!(drawn(&rig, Some(mark)).1, json!({"series": []}));
    assert_eq!(rig.sent(0).len(), 4, "each message goes on");
}

#[test]
fn lists_and_objects_are_points_too() {
    let mut rig = Rig::new(
        "ui-chart",
        json!({"category": "room", "categoryType": "property", "xAxisProperty": "at", "xAxisPropertyType": "property",
            "yAxisProperty": "t.now", "yAxisPropertyType": "property"}),
    );
    rig.send(json!({"payload": [
        {"room": "A", "at": 100, "t": {"now": 20}},
        {"room": "B", "at": "1970-01-01T00:00:00.100Z", "t": {"now": 30}},
    ]}));
    assert_eq!(
        drawn(&rig, None).1["series"],
        json!([{"name": "A", "x": [100], "y": [20]}, {"name": "B", "x": [100], "y": [30]}])
    );
    rig.send(json!({"payload": {"room": "A", "at": 200, "t": {"now": 21}}, "action": "replace"}));
    assert_eq!(drawn(&rig, None).1["series"], json!([{"name": "A", "x": [200], "y": [21]}]));
    rig.send(json!({"payload": {"room": "A", "at": "soon", "t": {"now": 21}}}));
    rig.send(json!({"payload": "high"}));
    assert_eq!(rig.host.errors.len(), 2, "{:?}", rig.host.errors);
    let mut rig = Rig::new("ui-chart", json!({"category": "[\"p\",\"q\"]", "categoryType": "json"}));
    rig.send(json!({"payload": {"p": 1, "q": 2, "r": 3}}));
    let series = drawn(&rig, None).1["series"].clone();
    assert_eq!(
        (series[0]["name"].clone(), series[1]["y"].clone(), series[2].clone()),
        (json!("p"), json!([2]), json!(null))
    );
}

#[test]
fn rings_and_windows_are_bounded() {
    let mut rig =
        Rig::new("ui-chart", json!({"removeOlder": 1, "removeOlderUnit": "60", "removeOlderPoints": "3"}));
    for n in 0..5 {
        rig.send(json!({"payload": n, "topic": "a"}));
        rig.advance_ms(1_000);
    }
    assert_eq!(drawn(&rig, None).1["series"][0]["y"], json!([2, 3, 4]));
    rig.advance_ms(59_000);
    rig.send(json!({"payload": 9, "topic": "a"}));
    assert_eq!(drawn(&rig, None).1["series"][0]["y"], json!([4, 9]));
    for n in 0..20 {
        rig.send(json!({"payload": 1, "topic": format!("series {n}")}));
    }
    assert_eq!(drawn(&rig, None).1["series"].as_array().unwrap().len(), 8);
    assert_eq!(rig.host.errors.len(), 13);
    // Those that are silent make room, and whoever has seen them is told all anew.
    let (mark, _) = drawn(&rig, None);
    rig.advance_ms(61_000);
    rig.send(json!({"payload": 7, "topic": "late"}));
    let (_, view) = drawn(&rig, Some(mark));
    assert_eq!((rig.host.errors.len(), view["series"].as_array().unwrap().len()), (13, 1));
    assert_eq!(view["series"][0]["name"], "late");
    let mut rig = Rig::new("ui-chart", json!({}));
    rig.send(json!({"payload": vec![1; 5_000], "topic": "a"}));
    assert_eq!(drawn(&rig, None).1["series"][0]["y"].as_array().unwrap().len(), MOST_POINTS);
}

#[test]
fn bars_hold_the_newest_value_of_each_name() {
    let mut rig = Rig::new("ui-chart", json!({"chartType": "bar", "xAxisType": "category"}));
    for (topic, payload) in [("a", 1), ("b", 2), ("a", 3)] {
        rig.send(json!({"topic": topic, "payload": payload}));
    }
    assert_eq!(drawn(&rig, None).1["bars"], json!([["a", "", 3], ["b", "", 2]]));
    rig.send(json!({"payload": [{"x": "Mon", "y": 5}, {"x": "Tue", "y": 6}], "topic": "week", "action": "replace"}));
    assert_eq!(drawn(&rig, None).1["bars"], json!([["Mon", "week", 5], ["Tue", "week", 6]]));
}

#[test]
fn what_cannot_be_drawn_is_refused() {
    assert_refused(Rig::try_new("ui-chart", json!({"chartType": "histogram"})), "/chartType");
    assert_refused(Rig::try_new("ui-chart", json!({"category": "[", "categoryType": "json"})), "/category");
}

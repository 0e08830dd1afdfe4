use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;
use crate::flow::Limits;

fn document(nodes: Json) -> Document {
    Document::from_json(nodes, &Limits::default()).unwrap()
}

fn nodes(document: &Document) -> Json {
    document.nodes.iter().map(|node| json!(node.properties)).collect()
}

fn merged(base: &Json, theirs: &Json, mine: &Json) -> (Json, Vec<Clash>) {
    let [base, theirs, mine] = [base, theirs, mine].map(|nodes| document(nodes.clone()));
    let ThreeWay { document, clashes } = three_way(&base, &theirs, &mine);
    assert!(document.nodes.iter().enumerate().all(|(index, node)| node.index == index));
    (nodes(&document), clashes)
}

#[test]
fn what_two_people_did_in_different_places_is_put_together() {
    let base = json!([
        {"id": "a", "type": "change", "name": "a", "x": 1, "wires": [["b"]]},
        {"id": "b", "type": "debug", "name": "b", "active": true, "x": 1},
        {"id": "gone", "type": "debug"}
    ]);
    let theirs = json!([
        {"id": "a", "type": "change", "name": "a, renamed", "x": 5, "wires": [["b", "c"]]},
        {"id": "b", "type": "debug", "name": "b", "active": true, "x": 1},
        {"id": "c", "type": "debug", "name": "theirs"}
    ]);
    let mine = json!([
        {"id": "a", "type": "change", "name": "a", "x": 9, "wires": [["d"], ["b"]]},
        {"id": "b", "type": "debug", "name": "b", "active": false, "x": 1},
        {"id": "gone", "type": "debug"},
        {"id": "d", "type": "debug", "name": "mine"}
    ]);
    let (both, clashes) = merged(&base, &theirs, &mine);
    assert_eq!(clashes, []);
    assert_eq!(
        both,
        json!([
            {"id": "a", "type": "change", "name": "a, renamed", "x": 9, "wires": [["c", "d"], ["b"]]},
            {"id": "b", "type": "debug", "name": "b", "active": false, "x": 1},
            {"id": "c", "type": "debug", "name": "theirs"},
            {"id": "d", "type": "debug", "name": "mine"}
        ])
    );
}

#[test]
fn what_they_did_differently_in_one_place_is_told() {
    let base =
        json!([{"id": "a", "type": "change", "rules": [1]}, {"id": "b", "type": "debug", "name": "x"}]);
    let theirs =
        json!([{"id": "a", "type": "change", "rules": [1, 2]}, {"id": "b", "type": "debug", "name": "y"}]);
    let mine = json!([{"id": "a", "type": "change", "rules": [3]}]);
    let (draft, clashes) = merged(&base, &theirs, &mine);
    let places: Vec<(&str, &str)> = clashes.iter().map(|clash| (&*clash.id, &*clash.pointer)).collect();
    assert_eq!(places, [("a", "/rules"), ("b", "")]);
    assert_eq!(
        (&clashes[0].base, &clashes[0].theirs, &clashes[0].mine),
        (&Some(json!([1])), &Some(json!([1, 2])), &Some(json!([3])))
    );
    assert_eq!(clashes[1].mine, None);
    assert_eq!(draft[0]["rules"], json!([3]));
    assert_eq!(draft[1]["name"], "y", "what one changed is not removed unasked");
    // The same new id, drawn by both.
    let (_, clashes) =
        merged(&json!([]), &json!([{"id": "n", "type": "debug"}]), &json!([{"id": "n", "type": "change"}]));
    assert_eq!(clashes.len(), 1);
}

/// Small flows, so that two of them often meet in one place.
fn flows() -> impl Strategy<Value = Json> {
    let node = (0..4_u8, 0..3_u8, prop::collection::vec(0..4_u8, 0..3));
    prop::collection::vec(node, 0..5).prop_map(|nodes| {
        let mut seen = HashSet::new();
        nodes
            .into_iter()
            .filter(|(id, ..)| seen.insert(*id))
            .map(|(id, name, to)| {
                let mut wires: Vec<String> = to.iter().map(u8::to_string).collect();
                wires.dedup();
                json!({"id": id.to_string(), "type": "debug", "name": name.to_string(), "wires": [wires]})
            })
            .collect()
    })
}

/// By id: where nodes stand in the array is not what these are about.
fn sorted(mut nodes: Json) -> Json {
    nodes.as_array_mut().unwrap().sort_by_key(|node| node["id"].to_string());
    nodes
}

proptest! {
    #[test]
    fn who_changed_nothing_gets_what_the_other_did(base in flows(), other in flows()) {
        for (theirs, mine) in [(&base, &other), (&other, &base), (&other, &other)] {
            let (both, clashes) = merged(&base, theirs, mine);
            prop_assert_eq!(clashes, vec![]);
            prop_assert_eq!(sorted(both), sorted(other.clone()));
        }
    }

    #[test]
    fn nobody_s_change_is_lost_in_silence(base in flows(), theirs in flows(), mine in flows()) {
        let (both, clashes) = merged(&base, &theirs, &mine);
        let name = |all: &Json, id: &str| {
            all.as_array().unwrap().iter().find(|node| node["id"] == id).map(|node| node["name"].clone())
        };
        for id in ["0", "1", "2", "3"] {
            let (was, they, me, is) = (name(&base, id), name(&theirs, id), name(&mine, id), name(&both, id));
            if clashes.iter().any(|clash| clash.id == id) {
                continue;
            }
            // Without a clash it has what whoever changed it wanted.
            if they != was {
                prop_assert_eq!(&is, &they);
            }
            if me != was {
                prop_assert_eq!(&is, &me);
            }
        }
    }
}

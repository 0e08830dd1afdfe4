//! The live socket of the editor.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value as Json, json};

use super::socket::{Socket, open};
use super::{ask, log_in, start};
use crate::gateway::Gateway;

fn nodes() -> Vec<Json> {
    vec![
        json!({"id": "i", "type": "inject", "z": "t", "props": [{"p": "payload"}], "payload": "{\"n\":1}", "payloadType": "json", "x": 1, "y": 1, "wires": [["f"]]}),
        json!({"id": "f", "type": "function", "lang": "rhai", "z": "t", "func": "node.status(#{fill: \"green\", shape: \"dot\", text: \"seen\"}); return msg;", "outputs": 1, "x": 2, "y": 2, "wires": [["d"]]}),
        json!({"id": "d", "type": "debug", "z": "t", "active": true, "tosidebar": true, "complete": "payload", "x": 2, "y": 1, "wires": []}),
        json!({"id": "bad", "type": "function", "lang": "rhai", "z": "t", "func": "throw \"no\";", "outputs": 1, "x": 2, "y": 2, "wires": [[]]}),
        json!({"id": "o", "type": "mqtt out", "z": "t", "topic": "x", "broker": "b", "x": 2, "y": 4, "wires": []}),
        json!({"id": "b", "type": "mqtt-broker", "broker": "127.0.0.1", "port": "1"}),
    ]
}

fn live(gateway: &Gateway, who: &str) -> Socket {
    let bearer = who.trim().split_once(": ").unwrap().1.to_string();
    open(gateway, "/api/v1/live", &[("authorization", bearer.as_str())]).ok().unwrap()
}

fn press(gateway: &Gateway, who: &str) {
    assert_eq!(ask(gateway, who, "POST", "/inject/i", "", &Json::Null).status, 200);
}

fn of(kind: &str) -> impl Fn(&Json) -> bool {
    move |message| message["type"] == kind
}

/// Places of what has a number of its own in the legend.
fn number(legend: &Json, list: &str, named: &Json) -> Option<u64> {
    legend[list].as_array()?.iter().position(|known| known == named).map(|number| number as u64)
}

/// The figures of one node or wire in a list of `metrics`, `size` numbers each, without its own number.
fn figures(told: &Json, list: &str, size: usize, number: Option<u64>) -> Option<Vec<u64>> {
    let numbers: Vec<u64> = told[list].as_array()?.iter().map(|figure| figure.as_u64().unwrap()).collect();
    assert!(numbers.len().is_multiple_of(size), "{told}");
    numbers.chunks(size).find(|one| Some(one[0]) == number).map(|one| one[1..].to_vec())
}

fn counted(legend: &Json, told: &Json, node: &str) -> Option<Vec<u64>> {
    figures(told, "nodes", 4, number(legend, "nodes", &json!(node)))
}

fn is_away(problems: &Json) -> bool {
    problems["nodes"].as_array().unwrap().iter().any(|node| node["state"] == "away")
}

#[test]
fn what_is_watched_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = start(folder.path(), nodes());
    let ada = log_in(&gateway, "ada");
    let mut socket = live(&gateway, &ada);
    let hello = socket.next().unwrap();
    assert_eq!(
        (hello["type"].as_str(), hello["version"].as_u64(), hello["name"].as_str()),
        (Some("hello"), Some(2), Some("ada"))
    );
    assert_eq!((hello["sees_payloads"].as_bool(), hello["deploy"]["number"].as_i64()), (Some(true), Some(1)));
    socket.say(&json!({"type": "watch", "metrics": true, "statuses": true, "debug": true, "problems": true, "backlogs": true, "taps": ["f", "i", "nothing"]}));
    assert_eq!(
        socket.until(of("watching")),
        json!({"type": "watching", "not_allowed": [], "unknown": ["nothing"]})
    );
    press(&gateway, &ada);
    let (mut taps, mut first, mut legend) = (Vec::new(), BTreeMap::new(), Json::Null);
    let mut sums: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    while taps.len() < 2 || first.len() < 5 {
        let message = socket.next().unwrap();
        let kind = message["type"].as_str().unwrap().to_string();
        if kind == "legend" {
            legend = message.clone();
        }
        // A message may be on its way from a node to the next while they are looked at.
        for node in ["d", "f"].into_iter().filter(|_| kind == "metrics") {
            let grown = counted(&legend, &message, node).unwrap_or_else(|| vec![0; 3]);
            let sum = sums.entry(node).or_insert_with(|| vec![0; 3]);
            sum.iter_mut().zip(grown).for_each(|(sum, grown)| *sum += grown);
        }
        // The broker is away, and tells so too.
        let is_of_the_flow = match kind.as_str() {
            "metrics" => counted(&legend, &message, "d").is_some(),
            "status" => message["nodes"].get("f").is_some(),
            "debug" => message["shown"]["id"] == "d",
            "backlogs" => true,
            "problems" => is_away(&message),
            _ => false,
        };
        match kind == "tap" {
            true => taps.push(message),
            false if is_of_the_flow => drop(first.entry(kind).or_insert(message)),
            false => {}
        }
    }
    let metrics = &first["metrics"];
    let tap = |node: &str| taps.iter().find(|tap| tap["node"] == node).unwrap();
    assert_eq!((tap("i")["came_in"].as_bool(), tap("f")["came_in"].as_bool()), (Some(false), Some(true)));
    assert!(tap("f")["shown"]["msg"].as_str().unwrap().contains("\"payload\":{\"n\":1}"), "{taps:?}");
    assert_eq!((&sums["d"], &sums["f"]), (&vec![1, 0, 0], &vec![1, 1, 0]));
    let end = |node: &str| number(&legend, "nodes", &json!(node));
    let wire = number(&legend, "wires", &json!([end("f"), 0, end("d")]));
    assert_eq!(figures(metrics, "wires", 2, wire), Some(vec![1]));
    assert_eq!(first["debug"]["shown"]["msg"], "{\"n\":1}");
    assert_eq!(first["status"]["nodes"]["f"]["text"], "seen");
    assert_eq!(first["backlogs"]["outboxes"][0]["node"], "o");
    // A new revision is told, and what is tapped stays so.
    let mut changed = nodes();
    changed[1]["func"] = json!("return msg;");
    changed.push(json!({"id": "t", "type": "tab", "label": "http"}));
    assert_eq!(
        ask(&gateway, &ada, "POST", "/flows", "node-red-deployment-type: nodes\r\n", &json!(changed)).status,
        204
    );
    assert_eq!(socket.until(of("deploy"))["number"], 2);
    press(&gateway, &ada);
    socket.until(|message| message["type"] == "tap" && message["node"] == "f");
}

#[test]
fn a_part_of_the_flows_is_watched_and_no_more_than_one_may_see() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = start(folder.path(), nodes());
    let (ada, eve) = (log_in(&gateway, "ada"), log_in(&gateway, "eve"));
    assert_eq!(open(&gateway, "/api/v1/live", &[]).err(), Some(401));
    let bearer = eve.trim().split_once(": ").unwrap().1.to_string();
    let foreign = [("authorization", bearer.as_str()), ("origin", "http://evil.example")];
    assert_eq!(open(&gateway, "/api/v1/live", &foreign).err(), Some(403));
    let mut socket = live(&gateway, &eve);
    assert_eq!(socket.next().unwrap()["sees_payloads"], false);
    let wire = json!({"from": "i", "port": 0, "to": "f"});
    socket.say(&json!({"type": "watch", "statuses": true, "debug": true, "metrics": true, "problems": true, "taps": ["f"], "wire_taps": [wire]}));
    assert_eq!(socket.until(of("watching"))["not_allowed"], json!(["debug", "taps", "wire_taps"]));
    press(&gateway, &ada);
    assert_eq!(ask(&gateway, &ada, "POST", "/inject/i", "", &Json::Null).status, 200);
    socket.until(of("status"));
    let seen = socket.for_a_while(Duration::from_secs(1));
    assert!(
        seen.iter().all(|message| !matches!(message["type"].as_str(), Some("debug" | "tap"))),
        "{seen:?}"
    );
    // Another tab: nothing of this one.
    socket.say(&json!({"type": "watch", "flows": ["elsewhere"], "statuses": true, "metrics": true}));
    socket.until(of("watching"));
    press(&gateway, &ada);
    let seen = socket.for_a_while(Duration::from_millis(1_200));
    assert!(seen.iter().any(of("metrics")), "{seen:?}");
    assert!(!json!(seen).to_string().contains("\"f\""), "{seen:?}");
    // What makes no sense changes nothing, and is told.
    for (said, code) in [
        (json!({"type": "watch", "everything": true}), "bad_message"),
        (json!({"type": "listen"}), "bad_message"),
        (json!({"type": "watch", "taps": vec!["x"; 21]}), "too_many"),
        (json!({"type": "watch", "nodes": ["x".repeat(300)]}), "too_long"),
        (json!({"type": "watch", "at": "x".repeat(300)}), "too_long"),
        (json!({"type": "watch", "wire_taps": vec![&wire; 21]}), "too_many"),
        (json!({"type": "watch", "wire_taps": [{"from": "x".repeat(300), "to": "y"}]}), "too_long"),
        (json!({"type": "watch", "wire_taps": [{"from": "x"}]}), "bad_message"),
    ] {
        socket.say(&said);
        assert_eq!(socket.until(of("wrong"))["error"]["code"], code);
    }
    socket.say(&json!({"type": "ping"}));
    socket.until(of("pong"));
}

#[test]
fn one_wire_is_looked_at_and_not_the_others_into_the_same_node() {
    let folder = tempfile::tempdir().unwrap();
    let mut flow = nodes();
    flow[1]["outputs"] = json!(2);
    flow[1]["func"] = json!("return [#{payload: \"first\"}, #{payload: \"second\"}];");
    flow[1]["wires"] = json!([["d"], ["d"]]);
    let gateway = start(folder.path(), flow);
    let ada = log_in(&gateway, "ada");
    let mut socket = live(&gateway, &ada);
    let (wire, no_wire) =
        (json!({"from": "f", "port": 1, "to": "d"}), json!({"from": "f", "port": 2, "to": "d"}));
    socket.say(&json!({"type": "watch", "flows": [], "wire_taps": [wire, no_wire]}));
    let watching = socket.until(of("watching"));
    assert_eq!((&watching["unknown_wires"], &watching["not_allowed"]), (&json!([no_wire]), &json!([])));
    press(&gateway, &ada);
    let tap = socket.until(of("tap"));
    assert_eq!((&tap["node"], &tap["came_in"], &tap["wire"]), (&json!("f"), &json!(false), &wire));
    assert!(tap["shown"]["msg"].as_str().unwrap().contains("\"payload\":\"second\""), "{tap}");
    let seen = socket.for_a_while(Duration::from_millis(600));
    assert!(!seen.iter().any(of("tap")), "{seen:?}");
    // And no more when nobody looks.
    socket.say(&json!({"type": "watch", "flows": []}));
    socket.until(of("watching"));
    press(&gateway, &ada);
    let seen = socket.for_a_while(Duration::from_millis(600));
    assert!(!seen.iter().any(of("tap")), "{seen:?}");
}

#[test]
fn what_waits_and_how_long_nodes_take_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let mut flow = nodes();
    flow[0]["wires"] = json!([["f", "o", "w"]]);
    flow.push(json!({"id": "w", "type": "delay", "z": "t", "pauseType": "delay", "timeout": "1", "timeoutUnits": "hours", "x": 1, "y": 9, "wires": [[]]}));
    let gateway = start(folder.path(), flow);
    let ada = log_in(&gateway, "ada");
    let mut socket = live(&gateway, &ada);
    socket.say(&json!({"type": "watch", "queues": true, "metrics": true, "timings": true}));
    let legend = socket.until(of("legend"));
    // All of them first, also those in which nothing waits.
    let first = socket.until(of("queues"));
    assert_eq!(
        first["nodes"]["o"],
        json!({"kind": "outbox", "depth": 0, "bytes": 0, "blocked": 0.0, "dropped": 0, "spilling": false})
    );
    assert_eq!(
        (&first["nodes"]["i"]["kind"], &first["nodes"]["i"]["depth"]),
        (&json!("in_flight"), &json!(0))
    );
    (0..3).for_each(|_| press(&gateway, &ada));
    let mut depths = BTreeMap::new();
    let f = number(&legend, "nodes", &json!("f"));
    let mut timed = 0;
    while depths.get("o") != Some(&3) || depths.get("w") != Some(&3) || timed < 3 {
        let told = socket.next().unwrap();
        for (node, queue) in
            told["nodes"].as_object().filter(|_| told["type"] == "queues").into_iter().flatten()
        {
            depths.insert(node.clone(), queue["depth"].as_i64().unwrap());
            assert!(node != "w" || queue["kind"] == "held");
        }
        if let Some([p50, p95, samples]) = figures(&told, "timings", 4, f).as_deref() {
            assert!(*p50 > 0 && p95 >= p50, "{told}");
            timed += samples;
        }
    }
    assert_eq!(timed, 3, "of a few calls each is timed, and told once");
    let seen = socket.for_a_while(Duration::from_millis(1_200));
    let again = seen.iter().filter(|told| told["type"] == "queues" && told["nodes"].get("w").is_some());
    assert_eq!(again.count(), 0, "{seen:?}");
    // Nobody watches the times any more.
    socket.say(&json!({"type": "watch", "metrics": true}));
    socket.until(of("watching"));
    press(&gateway, &ada);
    let told = socket.until(|told| told["type"] == "metrics" && counted(&legend, told, "f").is_some());
    assert_eq!(told.get("timings"), None);
}

#[test]
fn what_is_told_is_as_much_as_has_changed() {
    let folder = tempfile::tempdir().unwrap();
    let mut flow = nodes();
    flow.extend((0..500).map(|n| json!({"id": format!("idle{n}"), "type": "debug", "z": "t", "active": true, "x": 1, "y": n, "wires": []})));
    let gateway = start(folder.path(), flow);
    let ada = log_in(&gateway, "ada");
    let mut socket = live(&gateway, &ada);
    let watch = |nodes: &[&str]| json!({"type": "watch", "flows": ["t"], "nodes": nodes, "metrics": true, "timings": true, "queues": true, "statuses": true});
    socket.say(&watch(&[]));
    let legend = socket.until(of("legend"));
    assert!(legend["nodes"].as_array().unwrap().len() > 500);
    press(&gateway, &ada);
    let mut told = vec![socket.until(|told| counted(&legend, told, "d").is_some())];
    // Another node is chosen: names that are known are not told again.
    socket.say(&watch(&["f"]));
    socket.until(of("watching"));
    told.extend(socket.for_a_while(Duration::from_millis(1_600)));
    assert!(!told.iter().any(of("legend")), "{told:?}");
    let metrics: Vec<&Json> = told.iter().filter(|told| of("metrics")(told)).collect();
    assert!(metrics.len() > 1, "{told:?}");
    let all =
        |list: &str| -> usize { metrics.iter().filter_map(|told| told[list].as_array()).map(Vec::len).sum() };
    // Three nodes have done something, each within two looks at the most; none of the 500 is told of.
    assert!(all("nodes") <= 4 * 6 && all("timings") <= 4 * 6 && all("wires") <= 2 * 4, "{told:?}");
}

#[test]
fn who_is_there_sees_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = start(folder.path(), nodes());
    let (ada, vic) = (log_in(&gateway, "ada"), log_in(&gateway, "vic"));
    let mut first = live(&gateway, &ada);
    let hello = first.next().unwrap();
    let now_ms =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as i64;
    assert!((hello["now_ms"].as_i64().unwrap() - now_ms).abs() < 60_000, "{hello}");
    assert_eq!(hello["boot"], 1);
    let alone = first.until(of("presence"));
    assert_eq!((&alone["people"][0]["id"], &alone["people"][0]["name"]), (&hello["you"], &json!("ada")));
    let mut second = live(&gateway, &vic);
    second.say(&json!({"type": "watch", "flows": [], "at": "t"}));
    let both = first.until(|told| told["type"] == "presence" && told["people"][1]["at"] == "t");
    assert_eq!((&both["people"][1]["name"], both["people"].as_array().unwrap().len()), (&json!("vic"), 2));
    assert!(both["people"][1]["since_ms"].as_i64() >= both["people"][0]["since_ms"].as_i64());
    let keys: Vec<_> = both["people"][1].as_object().unwrap().keys().cloned().collect();
    assert_eq!(keys, ["id", "name", "at", "since_ms"], "and nothing else");
    drop(second);
    first.until(|told| told["type"] == "presence" && told["people"].as_array().unwrap().len() == 1);
}

#[test]
fn errors_are_told_as_they_happen() {
    let folder = tempfile::tempdir().unwrap();
    let mut all = nodes();
    all[0]["wires"] = json!([["bad"]]);
    let gateway = start(folder.path(), all);
    let (ada, eve) = (log_in(&gateway, "ada"), log_in(&gateway, "eve"));
    let watch = json!({"type": "watch", "problems": true});
    let (mut sees, mut not) = (live(&gateway, &ada), live(&gateway, &eve));
    for socket in [&mut sees, &mut not] {
        socket.say(&watch);
        socket.until(of("watching"));
    }
    press(&gateway, &ada);
    let trouble = sees.until(of("trouble"));
    assert_eq!((trouble["node"].as_str(), trouble["kind"].as_str()), (Some("bad"), Some("error")));
    assert!(trouble["text"].as_str().unwrap().contains("no"), "{trouble}");
    let has_error = |message: &Json| {
        message["type"] == "problems"
            && message["nodes"].as_array().unwrap().iter().any(|node| node["id"] == "bad")
    };
    // An error may say what a message was. It is among the problems before or after that.
    let (mut trouble, mut is_problem) = (None, false);
    while trouble.is_none() || !is_problem {
        let message = not.until(|message| message["type"] == "trouble" || has_error(message));
        is_problem |= has_error(&message);
        trouble = trouble.or(Some(message).filter(of("trouble")));
    }
    assert_eq!(trouble.unwrap().get("text"), None);
}

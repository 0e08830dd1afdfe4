use serde_json::{Value as Json, json};

use crate::node::Action;
use crate::testing::{MemoryHost, Rig};
use crate::value::{Object, Value};

fn config(more: Json) -> Json {
    let mut config = json!({"stations": 2, "interval": 10, "seed": 7, "faults": 0});
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    config
}

fn inject(message: Json) -> Action {
    let Value::Object(message) = Value::from(&message) else { panic!("a message is an object") };
    Action::Inject(message)
}

fn telemetry(rig: &Rig, station: &str) -> Vec<Json> {
    let topic = format!("site/{station}/telemetry");
    rig.sent(0).into_iter().filter(|m| m["topic"] == topic).map(|mut m| m["payload"].take()).collect()
}

fn alarms(rig: &Rig) -> Vec<(u64, String)> {
    let sent = rig.sent(0).into_iter().map(|mut m| m["payload"].take());
    sent.filter_map(|p| Some((p["alarm_id"].as_u64()?, p["state"].as_str()?.to_string()))).collect()
}

#[test]
fn every_station_sends_at_every_tick() {
    for (profile, name) in [("base station", "bts-002"), ("room", "room-002")] {
        let mut rig = Rig::new("sensor simulator", config(json!({"profile": profile})));
        rig.advance_ms(35_000);
        assert_eq!(rig.sent(0).len(), 8);
        let readings = telemetry(&rig, name);
        let times: Vec<i64> =
            readings.iter().map(|r| r["ts"].as_i64().unwrap() - 1_700_000_000_000).collect();
        assert_eq!(times, [0, 10_000, 20_000, 30_000]);
        assert_eq!((&readings[3]["station"], &readings[3]["sequence"]), (&json!(name), &json!(4)));
        assert_eq!((&readings[3]["door"], &readings[3]["alarms"]), (&json!("closed"), &json!([])));
    }
}

#[test]
fn a_seed_gives_the_same_again_and_another_does_not() {
    let run = |seed: u64| {
        let mut rig = Rig::new("sensor simulator", config(json!({"seed": seed, "faults": 200})));
        rig.advance_ms(3_600_000);
        rig.sent(0)
    };
    assert!(run(7).len() > 720);
    assert_eq!(run(7), run(7));
    assert_ne!(run(7), run(8));
    // One station more does not change the others.
    let mut more = Rig::new("sensor simulator", config(json!({"stations": 5})));
    let mut less = Rig::new("sensor simulator", config(json!({})));
    more.advance_ms(60_000);
    less.advance_ms(60_000);
    assert_eq!(telemetry(&more, "bts-002"), telemetry(&less, "bts-002"));
}

#[test]
fn without_the_grid_the_battery_drains_until_the_generator_starts() {
    let mut rig = Rig::new("sensor simulator", config(json!({"stations": 1})));
    rig.advance_ms(600_000);
    rig.take();
    rig.action(inject(json!({"fault": "grid"})));
    rig.advance_ms(2 * 3_600_000);
    assert_eq!(
        alarms(&rig),
        [(312, "raised"), (314, "raised"), (312, "cleared"), (314, "cleared")]
            .map(|(id, s)| (id, s.to_string()))
    );
    let readings = telemetry(&rig, "bts-001");
    let volts = |r: &Json, name: &str| r[name].as_f64().unwrap();
    let running = readings.iter().position(|r| volts(r, "generator_voltage") > 200.0).unwrap();
    let (out, last) = (&readings[1], readings.last().unwrap());
    assert_eq!(volts(out, "grid_voltage"), 0.0);
    assert!(out["alarms"] == json!([312]) && last["alarms"] == json!([]));
    let before = &readings[running - 1];
    assert!(volts(before, "battery_voltage") < volts(out, "battery_voltage") - 0.3);
    assert!(volts(&readings[running + 60], "battery_voltage") > volts(before, "battery_voltage") + 1.0);
    assert!(volts(last, "fuel") < volts(out, "fuel"));
    assert!(volts(last, "grid_voltage") > 200.0 && volts(last, "generator_voltage") == 0.0);
}

#[test]
fn a_generator_that_does_not_start_lets_the_battery_run_low() {
    let mut rig = Rig::new("sensor simulator", config(json!({"stations": 1, "interval": 30})));
    for _ in 0..5 {
        rig.action(inject(json!({"fault": "generator"})));
        rig.action(inject(json!({"fault": "grid"})));
        rig.advance_ms(3_500_000);
    }
    let seen = alarms(&rig);
    for id in [312, 315, 317, 311] {
        assert!(seen.contains(&(id, "raised".to_string())), "{id} in {seen:?}");
    }
    let lowest = telemetry(&rig, "bts-001")
        .iter()
        .map(|r| r["battery_voltage"].as_f64().unwrap())
        .fold(60.0, f64::min);
    assert!((40.0..47.0).contains(&lowest), "{lowest}");
}

/// Two days with many faults: whatever happens, the readings stay within what can be.
#[test]
fn readings_stay_plausible() {
    let limits = [
        ("temperature", 15.0, 70.0),
        ("humidity", 0.0, 100.0),
        ("grid_voltage", 0.0, 260.0),
        ("battery_voltage", 40.0, 56.0),
        ("fuel", 0.0, 100.0),
        ("load", 0.3, 3.0),
        ("rssi", -120.0, -50.0),
        ("co2", 400.0, 3000.0),
        ("light", 0.0, 900.0),
        ("people", 0.0, 50.0),
    ];
    for profile in ["base station", "room"] {
        let properties = config(json!({"profile": profile, "interval": 60, "faults": 60}));
        let mut rig = Rig::new("sensor simulator", properties);
        rig.advance_ms(2 * 86_400_000);
        let mut raised = 0;
        for message in rig.sent(0) {
            raised += usize::from(message["payload"]["state"] == "raised");
            for (name, low, high) in limits {
                if let Some(value) = message["payload"][name].as_f64() {
                    assert!((low..=high).contains(&value), "{name} {value} of {profile}");
                }
            }
        }
        assert!(raised > 20, "{raised}");
    }
}

#[test]
fn a_day_has_its_course() {
    let mut rig = Rig::new("sensor simulator", config(json!({"stations": 1, "interval": 600})));
    rig.advance_ms(86_400_000);
    let warmth: Vec<f64> =
        telemetry(&rig, "bts-001").iter().map(|r| r["outside_temperature"].as_f64().unwrap()).collect();
    let (low, high) = warmth.iter().fold((99.0f64, 0.0f64), |(low, high), t| (low.min(*t), high.max(*t)));
    assert!(high - low > 5.0, "{low} to {high}");
}

#[test]
fn json_text_and_another_topic() {
    let properties = config(json!({"format": "json", "topic": "{kind}/of/{station}", "stations": 1}));
    let mut rig = Rig::new("sensor simulator", properties);
    rig.advance_ms(0);
    let message = &rig.sent(0)[0];
    assert_eq!(message["topic"], "telemetry/of/bts-001");
    let payload: Json = serde_json::from_str(message["payload"].as_str().unwrap()).unwrap();
    assert_eq!(payload["station"], "bts-001");
}

#[test]
fn without_credit_a_tick_is_late_and_the_next_are_skipped() {
    let mut host = MemoryHost::default();
    host.credits = 3;
    let mut rig = Rig::with_host("sensor simulator", config(json!({"stations": 4})), host).unwrap();
    rig.advance_ms(25_000);
    assert_eq!(rig.sent(0).len(), 3);
    let text = rig.host.statuses.last().unwrap().text.clone();
    assert_eq!(text, Some("2 ticks skipped".into()));
    rig.resume(100);
    assert_eq!(telemetry(&rig, "bts-004").len(), 1);
    rig.advance_ms(10_000);
    assert_eq!(telemetry(&rig, "bts-004").len(), 2);
}

#[test]
fn state_goes_on_after_a_restart() {
    let start = || Rig::new("sensor simulator", config(json!({"faults": 300})));
    let mut whole = start();
    whole.advance_ms(1_800_000);
    let saved = whole.node().save().unwrap();
    let text = saved.to_json();
    let mut next = start();
    next.node().restore(Value::from_json(text.as_bytes()).unwrap());
    assert_eq!(next.node().save().unwrap().to_json(), text);
    next.advance_ms(0);
    let (before, after) = (telemetry(&whole, "bts-001"), telemetry(&next, "bts-001"));
    assert_eq!(after[0]["sequence"], json!(before.len() + 1));
    // What is no state of this node is left alone.
    for state in [Value::Null, Value::Object(Object::new())] {
        let mut other = start();
        other.node().restore(state);
        other.advance_ms(0);
        assert_eq!(telemetry(&other, "bts-001")[0]["sequence"], 1);
    }
}

#[test]
fn wrong_configuration_is_refused() {
    for (wrong, pointer) in [
        (json!({"profile": "ship"}), "/profile"),
        (json!({"stations": 0}), "/stations"),
        (json!({"stations": "many"}), "/stations"),
        (json!({"interval": 0}), "/interval"),
        (json!({"faults": -1}), "/faults"),
        (json!({"format": "xml"}), "/format"),
        (json!({"topic": "a/{name}"}), "/topic"),
    ] {
        let error = Rig::try_new("sensor simulator", wrong).err().unwrap();
        assert!(error.to_string().starts_with(pointer), "{error}");
    }
}

#[test]
fn an_unknown_fault_is_an_error() {
    let mut rig = Rig::new("sensor simulator", config(json!({})));
    rig.action(inject(json!({"fault": "aliens"})));
    assert!(rig.host.errors[0].0.message().contains("aliens"));
}

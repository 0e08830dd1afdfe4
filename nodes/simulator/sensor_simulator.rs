//! sensor simulator: telemetry and alarms of base stations or rooms that do not exist.

use std::collections::VecDeque;
use std::time::Duration;

use serde::Deserialize;

use super::site::{Fault, Profile, Site};
use crate::cx::Cx;
use crate::descriptor::{Category, Descriptor, Field, Outputs, Role};
use crate::error::NodeError;
use crate::host::{Status, TimerId};
use crate::message::Message;
use crate::node::{Action, Built, NodeConfig, NodeType, Transform};
use crate::read;
use crate::value::{Object, Value};

pub const NODE: NodeType = NodeType { descriptor: &DESCRIPTOR, build };

static DESCRIPTOR: Descriptor = Descriptor {
    type_name: "sensor simulator",
    category: Category::Input,
    summary: "Makes up readings and alarms of base stations or rooms.",
    help: include_str!("sensor_simulator.md"),
    examples: include_str!("sensor_simulator.examples.json"),
    inputs: 0,
    outputs: Outputs::Fixed(1),
    role: Role::Source,
    fields: &[
        Field::choice(
            "profile",
            &[("base station", "Base stations"), ("room", "Rooms")],
            "What",
            "Base stations have power, battery and generator; rooms have people, light and air.",
        )
        .default("\"base station\""),
        Field::integer("stations", "How many", "So many stations, each with a life of its own.")
            .default("3")
            .range(1.0, MAX_STATIONS as f64),
        Field::number("interval", "Every (seconds)", "Each station sends its readings so often.")
            .default("5")
            .range(0.1, 86_400.0),
        Field::integer(
            "seed",
            "Seed",
            "The same seed gives the same readings at the same times. Empty: different on every start.",
        )
        .default("1"),
        Field::number(
            "faults",
            "Faults a day",
            "How often something breaks, a station and day on average. 0: never.",
        )
        .default("6")
        .range(0.0, 10_000.0),
        Field::choice(
            "format",
            &[("object", "Object"), ("json", "JSON text")],
            "Payload",
            "JSON text is what devices usually send.",
        )
        .default("\"object\""),
        Field::text(
            "topic",
            "Topic",
            "{station} stands for the station's name, {kind} for telemetry or alarm.",
        )
        .default("\"site/{station}/{kind}\""),
    ],
};

const MAX_STATIONS: usize = 1000;

#[derive(Deserialize)]
struct Config {
    #[serde(default, deserialize_with = "read::text")]
    profile: String,
    #[serde(default, deserialize_with = "read::maybe_number")]
    stations: Option<f64>,
    #[serde(default, deserialize_with = "read::maybe_number")]
    interval: Option<f64>,
    #[serde(default, deserialize_with = "read::maybe_number")]
    seed: Option<f64>,
    #[serde(default, deserialize_with = "read::maybe_number")]
    faults: Option<f64>,
    #[serde(default, deserialize_with = "read::text")]
    format: String,
    #[serde(default, deserialize_with = "read::text")]
    topic: String,
}

fn build(config: &NodeConfig) -> Result<Built, NodeError> {
    let config: Config = config.read()?;
    let profile = match config.profile.as_str() {
        "" | "base station" => Profile::BaseStation,
        "room" => Profile::Room,
        other => {
            let text = format!("unknown profile \"{other}\": use base station or room");
            return Err(NodeError::config("/profile", text));
        }
    };
    let stations =
        read::within("/stations", config.stations.unwrap_or(3.0), 1.0, MAX_STATIONS as f64)?.trunc() as usize;
    let interval = read::within("/interval", config.interval.unwrap_or(5.0), 0.1, 86_400.0)?;
    let as_json = match config.format.as_str() {
        "" | "object" => false,
        "json" => true,
        other => {
            let text = format!("unknown form \"{other}\": use object or json");
            return Err(NodeError::config("/format", text));
        }
    };
    let topic = if config.topic.is_empty() { "site/{station}/{kind}" } else { &config.topic };
    if topic.replace("{station}", "").replace("{kind}", "").contains(['{', '}']) {
        let text = "unknown placeholder: use {station} and {kind}";
        return Err(NodeError::config("/topic", text));
    }
    let mut simulator = Simulator {
        profile,
        interval: Duration::from_secs_f64(interval),
        faults_a_day: read::within("/faults", config.faults.unwrap_or(6.0), 0.0, 10_000.0)?,
        as_json,
        stations: Vec::with_capacity(stations),
        names: (0..stations).map(|number| profile.station_name(number)).collect(),
        topic: topic.to_string(),
        seed: config.seed.map(|seed| seed as i64 as u64),
        next_tick: Duration::ZERO,
        last: None,
        seconds: 0.0,
        next_station: stations,
        unsent: VecDeque::new(),
        skipped: 0,
    };
    if let Some(seed) = simulator.seed {
        simulator.populate(seed);
    }
    Ok(Built::transform(simulator))
}

const TICK: TimerId = 0;

struct Simulator {
    profile: Profile,
    interval: Duration,
    faults_a_day: f64,
    as_json: bool,
    stations: Vec<Site>,
    names: Vec<String>,
    topic: String,
    seed: Option<u64>,

    next_tick: Duration,
    /// When time last passed for the stations, by the clock that never jumps.
    last: Option<Duration>,
    /// How much of it passes in the tick at hand.
    seconds: f64,
    /// The station whose turn it is in the tick at hand; behind the last one when all have sent.
    next_station: usize,
    /// Messages of the station before it that had no credit yet.
    unsent: VecDeque<Object>,
    /// Ticks that fell while the one before was not sent yet.
    skipped: u64,
}

impl Transform for Simulator {
    fn start(&mut self, cx: &mut Cx<'_>) -> Result<(), NodeError> {
        if self.stations.is_empty() {
            let seed = cx.random();
            self.populate(seed);
        }
        self.next_tick = cx.elapsed();
        cx.set_timer(TICK, Duration::ZERO);
        Ok(())
    }

    fn timer(&mut self, _id: TimerId, cx: &mut Cx<'_>) -> Result<(), NodeError> {
        let now = cx.elapsed();
        self.next_tick += self.interval;
        while self.next_tick <= now {
            self.next_tick += self.interval;
            self.skipped += 1;
        }
        cx.set_timer(TICK, self.next_tick - now);
        self.tick(cx);
        Ok(())
    }

    fn resume(&mut self, cx: &mut Cx<'_>) -> Result<(), NodeError> {
        self.send(cx);
        Ok(())
    }

    /// Inject's button: a tick now, and a fault first where the message names one.
    fn action(&mut self, action: Action, cx: &mut Cx<'_>) -> Result<(), NodeError> {
        match action {
            Action::Inject(message) => self.push(&message, cx),
            Action::Activate(_) | Action::Operate(_) => Ok(()),
        }
    }

    /// The node has no input; a flow test sends here what the button would.
    fn handle(&mut self, msg: &mut Option<Message>, cx: &mut Cx<'_>) -> Result<(), NodeError> {
        match msg {
            Some(message) => self.push(&message.value, cx),
            None => Ok(()),
        }
    }

    fn save(&self) -> Option<Value> {
        let stations = serde_json::to_value(&self.stations).ok()?;
        Some(Value::Object([("stations", Value::from(&stations))].into_iter().collect()))
    }

    fn restore(&mut self, state: Value) {
        let stations = state.get("stations").and_then(|stations| serde_json::to_value(stations).ok());
        let Some(saved) = stations.and_then(|json| serde_json::from_value::<Vec<Site>>(json).ok()) else {
            return;
        };
        if self.stations.is_empty() {
            // No seed: those that were go on, and new ones come by the same chance.
            self.populate(saved.len() as u64);
        }
        for (station, saved) in self.stations.iter_mut().zip(saved) {
            if saved.is_of(self.profile) {
                *station = saved;
            }
        }
    }
}

impl Simulator {
    fn populate(&mut self, seed: u64) {
        self.stations = (0..self.names.len()).map(|number| Site::new(self.profile, seed, number)).collect();
    }

    fn push(&mut self, message: &Object, cx: &mut Cx<'_>) -> Result<(), NodeError> {
        if let Some(name) = message.get("fault") {
            let fault = name.as_str().and_then(Fault::find);
            let fault = fault.ok_or_else(|| {
                NodeError::rejected(format!("unknown fault {name:?}: the help page lists the faults"))
            })?;
            let only = message.get("station").and_then(Value::as_str);
            for (station, name) in self.stations.iter_mut().zip(&self.names) {
                if only.is_none_or(|only| only == name) {
                    station.break_now(fault);
                }
            }
        }
        self.tick(cx);
        Ok(())
    }

    fn tick(&mut self, cx: &mut Cx<'_>) {
        if self.next_station < self.stations.len() || !self.unsent.is_empty() {
            self.skipped += 1;
            let ticks = if self.skipped == 1 { "tick" } else { "ticks" };
            cx.status(Status::new("yellow", "ring", format!("{} {ticks} skipped", self.skipped)));
            return;
        }
        let now = cx.elapsed();
        self.seconds = self.last.map_or(0.0, |last| (now.saturating_sub(last)).as_secs_f64());
        self.last = Some(now);
        self.next_station = 0;
        self.send(cx);
    }

    /// Sends as long as there is credit; `resume` goes on where it stopped.
    fn send(&mut self, cx: &mut Cx<'_>) {
        loop {
            while let Some(message) = self.unsent.front() {
                if !cx.originate(0, message.clone()) {
                    return;
                }
                self.unsent.pop_front();
            }
            let number = self.next_station;
            let Some(station) = self.stations.get_mut(number) else { return };
            self.next_station += 1;
            let now = cx.wall_ms();
            let (readings, alarms) = station.advance(self.seconds, now, self.faults_a_day);
            let telemetry = self.message(number, "telemetry", readings, now, cx);
            self.unsent.push_back(telemetry);
            for alarm in alarms {
                let alarm = self.message(number, "alarm", alarm, now, cx);
                self.unsent.push_back(alarm);
            }
        }
    }

    fn message(&self, number: usize, kind: &str, fields: Object, now: i64, cx: &mut Cx<'_>) -> Object {
        let name = self.names[number].as_str();
        let mut payload = Object::with_capacity(fields.len() + 2);
        payload.insert("station", name);
        payload.insert("ts", now);
        for (key, value) in fields.iter() {
            payload.insert(key.clone(), value.clone());
        }
        let payload = Value::Object(payload);
        let mut message = Object::with_capacity(4);
        message.insert("_msgid", cx.new_id());
        message.insert("topic", self.topic.replace("{station}", name).replace("{kind}", kind));
        message.insert("payload", if self.as_json { Value::from(payload.to_json()) } else { payload });
        if kind == "alarm" {
            // An outbox sends it before telemetry.
            message.insert("priority", "alarm");
        }
        message
    }
}

#[cfg(test)]
#[path = "sensor_simulator_tests.rs"]
mod tests;

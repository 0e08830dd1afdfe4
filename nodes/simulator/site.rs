//! What base stations and rooms have in common: a place, a clock, faults that come and go, alarms.

use serde::{Deserialize, Serialize};

use super::alarms::{Condition, Raised};
use super::base_station::BaseStation;
use super::random::Random;
use super::room::Room;
use crate::value::{Object, Value};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    Grid,
    Generator,
    Rectifier,
    Aircon,
    Door,
    Smoke,
    Uplink,
    Sensor,
    Leak,
    Crowd,
}

/// A fault, how often it is the one that happens, and how long it lasts on average, in minutes.
type Chance = (Fault, f64, f64);

const STATION_FAULTS: &[Chance] = &[
    (Fault::Grid, 4.0, 60.0),
    (Fault::Generator, 1.0, 180.0),
    (Fault::Rectifier, 1.0, 40.0),
    (Fault::Aircon, 2.0, 90.0),
    (Fault::Door, 3.0, 5.0),
    (Fault::Smoke, 0.3, 10.0),
    (Fault::Uplink, 2.0, 15.0),
    (Fault::Sensor, 1.0, 20.0),
];

const ROOM_FAULTS: &[Chance] = &[
    (Fault::Aircon, 2.0, 90.0),
    (Fault::Door, 4.0, 5.0),
    (Fault::Smoke, 0.3, 10.0),
    (Fault::Leak, 0.5, 30.0),
    (Fault::Crowd, 2.0, 60.0),
    (Fault::Sensor, 1.0, 20.0),
];

impl Fault {
    pub fn find(name: &str) -> Option<Fault> {
        serde_json::from_value(name.into()).ok()
    }
}

/// What a model sees of the world in one step.
pub struct Moment<'a> {
    /// Seconds since the last step.
    pub seconds: f64,
    /// Hours since midnight, by the sun over the station.
    pub hour: f64,
    pub random: &'a mut Random,
    faults: &'a [(Fault, f64)],
}

impl Moment<'_> {
    pub fn has(&self, fault: Fault) -> bool {
        self.faults.iter().any(|(kind, _)| *kind == fault)
    }

    /// From -1 to 1, with its peak at this hour of the day.
    pub fn daily(&self, peak: f64) -> f64 {
        ((self.hour - peak) / 24.0 * std::f64::consts::TAU).cos()
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Model {
    BaseStation(BaseStation),
    Room(Room),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Profile {
    BaseStation,
    Room,
}

impl Profile {
    pub fn station_name(self, number: usize) -> String {
        match self {
            Profile::BaseStation => format!("bts-{:03}", number + 1),
            Profile::Room => format!("room-{:03}", number + 1),
        }
    }
}

/// One simulated station.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Site {
    random: Random,
    latitude: f64,
    longitude: f64,
    /// Faults, and how many seconds they still last.
    faults: Vec<(Fault, f64)>,
    raised: Raised,
    sequence: i64,
    model: Model,
}

/// No model is stepped further than this at once: events in between would be missed.
const STEP: f64 = 20.0;
/// After a long pause the world does not catch up on more than this.
const CATCH_UP: f64 = 2.0 * 3600.0;

impl Site {
    pub fn new(profile: Profile, seed: u64, number: usize) -> Site {
        let mut random = Random::of(seed, number);
        // Around Ho Chi Minh City.
        let (latitude, longitude) = (random.between(10.5, 11.2), random.between(106.3, 107.0));
        let model = match profile {
            Profile::BaseStation => Model::BaseStation(BaseStation::new(&mut random)),
            Profile::Room => Model::Room(Room::new(&mut random)),
        };
        Site {
            random,
            latitude,
            longitude,
            faults: Vec::new(),
            raised: Raised::default(),
            sequence: 0,
            model,
        }
    }

    pub fn is_of(&self, profile: Profile) -> bool {
        matches!(
            (&self.model, profile),
            (Model::BaseStation(_), Profile::BaseStation) | (Model::Room(_), Profile::Room)
        )
    }

    /// A fault now, for its usual time.
    pub fn break_now(&mut self, fault: Fault) {
        if let Some((_, _, minutes)) = self.chances().iter().find(|(kind, ..)| *kind == fault) {
            self.faults.push((fault, minutes * 60.0));
        }
    }

    fn chances(&self) -> &'static [Chance] {
        match self.model {
            Model::BaseStation(_) => STATION_FAULTS,
            Model::Room(_) => ROOM_FAULTS,
        }
    }

    /// Lets time pass, and gives the readings and the alarms that came or went.
    pub fn advance(&mut self, seconds: f64, now_ms: i64, faults_a_day: f64) -> (Object, Vec<Object>) {
        let seconds = seconds.clamp(0.0, CATCH_UP);
        let steps = (seconds / STEP).ceil().max(1.0);
        let step = seconds / steps;
        for n in 0..steps as u32 {
            let before_now = seconds - step * f64::from(n + 1);
            self.step(step, now_ms as f64 / 3_600_000.0 - before_now / 3600.0, faults_a_day / 24.0);
        }
        self.sequence += 1;
        let events = self.raised.update(self.conditions(), now_ms);
        let mut readings = Object::with_capacity(20);
        readings.insert("sequence", self.sequence);
        readings.insert("lat", rounded(self.latitude, 4));
        readings.insert("lon", rounded(self.longitude, 4));
        let broken = self.faults.iter().any(|(fault, _)| *fault == Fault::Sensor);
        match &mut self.model {
            Model::BaseStation(model) => model.readings(&mut self.random, &mut readings),
            Model::Room(model) => model.readings(&mut self.random, &mut readings),
        }
        if broken {
            // A broken sensor reads nothing, and a flow has to live with it.
            readings.insert("temperature", Value::Null);
        }
        readings.insert("alarms", self.raised.ids());
        (readings, events)
    }

    fn step(&mut self, seconds: f64, utc_hours: f64, faults_an_hour: f64) {
        for (_, left) in &mut self.faults {
            *left -= seconds;
        }
        self.faults.retain(|(_, left)| *left > 0.0);
        if self.random.happens(faults_an_hour, seconds) {
            self.start_fault();
        }
        let hour = (utc_hours + self.longitude / 15.0).rem_euclid(24.0);
        let moment = &mut Moment { seconds, hour, random: &mut self.random, faults: &self.faults };
        match &mut self.model {
            Model::BaseStation(model) => model.step(moment),
            Model::Room(model) => model.step(moment),
        }
    }

    fn start_fault(&mut self) {
        let chances = self.chances();
        let total: f64 = chances.iter().map(|(_, weight, _)| weight).sum();
        let mut left = self.random.unit() * total;
        for (fault, weight, minutes) in chances {
            left -= weight;
            if left < 0.0 {
                if !self.faults.iter().any(|(kind, _)| kind == fault) {
                    self.faults.push((*fault, minutes * 60.0 * self.random.between(0.4, 1.6)));
                }
                return;
            }
        }
    }

    fn conditions(&self) -> Vec<Condition> {
        let mut conditions = match &self.model {
            Model::BaseStation(model) => model.conditions(&self.raised),
            Model::Room(model) => model.conditions(&self.raised),
        };
        let has = |fault| self.faults.iter().any(|(kind, _)| *kind == fault);
        for (id, fault) in [(301, Fault::Door), (302, Fault::Smoke), (341, Fault::Sensor)] {
            conditions.push(Condition { id, is_on: has(fault), value: None });
        }
        conditions
    }
}

/// A reading to so many places, as a sensor gives it.
pub fn rounded(value: f64, places: i32) -> Value {
    let scale = 10f64.powi(places);
    let value = (value * scale).round() / scale;
    // Not -0: no sensor shows it.
    Value::number(if value == 0.0 { 0.0 } else { value })
}

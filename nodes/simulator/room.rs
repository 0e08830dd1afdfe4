//! A room with people in it at work hours: an office, a meeting room, a shop.

use serde::{Deserialize, Serialize};

use super::alarms::{Condition, Raised, above};
use super::random::{Drift, Random, approach};
use super::site::{Fault, Moment, rounded};
use crate::value::Object;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Room {
    weather: Drift,
    coming_and_going: Drift,
    /// How many it is made for.
    seats: f64,
    people: f64,
    temperature: f64,
    humidity: f64,
    co2: f64,
    light: f64,
    power: f64,
    door: bool,
    smoke: bool,
    leak: bool,
    aircon_failed: bool,
}

impl Room {
    pub fn new(random: &mut Random) -> Room {
        Room {
            weather: Drift::default(),
            coming_and_going: Drift::default(),
            seats: random.between(4.0, 24.0).round(),
            people: 0.0,
            temperature: 25.0,
            humidity: 55.0,
            co2: 450.0,
            light: 0.0,
            power: 100.0,
            door: false,
            smoke: false,
            leak: false,
            aircon_failed: false,
        }
    }

    pub fn step(&mut self, moment: &mut Moment<'_>) {
        let seconds = moment.seconds;
        self.door = moment.has(Fault::Door);
        self.smoke = moment.has(Fault::Smoke);
        self.leak = moment.has(Fault::Leak);
        self.aircon_failed = moment.has(Fault::Aircon);

        let working = (8.0..18.0).contains(&moment.hour);
        let come_and_go = self.coming_and_going.step(0.2, 1200.0, seconds, moment.random);
        let share = match (moment.has(Fault::Crowd), working) {
            (true, _) => 1.8,
            (false, true) => (0.6 + come_and_go).clamp(0.0, 1.2),
            (false, false) => 0.0,
        };
        approach(&mut self.people, share * self.seats, 600.0, seconds);

        let weather = self.weather.step(1.0, 3.0 * 3600.0, seconds, moment.random);
        let outside = 29.0 + 4.0 * moment.daily(14.0) + weather;
        let cooled = working && !self.aircon_failed;
        let crowd = self.people / self.seats;
        let goal = if cooled { 24.0 + 1.5 * crowd } else { outside + 1.0 + 3.0 * crowd };
        approach(&mut self.temperature, goal, if cooled { 1200.0 } else { 5400.0 }, seconds);
        let damp = if cooled { 50.0 } else { 66.0 } + 5.0 * crowd + if self.leak { 14.0 } else { 0.0 };
        approach(&mut self.humidity, damp, 1800.0, seconds);
        // An open door airs the room faster.
        let airing = if self.door { 600.0 } else { 2400.0 };
        approach(&mut self.co2, 430.0 + 950.0 * crowd, airing, seconds);
        let sun = 300.0 * moment.daily(12.5).max(0.0);
        self.light = if self.people >= 0.5 { 420.0 } else { 0.0 } + sun;
        self.power = 80.0 + 90.0 * self.people + if cooled { 900.0 } else { 0.0 };
    }

    pub fn readings(&mut self, random: &mut Random, out: &mut Object) {
        let mut noisy = |value: f64, noise: f64| value + noise * random.noise();
        out.insert("temperature", rounded(noisy(self.temperature, 0.1), 1));
        out.insert("humidity", rounded(noisy(self.humidity, 0.4).clamp(0.0, 100.0), 0));
        out.insert("co2", rounded(noisy(self.co2, 8.0).max(400.0), 0));
        out.insert("light", rounded(noisy(self.light, 4.0).max(0.0), 0));
        out.insert("people", rounded(self.people, 0));
        out.insert("power", rounded(noisy(self.power, 5.0).max(0.0), 0));
        out.insert("door", if self.door { "open" } else { "closed" });
        out.insert("smoke", self.smoke);
        out.insert("leak", self.leak);
    }

    pub fn conditions(&self, raised: &Raised) -> Vec<Condition> {
        let state = |id, is_on| Condition { id, is_on, value: None };
        let limit =
            |id, is_on, value: f64| Condition { id, is_on, value: Some((value * 10.0).round() / 10.0) };
        vec![
            state(303, self.leak),
            limit(311, above(self.temperature, 35.0, 32.0, raised.has(311)), self.temperature),
            state(319, self.aircon_failed),
            limit(321, above(self.humidity, 75.0, 70.0, raised.has(321)), self.humidity),
            limit(322, above(self.co2, 1500.0, 1200.0, raised.has(322)), self.co2),
        ]
    }
}

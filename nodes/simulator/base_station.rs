//! A mobile base station: a shelter with a rectifier, a battery, a generator and an air conditioner.
//!
//! Mains feed the rectifier, which feeds the equipment and charges the battery. Without mains the battery feeds it, and
//! the generator is started when the battery has lost a part of its charge.

use serde::{Deserialize, Serialize};

use super::alarms::{Condition, Raised, above, below};
use super::random::{Drift, Random, approach};
use super::site::{Fault, Moment, rounded};
use crate::value::Object;

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Generator {
    Off,
    /// Cranking, so many seconds to go.
    Starting(f64),
    Running,
    Failed,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct BaseStation {
    weather: Drift,
    mains: Drift,
    traffic: Drift,
    radio: Drift,
    /// What this station has of its own.
    warmth: f64,
    signal: f64,
    base_load: f64,

    outside: f64,
    temperature: f64,
    humidity: f64,
    grid: f64,
    load: f64,
    /// From 0 to 1.
    charge: f64,
    charging: bool,
    fuel: f64,
    generator: Generator,
    seconds_without_grid: f64,
    door: bool,
    smoke: bool,
    rectifier_failed: bool,
    aircon_failed: bool,
    rssi: f64,
}

/// What the battery holds, in kilowatt-hours: 48 V, 100 Ah.
const BATTERY_KWH: f64 = 4.8;
/// What the rectifier gives the battery on top of the load, in kilowatts.
const CHARGER_KW: f64 = 1.2;
const FUEL_LITRES: f64 = 100.0;
const LITRES_AN_HOUR: f64 = 2.2;
const CRANKING_SECONDS: f64 = 25.0;

impl BaseStation {
    pub fn new(random: &mut Random) -> BaseStation {
        BaseStation {
            weather: Drift::default(),
            mains: Drift::default(),
            traffic: Drift::default(),
            radio: Drift::default(),
            warmth: random.between(-1.5, 1.5),
            signal: random.between(-84.0, -66.0),
            base_load: random.between(0.9, 1.5),
            outside: 29.0,
            temperature: 25.0,
            humidity: 65.0,
            grid: 228.0,
            load: 1.2,
            charge: 1.0,
            charging: true,
            fuel: random.between(60.0, 95.0),
            generator: Generator::Off,
            seconds_without_grid: 0.0,
            door: false,
            smoke: false,
            rectifier_failed: false,
            aircon_failed: false,
            rssi: -75.0,
        }
    }

    pub fn step(&mut self, moment: &mut Moment<'_>) {
        let seconds = moment.seconds;
        self.door = moment.has(Fault::Door);
        self.smoke = moment.has(Fault::Smoke);
        self.rectifier_failed = moment.has(Fault::Rectifier);
        self.aircon_failed = moment.has(Fault::Aircon);

        // Warmest at two in the afternoon; most calls in the evening.
        let weather = self.weather.step(1.0, 3.0 * 3600.0, seconds, moment.random);
        self.outside = 29.0 + self.warmth + 4.0 * moment.daily(14.0) + weather;
        let traffic = self.traffic.step(0.05, 900.0, seconds, moment.random);
        self.load = (self.base_load + 0.25 * moment.daily(20.5) + traffic).max(0.4);
        let mains = self.mains.step(3.5, 1200.0, seconds, moment.random);
        let grid_is_on = !moment.has(Fault::Grid);
        self.grid = if grid_is_on { 228.0 + mains - 3.0 * moment.daily(20.5) } else { 0.0 };

        self.power(moment, grid_is_on);
        self.climate(seconds, grid_is_on);
        let fading = if moment.has(Fault::Uplink) { -32.0 } else { 0.0 };
        let radio = self.radio.step(2.5, 600.0, seconds, moment.random);
        approach(&mut self.rssi, self.signal + fading + radio, 45.0, seconds);
    }

    fn power(&mut self, moment: &mut Moment<'_>, grid_is_on: bool) {
        let hours = moment.seconds / 3600.0;
        self.seconds_without_grid = if grid_is_on { 0.0 } else { self.seconds_without_grid + moment.seconds };
        let wanted = self.seconds_without_grid > 900.0 || self.charge < 0.85;
        self.generator = match self.generator {
            _ if grid_is_on => Generator::Off,
            Generator::Off if wanted => Generator::Starting(CRANKING_SECONDS),
            Generator::Starting(left) if left > moment.seconds => Generator::Starting(left - moment.seconds),
            Generator::Starting(_) if moment.has(Fault::Generator) || self.fuel <= 0.0 => Generator::Failed,
            Generator::Starting(_) => Generator::Running,
            // Someone has seen to it.
            Generator::Failed if !moment.has(Fault::Generator) && self.fuel > 0.0 => {
                Generator::Starting(CRANKING_SECONDS)
            }
            Generator::Running if self.fuel <= 0.0 => Generator::Failed,
            same => same,
        };
        if self.generator == Generator::Running {
            self.fuel = (self.fuel - LITRES_AN_HOUR * hours / FUEL_LITRES * 100.0).max(0.0);
        } else if self.fuel < 10.0 && moment.random.happens(0.5, moment.seconds) {
            self.fuel = moment.random.between(90.0, 100.0);
        }
        let fed = (grid_is_on || self.generator == Generator::Running) && !self.rectifier_failed;
        // The last tenth charges slowly.
        let flow = if fed { CHARGER_KW * ((1.0 - self.charge) / 0.1).min(1.0) } else { -self.load };
        self.charging = fed;
        self.charge = (self.charge + flow * hours / BATTERY_KWH).clamp(0.0, 1.0);
    }

    fn climate(&mut self, seconds: f64, grid_is_on: bool) {
        let cooled = (grid_is_on || self.generator == Generator::Running) && !self.aircon_failed;
        let open = if self.door { 0.5 } else { 0.0 };
        // Equipment heats the shelter well above the air outside when nothing cools it.
        let hot = self.outside + 5.0 + 6.0 * self.load;
        let goal = if cooled { 24.5 + (self.outside - 24.5) * open } else { hot };
        let pace = if cooled { 900.0 } else { 3600.0 };
        approach(&mut self.temperature, goal, pace, seconds);
        if self.smoke {
            self.temperature += 0.5 * seconds / 60.0;
        }
        let damp = 84.0 - 2.2 * (self.outside - 25.0);
        let goal = if cooled { 52.0 + (damp - 52.0) * open } else { damp };
        approach(&mut self.humidity, goal, 1800.0, seconds);
        self.humidity = self.humidity.clamp(15.0, 100.0);
    }

    /// A 48 V lead battery: what it floats at, what it gives, and how it sags under load.
    fn battery_volts(&self) -> f64 {
        if self.charging { 52.0 + 2.4 * self.charge } else { 43.0 + 7.6 * self.charge - 0.25 * self.load }
    }

    pub fn readings(&mut self, random: &mut Random, out: &mut Object) {
        let mut noisy = |value: f64, noise: f64| value + noise * random.noise();
        let grid = if self.grid > 0.0 { noisy(self.grid, 0.6) } else { 0.0 };
        let running = self.generator == Generator::Running;
        let generator = if running { noisy(231.0, 0.8) } else { 0.0 };
        out.insert("temperature", rounded(noisy(self.temperature, 0.1), 1));
        out.insert("outside_temperature", rounded(noisy(self.outside, 0.1), 1));
        out.insert("humidity", rounded(noisy(self.humidity, 0.4).clamp(0.0, 100.0), 0));
        out.insert("grid_voltage", rounded(grid, 1));
        out.insert("generator_voltage", rounded(generator, 1));
        out.insert("battery_voltage", rounded(noisy(self.battery_volts(), 0.03), 2));
        out.insert("battery_charge", rounded(self.charge * 100.0, 0));
        out.insert("load", rounded(noisy(self.load, 0.01), 2));
        out.insert("fuel", rounded(self.fuel, 1));
        out.insert("door", if self.door { "open" } else { "closed" });
        out.insert("smoke", self.smoke);
        // What a modem can say.
        out.insert("rssi", rounded(noisy(self.rssi, 0.7).clamp(-113.0, -51.0), 0));
    }

    pub fn conditions(&self, raised: &Raised) -> Vec<Condition> {
        let state = |id, is_on| Condition { id, is_on, value: None };
        let limit =
            |id, is_on, value: f64| Condition { id, is_on, value: Some((value * 10.0).round() / 10.0) };
        let volts = self.battery_volts();
        let (grid, off) = (self.grid, self.grid == 0.0);
        let beyond = above(grid, 250.0, 246.0, raised.has(313)) || below(grid, 205.0, 209.0, raised.has(313));
        vec![
            limit(312, off, grid),
            limit(313, !off && beyond, grid),
            state(314, self.generator == Generator::Running),
            state(315, self.generator == Generator::Failed),
            limit(316, below(self.fuel, 20.0, 30.0, raised.has(316)), self.fuel),
            limit(317, below(volts, 47.0, 49.0, raised.has(317)), volts),
            state(318, self.rectifier_failed),
            state(319, self.aircon_failed),
            limit(311, above(self.temperature, 35.0, 32.0, raised.has(311)), self.temperature),
            limit(321, above(self.humidity, 85.0, 80.0, raised.has(321)), self.humidity),
            limit(331, below(self.rssi, -98.0, -94.0, raised.has(331)), self.rssi),
        ]
    }
}

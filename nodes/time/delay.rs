//! Delay: holds messages back, each for a time, or to a rate.

mod burst;
mod fields;
mod pace;
mod pause;
mod queue;
mod rate;

use serde::Deserialize;

use crate::cx::Cx;
use crate::error::NodeError;
use crate::host::Status;
use crate::node::{Built, NodeConfig, NodeType};
use crate::read;

pub const NODE: NodeType = NodeType { descriptor: &fields::DESCRIPTOR, build };

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Config {
    #[serde(default)]
    pause_type: Option<String>,
    #[serde(default, deserialize_with = "read::number")]
    timeout: f64,
    #[serde(default)]
    timeout_units: Option<String>,
    #[serde(default, deserialize_with = "read::number")]
    rate: f64,
    #[serde(default, deserialize_with = "read::number")]
    nb_rate_units: f64,
    #[serde(default)]
    rate_units: Option<String>,
    #[serde(default, deserialize_with = "read::number")]
    random_first: f64,
    #[serde(default, deserialize_with = "read::number")]
    random_last: f64,
    #[serde(default)]
    random_units: Option<String>,
    #[serde(default, deserialize_with = "read::boolean")]
    drop: bool,
    #[serde(default, deserialize_with = "read::boolean")]
    allowrate: bool,
    #[serde(default, deserialize_with = "read::number")]
    outputs: f64,
}

impl Config {
    fn timeout_ms(&self) -> f64 {
        self.timeout * unit_ms(self.timeout_units.as_deref())
    }

    /// The time for which the rate counts.
    fn period_ms(&self) -> f64 {
        let units = if self.nb_rate_units > 0.0 { self.nb_rate_units } else { 1.0 };
        let unit = match self.rate_units.as_deref() {
            Some("minute") => 60_000.0,
            Some("hour") => 3_600_000.0,
            Some("day") => 86_400_000.0,
            _ => 1000.0,
        };
        unit * units
    }

    fn rate(&self) -> Result<f64, NodeError> {
        if self.rate > 0.0 {
            return Ok(self.rate);
        }
        Err(NodeError::config("/rate", format!("a rate is a number of messages above 0, not {}", self.rate)))
    }
}

fn unit_ms(unit: Option<&str>) -> f64 {
    match unit {
        Some("milliseconds") => 1.0,
        Some("minutes") => 60_000.0,
        Some("hours") => 3_600_000.0,
        Some("days") => 86_400_000.0,
        _ => 1000.0,
    }
}

fn build(config: &NodeConfig) -> Result<Built, NodeError> {
    let config: Config = config.read()?;
    let second = config.outputs == 2.0;
    let built = match config.pause_type.as_deref().unwrap_or("delay") {
        "delay" => Built::transform(pause::Pause::fixed(config.timeout_ms())),
        "delayv" => Built::transform(pause::Pause::by_message(config.timeout_ms())),
        "random" => {
            let unit = unit_ms(config.random_units.as_deref());
            let (first, last) = (config.random_first * unit, config.random_last * unit);
            Built::transform(pause::Pause::random(first, last, config.timeout_ms()))
        }
        "rate" => {
            let ms = config.period_ms() / config.rate()?;
            match config.drop {
                true => Built::transform(rate::Thin::new(ms, config.allowrate, second)),
                false => Built::transform(rate::Rate::new(ms, config.allowrate)),
            }
        }
        "burst" => Built::transform(burst::Burst::new(config.rate()?, config.period_ms(), second)),
        "queue" | "timed" => {
            let all = config.pause_type.as_deref() == Some("timed");
            let ms = config.period_ms() / config.rate()?;
            Built::transform(queue::Queue::new(all, ms, config.allowrate, second))
        }
        other => {
            let known = "delay, delayv, random, rate, burst, queue or timed";
            return Err(NodeError::config("/pauseType", format!("\"{other}\" is none of {known}")));
        }
    };
    Ok(built.telling_empty_name())
}

fn show(shape: &str, count: usize, cx: &mut Cx<'_>) {
    cx.status(Status::new("blue", shape, count));
}

#[cfg(test)]
#[path = "delay_tests.rs"]
mod tests;

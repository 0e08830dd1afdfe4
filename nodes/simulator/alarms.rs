//! The alarms of the simulated stations. The table stands in the node's help too.

use serde::{Deserialize, Serialize};

use crate::value::{Object, Value};

pub struct AlarmType {
    pub id: u32,
    pub name: &'static str,
    pub severity: &'static str,
}

const fn alarm(id: u32, name: &'static str, severity: &'static str) -> AlarmType {
    AlarmType { id, name, severity }
}

/// Every alarm there is. 30x the building, 31x power, 32x air, 33x the uplink, 34x the sensors.
pub const ALARMS: &[AlarmType] = &[
    alarm(301, "door open", "minor"),
    alarm(302, "smoke", "critical"),
    alarm(303, "water leak", "critical"),
    alarm(311, "high temperature", "major"),
    alarm(312, "grid failure", "major"),
    alarm(313, "grid voltage out of range", "minor"),
    alarm(314, "generator running", "warning"),
    alarm(315, "generator does not start", "critical"),
    alarm(316, "fuel low", "minor"),
    alarm(317, "battery low", "critical"),
    alarm(318, "rectifier failure", "major"),
    alarm(319, "air conditioner failure", "major"),
    alarm(321, "high humidity", "minor"),
    alarm(322, "high CO2", "minor"),
    alarm(331, "weak uplink", "warning"),
    alarm(341, "temperature sensor failure", "minor"),
];

/// What a station says about one alarm now.
pub struct Condition {
    pub id: u32,
    pub is_on: bool,
    /// The reading that it goes by.
    pub value: Option<f64>,
}

/// An alarm with hysteresis: on above one limit, off below another, in between as it was.
pub fn above(value: f64, on: f64, off: f64, was_on: bool) -> bool {
    if was_on { value > off } else { value > on }
}

pub fn below(value: f64, on: f64, off: f64, was_on: bool) -> bool {
    if was_on { value < off } else { value < on }
}

/// The alarms of one station that are raised.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Raised(Vec<(u32, i64)>);

impl Raised {
    pub fn has(&self, id: u32) -> bool {
        self.0.iter().any(|(raised, _)| *raised == id)
    }

    pub fn ids(&self) -> Value {
        Value::array(self.0.iter().map(|(id, _)| Value::from(*id)).collect())
    }

    /// Takes over how things stand, and gives an event for each alarm that came or went.
    pub fn update(&mut self, conditions: Vec<Condition>, now_ms: i64) -> Vec<Object> {
        let mut events = Vec::new();
        for condition in conditions {
            let at = self.0.iter().position(|(id, _)| *id == condition.id);
            let since = match (condition.is_on, at) {
                (true, None) => {
                    self.0.push((condition.id, now_ms));
                    now_ms
                }
                (false, Some(at)) => self.0.remove(at).1,
                (true, Some(_)) | (false, None) => continue,
            };
            let Some(kind) = ALARMS.iter().find(|kind| kind.id == condition.id) else { continue };
            let fields: [(&str, Value); 6] = [
                ("alarm_id", kind.id.into()),
                ("name", kind.name.into()),
                ("severity", if condition.is_on { kind.severity } else { "cleared" }.into()),
                ("state", if condition.is_on { "raised" } else { "cleared" }.into()),
                ("raised_at", since.into()),
                ("value", condition.value.map_or(Value::Null, Value::number)),
            ];
            events.push(fields.into_iter().collect());
        }
        events
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alarm_comes_and_goes_once() {
        let mut raised = Raised::default();
        let mut update = |is_on, now| {
            let events = raised.update(vec![Condition { id: 312, is_on, value: None }], now);
            events.into_iter().map(|event| Value::Object(event).to_json()).collect::<Vec<_>>()
        };
        assert_eq!(
            update(true, 5),
            [
                r#"{"alarm_id":312,"name":"grid failure","severity":"major","state":"raised","raised_at":5,"value":null}"#
            ]
        );
        assert!(update(true, 6).is_empty());
        assert_eq!(
            update(false, 9),
            [
                r#"{"alarm_id":312,"name":"grid failure","severity":"cleared","state":"cleared","raised_at":5,"value":null}"#
            ]
        );
        assert!(update(false, 10).is_empty());
    }

    #[test]
    fn limits_have_hysteresis() {
        let mut on = false;
        let seen = [30.0, 36.0, 34.0, 32.0, 34.0].map(|value| {
            on = above(value, 35.0, 33.0, on);
            on
        });
        assert_eq!(seen, [false, true, true, false, false]);
        assert!(
            below(46.0, 47.0, 49.0, false)
                && below(48.0, 47.0, 49.0, true)
                && !below(48.0, 47.0, 49.0, false)
        );
    }

    #[test]
    fn the_help_page_has_the_table() {
        let help = include_str!("sensor_simulator.md");
        for alarm in ALARMS {
            let row = format!("| {} | {} | {} |", alarm.id, alarm.name, alarm.severity);
            assert!(help.contains(&row), "missing in the help page: {row}");
        }
    }
}

//! Range: maps a number from one range to another.

use serde::{Deserialize, Deserializer};
use serde_json::Value as Json;

use crate::cx::Cx;
use crate::descriptor::{Category, Descriptor, Field, Outputs, Role};
use crate::error::NodeError;
use crate::host::Level;
use crate::message::Message;
use crate::node::{Built, NodeConfig, NodeType, Transform};
use crate::path::Path;
use crate::read;
use crate::value::Value;

pub const NODE: NodeType = NodeType { descriptor: &DESCRIPTOR, build };

static DESCRIPTOR: Descriptor = Descriptor {
    type_name: "range",
    category: Category::Function,
    summary: "Maps a number from one range to another.",
    help: include_str!("range.md"),
    examples: include_str!("range.examples.json"),
    inputs: 1,
    outputs: Outputs::Fixed(1),
    role: Role::Transform,
    fields: &[
        Field::text("property", "Property", "The property of the message that holds the number.")
            .default("\"payload\""),
        Field::choice(
            "action",
            &[
                ("scale", "scale the number"),
                ("clamp", "scale and limit to the target range"),
                ("roll", "scale and wrap within the target range"),
                ("drop", "scale, but drop the message if outside the input range"),
            ],
            "Action",
            "What becomes of a number outside the input range.",
        )
        .default("\"scale\""),
        Field::number("minin", "Input from", "Where the input range begins.").required(),
        Field::number("maxin", "Input to", "Where the input range ends.").required(),
        Field::number("minout", "Target from", "What the beginning becomes.").required(),
        Field::number("maxout", "Target to", "What the end becomes.").required(),
        Field::bool("round", "Round", "Rounds the result to a whole number.").default("false"),
    ],
};

#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    property: Option<String>,
    #[serde(default)]
    action: Option<String>,
    #[serde(deserialize_with = "bound", default = "missing")]
    minin: f64,
    #[serde(deserialize_with = "bound", default = "missing")]
    maxin: f64,
    #[serde(deserialize_with = "bound", default = "missing")]
    minout: f64,
    #[serde(deserialize_with = "bound", default = "missing")]
    maxout: f64,
    #[serde(default, deserialize_with = "read::boolean")]
    round: bool,
}

/// As JavaScript's `Number(x)`, which Node-RED applies: an empty text is 0, what is no number gives no number.
fn bound<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(Value::from(&Json::deserialize(deserializer)?).to_number())
}

fn missing() -> f64 {
    f64::NAN
}

fn build(config: &NodeConfig) -> Result<Built, NodeError> {
    let config: Config = config.read()?;
    let property = config.property.as_deref().filter(|p| !p.is_empty()).unwrap_or("payload");
    let property =
        Path::parse_msg(property).map_err(|error| NodeError::config("/property", error.message()))?;
    let outside = match config.action.as_deref() {
        None | Some("" | "scale") => Outside::Scale,
        Some("clamp") => Outside::Clamp,
        Some("roll") => Outside::Roll,
        Some("drop") => Outside::Drop,
        Some(other) => {
            let error = format!("unknown action \"{other}\": there are scale, clamp, roll and drop");
            return Err(NodeError::config("/action", error));
        }
    };
    let (mut from, mut to) = ((config.minin, config.maxin), (config.minout, config.maxout));
    if from.0 > from.1 {
        (from, to) = ((from.1, from.0), (to.1, to.0));
    }
    if config.round {
        to = (to.0.ceil(), to.1.floor());
    }
    Ok(Built::transform(Range { property, outside, from, to, round: config.round }))
}

struct Range {
    property: Path,
    outside: Outside,
    from: (f64, f64),
    to: (f64, f64),
    round: bool,
}

#[derive(Clone, Copy)]
enum Outside {
    Scale,
    Clamp,
    Roll,
    Drop,
}

impl Transform for Range {
    fn handle(&mut self, msg: &mut Option<Message>, cx: &mut Cx<'_>) -> Result<(), NodeError> {
        let Some(message) = msg.as_mut() else { return Ok(()) };
        if let Some(value) = self.property.get(&message.value, &message.value)? {
            let number = value.to_number();
            if number.is_nan() {
                cx.log(Level::Info, &format!("Not a number: {}", value.to_text()));
                return Ok(());
            }
            let Some(scaled) = self.scale(number) else { return Ok(()) };
            let path = self.property.resolve(&message.value)?;
            if path.put(&mut message.value, Value::number(scaled), true) {
                cx.done_with(message);
            }
        }
        if let Some(message) = msg.take() {
            cx.send(0, message);
        }
        Ok(())
    }
}

impl Range {
    /// `None` where the message is dropped.
    fn scale(&self, n: f64) -> Option<f64> {
        let (min, max) = self.from;
        let n = match self.outside {
            Outside::Drop if n < min || n > max => return None,
            Outside::Clamp if n < min => min,
            Outside::Clamp if n > max => max,
            Outside::Roll => {
                let width = max - min;
                ((n - min) % width + width) % width + min
            }
            _ => n,
        };
        let scaled = (n - min) / (max - min) * (self.to.1 - self.to.0) + self.to.0;
        Some(if self.round { round(scaled) } else { scaled })
    }
}

/// As JavaScript rounds: a half goes up, also below zero.
fn round(n: f64) -> f64 {
    let below = n.floor();
    if n - below >= 0.5 { below + 1.0 } else { below }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::Rig;

    fn scaled(action: &str, from: [f64; 2], to: [f64; 2], round: bool, payload: Json) -> Vec<Json> {
        let mut rig = Rig::new(
            "range",
            json!({"action": action, "minin": from[0].to_string(), "maxin": from[1], "minout": to[0],
                   "maxout": to[1], "round": round}),
        );
        rig.send(json!({"payload": payload}));
        rig.sent(0).into_iter().map(|msg| msg["payload"].clone()).collect()
    }

    #[test]
    fn scales_clamps_rolls_and_drops() {
        for (action, from, to, round, payload, expected) in [
            ("scale", [0.0, 100.0], [0.0, 1000.0], false, json!(50), json!([500])),
            ("scale", [0.0, 1000.0], [0.0, 10.0], false, json!("500"), json!([5])),
            ("scale", [10.0, 0.0], [0.0, 30.0], false, json!(8), json!([6])),
            ("scale", [0.0, 10.0], [0.0, 10.0], false, json!(true), json!([1])),
            ("scale", [0.0, 10.0], [0.0, 10.0], false, json!(null), json!([0])),
            ("scale", [0.0, 10.0], [-5.0, 0.0], true, json!(5), json!([-2])),
            ("scale", [0.0, 10.0], [0.5, 9.5], true, json!(10), json!([9])),
            ("clamp", [0.0, 10.0], [0.0, 1000.0], false, json!(111), json!([1000])),
            ("clamp", [0.0, 10.0], [0.0, 1000.0], false, json!(-1), json!([0])),
            ("roll", [0.0, 10.0], [0.0, 360.0], true, json!(15), json!([180])),
            ("roll", [0.0, 10.0], [0.0, 360.0], true, json!(-12), json!([288])),
            ("drop", [3.0, 7.0], [0.0, 100.0], false, json!(2), json!([])),
            ("drop", [3.0, 7.0], [0.0, 100.0], false, json!(7), json!([100])),
        ] {
            assert_eq!(
                json!(scaled(action, from, to, round, payload.clone())),
                expected,
                "{action} {payload}"
            );
        }
    }

    #[test]
    fn what_is_no_number_is_logged_and_what_is_not_there_passes() {
        let config = json!({"minin": 0, "maxin": 1, "minout": 0, "maxout": 2});
        let mut rig = Rig::new("range", config);
        rig.send(json!({"payload": "NOT A NUMBER"}));
        assert_eq!(rig.sent(0), [] as [Json; 0]);
        assert_eq!(rig.host.logs, [(Level::Info, "Not a number: NOT A NUMBER".to_string())]);
        rig.send(json!({"topic": "t"}));
        assert_eq!(rig.sent(0), [json!({"topic": "t"})]);
        assert_eq!(rig.settled().len(), 1);
    }

    #[test]
    fn complete_sees_the_result_and_catch_the_message() {
        let config = json!({"minin": 0, "maxin": 1, "minout": 0, "maxout": 2, "property": "a.b"});
        let mut rig = Rig::new("range", config);
        rig.send(json!({"a": {"b": 1}}));
        assert_eq!(rig.host.completed[0].value.get("a").unwrap().get("b"), Some(&Value::Int(2)));
        rig.send(json!({"payload": 1}));
        let (error, message) = &rig.host.errors[0];
        assert!(error.message().contains("a.b"), "{error}");
        assert!(message.is_some());
    }

    #[test]
    fn a_wrong_action_is_refused() {
        let error = Rig::try_new("range", json!({"action": "jump"})).err().unwrap();
        assert!(error.to_string().starts_with("/action: "), "{error}");
    }
}

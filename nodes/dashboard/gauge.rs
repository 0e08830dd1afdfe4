//! ui-gauge: a number on a scale.

use std::sync::Arc;

use super::face::{Face, is_only_an_update};
use super::fields::{GROUP, HEIGHT, ORDER, WIDTH, kept};
use super::setting::{Kind, LABEL, Setting, WORD};
use super::shown_value::typed;
use crate::cx::Cx;
use crate::descriptor::{Category, Descriptor, Field, Outputs, Role};
use crate::error::NodeError;
use crate::message::Message;
use crate::node::{Built, NodeConfig, NodeType, Transform};
use crate::shown::{Draw, Screen};
use crate::typed::Typed;
use crate::value::{Object, Value};

pub const NODE: NodeType = NodeType { descriptor: &DESCRIPTOR, build };

const SEGMENT: &[Field] = &[
    Field::number("from", "From", "Where the segment begins; it ends where the next one does."),
    Field::text("color", "Colour", "Such as #5cd65c."),
    Field::text("text", "Meaning", "What it means that the value is in there, in a word: good, high."),
    Field::choice(
        "textType",
        &[("label", "The meaning"), ("value", "Where it begins"), ("str", "Text"), ("env", "Setting")],
        "Text",
        "Kept for Node-RED's dashboard.",
    ),
];

static DESCRIPTOR: Descriptor = Descriptor {
    type_name: "ui-gauge",
    category: Category::Dashboard,
    summary: "Shows a number on a scale of the dashboard.",
    help: include_str!("gauge.md"),
    examples: include_str!("gauge.examples.json"),
    inputs: 1,
    outputs: Outputs::Fixed(1),
    role: Role::Transform,
    fields: &[
        GROUP,
        Field::text("title", "Label", "What people read above it. Plain text.").default("\"gauge\""),
        Field::typed(
            "value",
            "valueType",
            &["msg", "jsonata", "flow", "global", "env", "num"],
            "Value",
            "The number of each message.",
        )
        .default("\"payload\""),
        Field::choice(
            "gtype",
            &[
                ("gauge-half", "Half a circle"),
                ("gauge-34", "Three quarters of a circle"),
                ("gauge-tile", "A coloured tile"),
                ("gauge-battery", "A bar, as of a battery"),
                ("gauge-tank", "A column, as of a tank"),
            ],
            "Form",
            "How it looks.",
        )
        .default("\"gauge-half\""),
        Field::choice(
            "gstyle",
            &[("needle", "A needle"), ("rounded", "A filled arc")],
            "Style",
            "How an arc shows the value.",
        )
        .default("\"needle\""),
        Field::number("min", "From", "The lower end of the scale.").default("0"),
        Field::number("max", "To", "The upper end of the scale.").default("10"),
        Field::text("units", "Unit", "What stands under the number.").default("\"units\""),
        Field::text("prefix", "Before", "What stands before the number.").default("\"\""),
        Field::text("suffix", "Behind", "What stands behind the number.").default("\"\""),
        Field::list("segments", SEGMENT, "Segments", "Parts of the scale, each with a colour and a meaning.")
            .default(r##"[{"from":0,"color":"#5cd65c"},{"from":4,"color":"#ffc800"},{"from":7,"color":"#ea5353"}]"##),
        ORDER,
        WIDTH.default("3"),
        HEIGHT.default("3"),
        kept("icon"),
        kept("sizeThickness"),
        kept("sizeGap"),
        kept("sizeKeyThickness"),
        kept("styleRounded"),
        kept("styleGlow"),
        kept("alwaysShowTitle"),
        kept("floatingTitlePosition"),
        kept("label"),
        kept("format"),
        kept("angle"),
        kept("className"),
    ],
};

const SEGMENTS: Kind =
    Kind::List(20, &[("from", Kind::Number), ("color", Kind::Colour), ("text", Kind::Text(WORD))]);

const SETTINGS: &[Setting] = &[
    Setting::live("title", Kind::Text(LABEL)),
    Setting::live("gtype", Kind::Text(WORD)),
    Setting::live("gstyle", Kind::Text(WORD)),
    Setting::live("min", Kind::Number),
    Setting::live("max", Kind::Number),
    Setting::live("units", Kind::Text(WORD)),
    Setting::live("prefix", Kind::Text(WORD)),
    Setting::live("suffix", Kind::Text(WORD)),
    Setting::live("segments", SEGMENTS),
];

fn build(config: &NodeConfig) -> Result<Built, NodeError> {
    let value = typed(config, "value", "valueType", ("payload", "msg"))?;
    let face = Face::of(config, &DESCRIPTOR, SETTINGS)?;
    if face.number("min") >= face.number("max") {
        return Err(NodeError::config("/max", "the upper end of the scale is not above the lower one"));
    }
    let screen = Arc::new(Screen::new(State { face, value: None, at: None }));
    Ok(Built::transform(Gauge { value, screen: screen.clone() }).showing(screen))
}

struct Gauge {
    value: Typed,
    screen: Arc<Screen<State>>,
}

struct State {
    face: Face,
    value: Option<f64>,
    /// When the value came, by the gateway's clock.
    at: Option<i64>,
}

impl Draw for State {
    fn draw(&self, since: Option<u64>) -> Object {
        let mut view = self.face.draw(since);
        view.insert("value", self.value.map_or(Value::Null, Value::number));
        view.insert("at", self.at.map_or(Value::Null, Value::Int));
        view
    }
}

impl Transform for Gauge {
    fn handle(&mut self, msg: &mut Option<Message>, cx: &mut Cx<'_>) -> Result<(), NodeError> {
        let Some(message) = msg.as_ref() else { return Ok(()) };
        let value = match is_only_an_update(&message.value) {
            true => None,
            false => Some(self.value.eval(&message.value, cx)?.unwrap_or(Value::Null)),
        };
        let number = value.as_ref().map(number).transpose()?;
        let now = cx.wall_ms();
        self.screen.change(|state, mark| {
            state.face.update(&message.value, mark);
            if let Some(number) = number {
                (state.value, state.at) = (number, Some(now));
            }
        });
        if let Some(message) = msg.take() {
            cx.send(0, message);
        }
        Ok(())
    }
}

/// The number of a value; none for null, which says that there is none.
fn number(value: &Value) -> Result<Option<f64>, NodeError> {
    match value {
        Value::Null => Ok(None),
        value => match value.to_number() {
            number if number.is_finite() => Ok(Some(number)),
            _ => Err(NodeError::rejected(format!("a gauge shows a number, and this is {}", value.kind()))),
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::testing::{Rig, assert_refused};

    #[test]
    fn numbers_are_shown_and_passed_on_and_others_go_to_catch() {
        let mut rig = Rig::new(
            "ui-gauge",
            json!({"min": "0", "max": 100, "segments": [{"from": 50, "color": "red", "text": "high"}]}),
        );
        let (mark, view) = rig.view(None).unwrap();
        assert_eq!((&view["min"], &view["max"], &view["title"]), (&json!(0), &json!(100), &json!("gauge")));
        assert_eq!(view["segments"], json!([{"from": 50, "color": "red", "text": "high"}]));
        rig.send(json!({"payload": "42.5"}));
        rig.send(json!({"payload": "warm"}));
        let (mark, view) = rig.view(Some(mark)).unwrap();
        assert_eq!(view, json!({"value": 42.5, "at": 1_700_000_000_000_i64}));
        assert_eq!(rig.sent(0), [json!({"payload": "42.5"})]);
        assert_eq!(rig.host.errors.len(), 1);
        rig.send(json!({"payload": null}));
        assert_eq!(rig.view(Some(mark)).unwrap().1["value"], json!(null));
    }

    #[test]
    fn a_message_changes_the_scale() {
        let mut rig = Rig::new("ui-gauge", json!({}));
        rig.send(json!({"payload": 3}));
        let (mark, _) = rig.view(None).unwrap();
        rig.send(json!({"ui_update": {"max": 50, "units": "kW", "min": "none"}}));
        let (_, view) = rig.view(Some(mark)).unwrap();
        assert_eq!(
            (&view["max"], &view["units"], &view["min"], &view["value"]),
            (&json!(50), &json!("kW"), &json!(0), &json!(3))
        );
    }

    #[test]
    fn a_scale_without_room_is_refused() {
        assert_refused(Rig::try_new("ui-gauge", json!({"min": 5, "max": 5})), "/max");
        assert_refused(Rig::try_new("ui-gauge", json!({"min": "low"})), "/min");
    }
}

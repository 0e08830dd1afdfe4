//! ui-text: a value with a label, or a text.

use std::sync::Arc;

use super::face::{Face, is_only_an_update};
use super::fields::{GROUP, HEIGHT, LABEL, ORDER, WIDTH, kept};
use super::setting::{Kind, Setting, WORD};
use super::shown_value::{shown, typed};
use crate::cx::Cx;
use crate::descriptor::{Category, Descriptor, Field, Outputs, Role};
use crate::error::NodeError;
use crate::message::Message;
use crate::node::{Built, NodeConfig, NodeType, Transform};
use crate::shown::{Draw, Screen};
use crate::typed::Typed;
use crate::value::{Object, Value};

pub const NODE: NodeType = NodeType { descriptor: &DESCRIPTOR, build };

/// Characters of a text.
const LONGEST: usize = 8_000;

static DESCRIPTOR: Descriptor = Descriptor {
    type_name: "ui-text",
    category: Category::Dashboard,
    summary: "Shows a value or a text on the dashboard.",
    help: include_str!("text.md"),
    examples: include_str!("text.examples.json"),
    inputs: 1,
    outputs: Outputs::Fixed(0),
    role: Role::Transform,
    fields: &[
        GROUP,
        LABEL.default("\"text\""),
        Field::typed(
            "value",
            "valueType",
            &["msg", "jsonata", "flow", "global", "env", "str"],
            "Value",
            "What is shown of each message.",
        )
        .default("\"payload\""),
        Field::choice(
            "layout",
            &[
                ("row-spread", "Label left, value right"),
                ("row-left", "Both at the left"),
                ("row-center", "Both in the middle"),
                ("row-right", "Both at the right"),
                ("col-center", "A large value under its label"),
            ],
            "Layout",
            "How label and value stand. The last is for a value that is read from afar.",
        )
        .default("\"row-spread\""),
        Field::bool("wrapText", "Wrap", "Break a long text into lines; else it is cut at the edge.")
            .default("false"),
        ORDER,
        WIDTH,
        HEIGHT,
        Field::bool("style", "Own style", "Use the size and the colour below.").default("false"),
        Field::number("fontSize", "Size", "Of the value, in pixels.")
            .range(8.0, 100.0)
            .default("16")
            .visible_if("style", &["true"]),
        Field::text("color", "Colour", "Of the value, such as #717171.")
            .default("\"#717171\"")
            .visible_if("style", &["true"]),
        kept("format"),
        kept("font"),
        kept("className"),
        kept("translations"),
    ],
};

const SETTINGS: &[Setting] = &[
    Setting::live("layout", Kind::Text(WORD)),
    Setting::fixed("wrapText", Kind::Flag),
    Setting::fixed("style", Kind::Flag),
    Setting::live("fontSize", Kind::Number),
    Setting::live("color", Kind::Colour),
];

fn build(config: &NodeConfig) -> Result<Built, NodeError> {
    let value = typed(config, "value", "valueType", ("payload", "msg"))?;
    let face = Face::of(config, &DESCRIPTOR, SETTINGS)?;
    let screen = Arc::new(Screen::new(State { face, value: Value::Null, at: None }));
    Ok(Built::transform(Text { value, screen: screen.clone() }).showing(screen))
}

struct Text {
    value: Typed,
    screen: Arc<Screen<State>>,
}

struct State {
    face: Face,
    value: Value,
    /// When the value came, by the gateway's clock.
    at: Option<i64>,
}

impl Draw for State {
    fn draw(&self, since: Option<u64>) -> Object {
        let mut view = self.face.draw(since);
        view.insert("value", self.value.clone());
        view.insert("at", self.at.map_or(Value::Null, Value::Int));
        view
    }
}

impl Transform for Text {
    fn handle(&mut self, msg: &mut Option<Message>, cx: &mut Cx<'_>) -> Result<(), NodeError> {
        let Some(message) = msg.as_ref() else { return Ok(()) };
        let value = match is_only_an_update(&message.value) {
            true => None,
            false => self.value.eval(&message.value, cx)?,
        };
        let now = cx.wall_ms();
        self.screen.change(|state, mark| {
            state.face.update(&message.value, mark);
            if let Some(value) = value {
                (state.value, state.at) = (shown(&value, LONGEST), Some(now));
            }
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{Rig, assert_refused};

    #[test]
    fn the_last_value_is_seen_and_a_look_later_sees_what_has_changed() {
        let mut rig = Rig::new("ui-text", json!({"label": "Power", "group": "g", "order": "2"}));
        let (mark, view) = rig.view(None).unwrap();
        assert_eq!(
            (&view["type"], &view["label"], &view["order"]),
            (&json!("ui-text"), &json!("Power"), &json!(2))
        );
        assert_eq!(
            (&view["value"], &view["at"], &view["layout"]),
            (&json!(null), &json!(null), &json!("row-spread"))
        );
        assert!(rig.view(Some(mark)).is_none());
        rig.send(json!({"payload": 1}));
        rig.send(json!({"payload": {"a": [1, 2]}}));
        let (mark, view) = rig.view(Some(mark)).unwrap();
        assert_eq!(view, json!({"value": "{\"a\":[1,2]}", "at": 1_700_000_000_000_i64}));
        rig.send(json!({"ui_update": {"label": "Load", "layout": "col-center", "group": "other", "color": "url(x)"}}));
        let (_, view) = rig.view(Some(mark)).unwrap();
        assert_eq!(
            (&view["label"], &view["layout"], &view["group"]),
            (&json!("Load"), &json!("col-center"), &json!("g"))
        );
        assert_eq!((&view["color"], &view["value"]), (&json!(""), &json!("{\"a\":[1,2]}")));
        assert_eq!(rig.settled().len(), 3, "each message is done when it is taken");
    }

    #[test]
    fn a_text_without_end_is_cut_and_a_wrong_expression_is_refused() {
        let mut rig = Rig::new("ui-text", json!({"value": "topic", "valueType": "msg"}));
        rig.send(json!({"payload": 1, "topic": "é".repeat(20_000)}));
        let (_, view) = rig.view(None).unwrap();
        assert_eq!(view["value"].as_str().unwrap().chars().count(), LONGEST + 1);
        assert_refused(Rig::try_new("ui-text", json!({"value": "a[", "valueType": "msg"})), "/value");
        assert_refused(Rig::try_new("ui-text", json!({"label": {"a": 1}})), "/label");
    }

    #[test]
    fn nobody_can_operate_it() {
        let rig = Rig::new("ui-text", json!({}));
        assert!(rig.shown.unwrap().accepts(&Value::Int(1)).is_err());
    }
}
